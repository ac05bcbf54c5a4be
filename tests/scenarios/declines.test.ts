/** A provider says no: what may go elsewhere, what may not, and what the client is told. */
import { afterAll, afterEach, expect, test } from "bun:test"
import { paymentOf, problemOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { toldTo } from "./records.ts"

const platform = await startPlatform()
const { api, sim } = platform
afterAll(platform.stop)
afterEach(() => sim.reset())

const AMOUNT = 4_200

test("P115 a soft decline falls back: paid by PayPal, nothing kept at Stripe", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "decline" })
  const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
  expect(payment).toMatchObject({ status: "COMPLETED", provider: "paypal" })
  expect(await sim.ledger(payment.id)).toMatchObject([{ provider: "paypal", kind: "charge", amount: AMOUNT }])
})

for (const code of ["stolen_card", "insufficient_funds"])
  test(`P115 ${code} is final: 402 with the provider's code, no fallback, wallet refunded, user told`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("stripe", { fault: "decline", code })
    const { error } = problemOf(await api.pay(wallet.id, AMOUNT), 402)
    expect(error).toMatchObject({ code: "PAYMENT_DECLINED", details: { provider: "stripe", provider_code: code } })
    const payment = String(error.details["payment_id"])
    expect((await sim.wire(payment)).filter(({ provider }) => provider === "paypal")).toEqual([])
    expect(await sim.ledger(payment)).toEqual([])
    expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
    const [told] = await toldTo(platform, payment)
    expect(told).toMatchObject({ title: "Payment failed", message: expect.stringContaining("declined") })
  })

test("P115 all providers decline softly: 402, refunded", async () => {
  const wallet = await api.open(AMOUNT)
  for (const provider of ["stripe", "paypal", "adyen"] as const) await sim.behaviour(provider, { fault: "decline" })
  const { error } = problemOf(await api.pay(wallet.id, AMOUNT), 402)
  expect(error.code).toBe("PAYMENT_DECLINED")
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
})

test("P15 a repeated decline is recognisable as a repetition", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "decline", code: "stolen_card" })
  const first = await api.pay(wallet.id, AMOUNT, { key: "p15" })
  const again = await api.pay(wallet.id, AMOUNT, { key: "p15" })
  expect(first.headers.get("idempotent-replayed")).toBeNull()
  expect(again.headers.get("idempotent-replayed")).toBe("true")
  expect(problemOf(again, 402).error).toEqual(problemOf(first, 402).error)
})

test("P115 declines leave the breaker closed", async () => {
  await sim.behaviour("stripe", { fault: "decline", code: "stolen_card" })
  for (let i = 0; i < 12; i++) {
    const wallet = await api.open(AMOUNT)
    problemOf(await api.pay(wallet.id, AMOUNT), 402)
  }
  expect(await platform.metric("circuit_breaker_opened_total")).toBe(0)
})

test("P115 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
