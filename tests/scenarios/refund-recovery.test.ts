/** A refund goes to the provider that charged, whatever became of it since; killed at any moment, it is done once. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test"
import { paymentOf, refundOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { streamOf, toldTo } from "./records.ts"
import { refundsOf } from "./refunding.ts"

const platform = await startPlatform({ env: { GATEWAY_TIMEOUT_MS: "4000" } })
const { api, sim, sql } = platform
const { balanceOf, ended, keysOf, movementsOf, paid } = refundsOf(platform)
afterAll(platform.stop)
afterEach(() => sim.reset())
beforeAll(async () => void (await paid(1)))

const restarted = async (env: Readonly<Record<string, string>> = {}) => {
  await platform.terminate()
  await platform.restart(env)
}

test("P28 charged by PayPal, which is no longer in the order: PayPal refunds, by its own capture id", async () => {
  const wallet = await api.open(5_000)
  await sim.behaviour("stripe", { fault: "5xx-before" })
  const payment = paymentOf(await api.pay(wallet.id, 5_000))
  expect(payment.provider).toBe("paypal")
  await sim.reset()
  await restarted({ GATEWAY_PROVIDERS: "stripe" })
  const done = refundOf(await api.refund(payment.id, { amount: 2_000 }))
  expect(done).toMatchObject({ status: "succeeded", provider: "paypal" })
  const asked = (await sim.wire(payment.id)).filter(({ op }) => op === "refund")
  expect(asked.map(({ provider, path }) => `${provider} ${path}`)).toEqual([
    `paypal /v2/payments/captures/${payment.provider_reference}/refund`
  ])
  expect((await sim.ledger(payment.id)).map(({ provider, kind }) => `${provider} ${kind}`)).toEqual([
    "paypal charge",
    "paypal refund"
  ])
  expect(await balanceOf(payment)).toBe(2_000)
  await restarted()
})

/** The client of a server that dies under it. */
const unanswered = (answer: Promise<unknown>) =>
  answer.then(
    () => "answered",
    () => "cut off"
  )

const refundIdOf = async (payment: string): Promise<string> => {
  const [row] = await eventually(
    "the refund exists",
    async () => [...(await sql<Array<{ id: string }>>`select id from payment.refunds where payment_id = ${payment}`)],
    ({ length }) => length === 1
  )
  return String(row?.id)
}

test("kill -9 while the provider takes 3 s over the refund: done once, for the same key too", async () => {
  const payment = await paid(6_000)
  await sim.behaviour("stripe", { fault: "none", op: "refund", latency_ms: 3_000 })
  const key = unique("killed")
  const first = unanswered(api.refund(payment.id, { amount: 4_000 }, { key }))
  const id = await refundIdOf(payment.id)
  await eventually(
    "stripe is asked",
    async () => (await streamOf(platform, `gateway-${payment.id}`)).map(({ type }) => type),
    (types) => types.includes("GatewayRefundSent")
  )
  await platform.kill9()
  expect(await first).toBe("cut off")
  await platform.restart()
  await sim.reset()
  expect(await ended(id)).toMatchObject({ status: "succeeded" })
  const again = await api.refund(payment.id, { amount: 4_000 }, { key })
  expect([refundOf(again).id, again.headers.get("idempotent-replayed")]).toEqual([id, "true"])
  expect(await movementsOf(payment)).toEqual(["charge 6000", "refund 4000"])
  expect(await keysOf(payment)).toHaveLength(1)
  expect(await balanceOf(payment)).toBe(4_000)
  expect(await toldTo(platform, payment.id, 2)).toHaveLength(2)
})

/** Where the process dies, and how often that point was passed before: the writes of a refund and its call. */
const POINTS = [
  "api.before-answer:1",
  "journal.after-write:1",
  "journal.before-write:2",
  "journal.after-write:3",
  "gateway.before-call:1",
  "gateway.after-call:1",
  "journal.after-write:4",
  "journal.before-write:6",
  "journal.after-write:8"
] as const

for (const point of POINTS)
  test(`the process dies at ${point}: a retry of the key gives one refund, one credit`, async () => {
    const payment = await paid(900)
    await restarted({ CRASH_AT: point })
    const asking = () => api.refund(payment.id, { amount: 300 }, { key: point, prefer: "wait=5" })
    expect(await unanswered(asking())).toBe("cut off")
    await platform.ended()
    await platform.restart()
    const answer = await eventually("answered", asking, ({ status }) => status !== 409, 30_000)
    expect(await ended(refundOf(answer).id)).toMatchObject({ status: "succeeded" })
    expect(await movementsOf(payment)).toEqual(["charge 900", "refund 300"])
    const story = await streamOf(platform, `wallet-${payment.wallet_id}`)
    expect(story.filter(({ type }) => type === "WalletRefundReceived")).toHaveLength(1)
    expect(await balanceOf(payment)).toBe(300)
  })

test("P28 a refund passes the open breaker of the provider that charged", async () => {
  const payment = await paid(3_000)
  await sim.behaviour("stripe", { fault: "5xx-before" })
  const others = await api.open(10_000)
  await eventually(
    "the breaker of stripe opens",
    async () => {
      await api.pay(others.id, 10)
      return await platform.metric("circuit_breaker_opened_total")
    },
    (opened) => opened > 0,
    30_000
  )
  await sim.reset()
  expect(paymentOf(await api.pay(others.id, 10)).provider).toBe("paypal")
  expect(refundOf(await api.refund(payment.id))).toMatchObject({ status: "succeeded", provider: "stripe" })
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
