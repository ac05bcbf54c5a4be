/** An outcome that nobody knows is a state of its own (CASES B2): it is asked about, never guessed. */
import { afterAll, afterEach, expect, test } from "bun:test"
import { type Payment, paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf, toldTo } from "./records.ts"

const platform = await startPlatform({
  env: { GATEWAY_TIMEOUT_MS: "1500", SAGA_STEP_TIMEOUT_MS: "250", RECOVERY_INTERVAL_MS: "300" }
})
const { api, sim, sql } = platform
afterAll(platform.stop)
afterEach(() => sim.reset())

const AMOUNT = 5_000

/** Stripe charges, the answer is lost, and from then on it answers nothing at all. */
const chargedAndSilent = async () => {
  const wallet = await api.open(AMOUNT * 2)
  await sim.behaviour("stripe", { fault: "reset-after", count: 1 })
  const accepted = paymentOf(await api.pay(wallet.id, AMOUNT, { key: `unknown ${wallet.id}`, prefer: "wait=0" }), 202)
  await eventually(
    "charged",
    () => sim.ledger(accepted.id),
    ({ length }) => length === 1
  )
  await sim.behaviour("stripe", { fault: "5xx-before", op: "any" })
  return { wallet, id: accepted.id }
}

const isUnknown = ({ status, processing }: Payment) =>
  status === "GATEWAY_PROCESSING" && processing?.reason === "provider_outcome_unknown"

test("P23 (poll against answer; call-backs have no route yet) both bring the success: one capture event", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "none", latency_ms: 900 })
  const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
  const wire = await eventually(
    "both answers are out",
    () => sim.wire(payment.id),
    (seen) => seen.some(({ op, status }) => op === "charge" && status === 200)
  )
  expect(wire.map(({ op }) => op)).toContain("read")
  // What comes later through the same service has its answer: the late one was taken too.
  await sim.reset()
  paymentOf(await api.pay((await api.open(1)).id, 1))
  const heard = await streamOf(platform, `gateway-${payment.id}`)
  expect(heard.filter(({ data }) => data["outcome"] === "succeeded")).toHaveLength(1)
  const kinds = await sql<Array<{ kind: string }>>`
    select kind from ledger.postings where payment_id = ${payment.id} order by kind`
  expect(kinds.map(({ kind }) => kind)).toEqual(["charge", "confirm", "deduct"])
})

test("F13 P21 P18 a timeout is unknown, never failed: 202 with the reason; the late truth completes it", async () => {
  const { wallet, id } = await chargedAndSilent()
  await eventually("shown as unknown", () => api.payment(id), isUnknown)
  const again = await api.pay(wallet.id, AMOUNT, { key: `unknown ${wallet.id}`, prefer: "wait=1" })
  expect([202, 409]).toContain(again.status)
  expect(await api.payment(id)).toMatchObject({ status: "GATEWAY_PROCESSING", failure: null, completed_at: null })
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  const reads = async () => (await sim.wire(id)).filter(({ op }) => op === "read").length
  const asked = await reads()
  await eventually("asked again and again", reads, (count) => count > asked + 2)
  expect((await api.payment(id)).status).toBe("GATEWAY_PROCESSING")
  expect((await chargesOnWire(platform, id)).providers).toEqual(["stripe"])
  await sim.reset()
  const payment = await eventually(
    "completed",
    () => api.payment(id),
    ({ status }) => status === "COMPLETED"
  )
  expect(payment.provider).toBe("stripe")
  expect((await toldTo(platform, id)).map(({ title }) => title)).toEqual(["Payment completed"])
})

test("P16 no second provider while the first is unknown; a new key is a new payment", async () => {
  const { wallet, id } = await chargedAndSilent()
  await eventually("shown as unknown", () => api.payment(id), isUnknown)
  const second = paymentOf(await api.pay(wallet.id, AMOUNT, { prefer: "wait=25" }))
  expect(second.id).not.toBe(id)
  expect(second.provider).toBe("paypal")
  expect((await sim.wire(id)).filter(({ provider }) => provider === "paypal")).toEqual([])
  await sim.reset()
  await eventually(
    "completed",
    () => api.payment(id),
    ({ status }) => status === "COMPLETED"
  )
  for (const payment of [id, second.id])
    expect((await sim.ledger(payment)).filter(({ kind }) => kind === "charge")).toHaveLength(1)
  expect((await api.wallet(wallet.id)).balance).toBe(0)
})

test("P17 an unknown payment that was not charged after all is fenced: its wallet pays once", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "hang-before", op: "charge" })
  const { id } = paymentOf(await api.pay(wallet.id, AMOUNT, { prefer: "wait=0" }), 202)
  const payment = await eventually(
    "ended",
    () => api.payment(id),
    ({ status }) => status === "COMPLETED",
    30_000
  )
  expect(payment.provider).toBe("paypal")
  expect((await api.wallet(wallet.id)).balance).toBe(0)
  const deducted = (await streamOf(platform, `wallet-${wallet.id}`)).filter(({ type }) => type === "WalletDeducted")
  expect(deducted).toHaveLength(1)
})

test("P20 a provider that is unavailable ends in 502 and a refund, not in processing for ever", async () => {
  const wallet = await api.open(AMOUNT)
  for (const provider of ["stripe", "paypal"] as const)
    await sim.behaviour(provider, { fault: "5xx-before", code: "503" })
  await sim.behaviour("adyen", { fault: "5xx-before", code: "503", op: "create" })
  const answer = await api.pay(wallet.id, AMOUNT, { prefer: "wait=25" })
  expect(answer.status).toBe(502)
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
})

test("P16 to P23: conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
