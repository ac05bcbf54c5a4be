/**
 * MISSION 10, scenario 1, with every fault of the provider: where the charge happened although nobody heard of it, the
 * payment completes on that one charge; where it did not, there is one in the end, or none and the money is back.
 */
import { afterAll, afterEach, beforeEach, expect, test } from "bun:test"
import { type Payment, paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf } from "./records.ts"

const platform = await startPlatform({ env: { GATEWAY_TIMEOUT_MS: "700" } })
const { api, sim } = platform
afterAll(platform.stop)
afterEach(() => sim.reset())

const AMOUNT = 1_234

/** Failures of these tests stay below half of the calls: the breaker is not their subject. */
beforeEach(async () => {
  const wallet = await api.open(10_000)
  for (let i = 0; i < 6; i++) paymentOf(await api.pay(wallet.id, 1))
})

/** Its only charge is stripe's, asked for with one key and one body however often. */
const oneCharge = async (payment: Payment, walletId: string) => {
  expect(payment).toMatchObject({ status: "COMPLETED", provider: "stripe" })
  expect(await sim.ledger(payment.id)).toMatchObject([{ provider: "stripe", kind: "charge", amount: AMOUNT }])
  expect(await chargesOnWire(platform, payment.id)).toMatchObject({ providers: ["stripe"], changed: [] })
  expect((await api.wallet(walletId)).balance).toBe(0)
  const completed = (await streamOf(platform, `payment-${payment.id}`)).filter(
    ({ type }) => type === "PaymentCompleted"
  )
  expect(completed).toHaveLength(1)
}

for (const fault of ["5xx-after", "hang-after", "reset-after", "cut-body-after", "empty-200-after", "html-502-after"])
  test(`F13 10.1 ${fault}: the charge happened, its answer never came; COMPLETED on that one charge`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("stripe", { fault, count: 1 })
    const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
    await oneCharge(payment, wallet.id)
    const heard = await streamOf(platform, `gateway-${payment.id}`)
    expect(heard.map(({ type }) => type)).toContain("GatewayTimeoutOccurred")
  })

for (const fault of ["reject-before", "5xx-before", "hang-before", "reset-before", "429", "409"])
  test(`10.1 ${fault} once: nothing happened; one charge in the end, or refunded`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("stripe", { fault, count: 1 })
    const answer = await api.pay(wallet.id, AMOUNT)
    const kept = (id: string) => sim.ledger(id)
    if (answer.status === 201) {
      const payment = paymentOf(answer)
      expect(await kept(payment.id)).toMatchObject([{ kind: "charge", provider: payment.provider, amount: AMOUNT }])
      expect((await api.wallet(wallet.id)).balance).toBe(0)
    } else {
      const { error } = JSON.parse(answer.text)
      expect(await api.payment(error.details.payment_id)).toMatchObject({ status: "FAILED" })
      expect(await kept(error.details.payment_id)).toEqual([])
      expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
    }
  })

for (const fault of ["hang-after", "reset-after"])
  test(`10.1 ${fault} on creating the intent: it cannot take money, so one charge in the end, wherever`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("stripe", { fault, op: "create", count: 1 })
    const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
    expect(await sim.ledger(payment.id)).toMatchObject([{ provider: payment.provider, kind: "charge", amount: AMOUNT }])
    expect((await api.wallet(wallet.id)).balance).toBe(0)
  })

test("10.1 execute-late: the fence comes before the fallback, the late execution takes nothing", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "execute-late", after_ms: 300_000, count: 3 })
  const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
  expect(payment).toMatchObject({ status: "COMPLETED", provider: "paypal" })
  const fenced = (await streamOf(platform, `gateway-${payment.id}`)).filter(({ data }) => data["outcome"] === "fenced")
  expect(fenced).toHaveLength(1)
  await sim.advance(600_000)
  const moved = (await sim.ledger(payment.id)).filter(({ kind }) => kind !== "void")
  expect(moved).toMatchObject([{ provider: "paypal", kind: "charge", amount: AMOUNT }])
})

test("P10 the provider charges, the connection drops, the client retries: one key, one capture", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "reset-after", count: 1 })
  const first = await api.pay(wallet.id, AMOUNT, { key: "p10" })
  const again = await api.pay(wallet.id, AMOUNT, { key: "p10" })
  expect(again.headers.get("idempotent-replayed")).toBe("true")
  expect(paymentOf(again)).toEqual(paymentOf(first))
  await oneCharge(paymentOf(first), wallet.id)
})

test("P11 a stored server error is not replayed for ever: looked up, fenced, paid elsewhere", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "5xx-before", count: 1 })
  const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
  expect((await chargesOnWire(platform, payment.id)).tries).toBeLessThanOrEqual(2)
  expect(await sim.ledger(payment.id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
})

test("10.1 conservation of money after every fault", async () => {
  expect(await violations(platform)).toEqual([])
})
