/** Breakers by hand: whom to ask is an operator's word, where the money may go is not (MISSION 5, DECISIONS D7). */
import { afterAll, afterEach, expect, test } from "bun:test"
import { paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { ended, operating, REASON, silence } from "./operating.ts"
import { startPlatform } from "./platform.ts"
import { eventsOfType } from "./records.ts"

const platform = await startPlatform({
  env: {
    GATEWAY_TIMEOUT_MS: "1500",
    SAGA_STEP_TIMEOUT_MS: "250",
    RECOVERY_INTERVAL_MS: "300",
    BREAKER_RESET_MS: "100",
    GATEWAY_PROVIDERS: "stripe,paypal"
  }
})
const { api, sim, sql } = platform
const ops = operating(platform)
afterAll(platform.stop)
afterEach(() => sim.reset())

const AMOUNT = 5_000
const paidBy = async () => paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT)).provider
const switched = async (verb: "open" | "close", provider = "stripe") => {
  const answer = await ops.act(`circuit-breakers/${provider}/${verb}`, { reason: `${verb} for maintenance` })
  expect(answer.status).toBe(200)
  return JSON.parse(answer.text)
}
const actorsOf = async (type: string) => {
  const rows = await sql<Array<{ actor: string }>>`
    select body::json ->> 'actor' as actor from journal.events where type = ${type}`
  return rows.map(({ actor }) => actor)
}

test("forced open it stays open until an operator closes it: over its reset time, and over a restart", async () => {
  expect(await paidBy()).toBe("stripe")
  expect(await switched("open")).toMatchObject({ provider: "stripe", state: "open", forced: true, until: null })
  expect(await paidBy()).toBe("paypal")
  expect((await ops.alerts()).map(({ name, subjects }) => [name, ...subjects])).toEqual([["breaker_open", "stripe"]])
  const opened = await eventsOfType(platform, "CircuitBreakerOpened")
  expect(opened[0]?.data).toMatchObject({ forced: true, reason: "open for maintenance" })
  expect(await actorsOf("CircuitBreakerOpened")).toEqual(["operator:development"])
  await platform.terminate()
  await platform.restart()
  expect(await paidBy()).toBe("paypal")
  expect((await ops.breakers()).filter(({ forced }) => forced).map(({ provider }) => provider)).toEqual(["stripe"])
  expect(await switched("close")).toMatchObject({ state: "closed", forced: false })
  expect(await paidBy()).toBe("stripe")
  expect(await actorsOf("CircuitBreakerClosed")).toEqual(["operator:development"])
  expect(await ops.alerts()).toEqual([])
  expect((await ops.audit("breaker-stripe")).map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
    "circuit_breaker.close applied",
    "circuit_breaker.open applied"
  ])
}, 60_000)

test("repeating it is no mistake and no event", async () => {
  await switched("open", "paypal")
  await switched("open", "paypal")
  await switched("close", "paypal")
  await switched("close", "paypal")
  const of = async (type: string) =>
    (await eventsOfType(platform, type)).filter(({ data }) => data["gateway_provider"] === "paypal").length
  expect([await of("CircuitBreakerOpened"), await of("CircuitBreakerClosed")]).toEqual([1, 1])
})

test("an open breaker moves no money to another provider: an unknown attempt is asked about, and kept", async () => {
  const { wallet, id } = await silence(platform, true, AMOUNT)
  await switched("open")
  const reads = async () => (await sim.wire(id)).filter(({ op }) => op === "read").length
  const asked = await reads()
  await eventually("reads pass the open breaker", reads, (count) => count > asked + 1)
  expect((await sim.wire(id)).map(({ provider }) => provider)).not.toContain("paypal")
  await sim.reset()
  expect((await ended(platform, id, "COMPLETED")).provider).toBe("stripe")
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  await switched("close")
})

test("all of them open: the payment waits, and goes on when one is closed by hand", async () => {
  await switched("open")
  await switched("open", "paypal")
  const wallet = await api.open(AMOUNT)
  const { id } = paymentOf(await api.pay(wallet.id, AMOUNT, { prefer: "wait=0" }), 202)
  await eventually(
    "it is told why it waits",
    () => api.payment(id),
    ({ processing }) => processing?.reason === "provider_unavailable"
  )
  await switched("close", "paypal")
  expect((await ended(platform, id, "COMPLETED")).provider).toBe("paypal")
  await switched("close")
})

test("compensated by an operator while all are open: nothing can take money, so it ends at once", async () => {
  await switched("open")
  await switched("open", "paypal")
  const wallet = await api.open(AMOUNT)
  const { id } = paymentOf(await api.pay(wallet.id, AMOUNT, { prefer: "wait=0" }), 202)
  await eventually(
    "it waits",
    () => api.payment(id),
    ({ processing }) => processing !== undefined
  )
  const answer = await ops.act(`sagas/${id}/compensate`, { reason: REASON })
  expect([answer.status, JSON.parse(answer.text).failure.code]).toEqual([200, "PAYMENT_STOPPED"])
  expect(await api.payment(id)).toMatchObject({ status: "FAILED", failure: { code: "PAYMENT_STOPPED" } })
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  for (const provider of ["stripe", "paypal"]) await switched("close", provider)
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
