/** MISSION 10, scenario 2: the wallet does not hold enough. */
import { afterAll, expect, test } from "bun:test"
import { codeOf, problemOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { median } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { streamOf, toldTo } from "./records.ts"

const platform = await startPlatform()
const { api, sim } = platform
afterAll(platform.stop)

test("10.2 insufficient funds: 400 with the three figures, nothing deducted, no provider called", async () => {
  const wallet = await api.open(25_000)
  const { error, ...problem } = problemOf(await api.pay(wallet.id, 100_000), 400)
  expect(error.code).toBe("INSUFFICIENT_FUNDS")
  const payment = String(error.details["payment_id"])
  expect(error.details).toMatchObject({
    requested_amount: 100_000,
    available_balance: 25_000,
    deficit_amount: 75_000,
    currency: "USD"
  })
  expect(error.message).toContain("250.00 USD")
  expect(error.message).toMatch(/top up at least 750.00 USD/)
  expect(problem).toMatchObject({ instance: "/api/v1/payments", trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) })
  expect(await api.wallet(wallet.id)).toMatchObject({ balance: 25_000, available: 25_000, version: 2 })
  expect(await sim.wire(payment)).toEqual([])
  expect(await api.payment(payment)).toMatchObject({
    status: "FAILED",
    failure: { code: "INSUFFICIENT_FUNDS", stage: "WALLET_VALIDATION" }
  })
  const failed = (await streamOf(platform, `payment-${payment}`)).find(({ type }) => type === "PaymentFailed")
  expect(failed?.data).toMatchObject({ error_code: "INSUFFICIENT_FUNDS", failure_stage: "WALLET_VALIDATION" })
})

test("10.2 the user's message names the balance and suggests a top-up", async () => {
  const wallet = await api.open(25_000)
  const { error } = problemOf(await api.pay(wallet.id, 100_000), 400)
  expect(await toldTo(platform, String(error.details["payment_id"]))).toEqual([
    { title: "Payment failed", message: expect.stringMatching(/balance is 250.00 USD.*top up at least 750.00 USD/) }
  ])
})

test("10.2 after the top-up the payment goes through with a new key", async () => {
  const wallet = await api.open(25_000)
  expect(codeOf(await api.pay(wallet.id, 100_000))).toBe("400 INSUFFICIENT_FUNDS")
  await api.credit(wallet.id, 75_000)
  expect(codeOf(await api.pay(wallet.id, 100_000))).toBe("201")
  expect((await api.wallet(wallet.id)).balance).toBe(0)
})

test("10.2 an empty wallet, and one minor unit too little", async () => {
  const empty = await api.open()
  expect(problemOf(await api.pay(empty.id, 1), 400).error.details).toMatchObject({
    available_balance: 0,
    deficit_amount: 1
  })
  const almost = await api.open(99)
  expect(problemOf(await api.pay(almost.id, 100), 400).error.details).toMatchObject({
    available_balance: 99,
    deficit_amount: 1
  })
})

test("10.2 the refusal is quick", async () => {
  const wallet = await api.open(25_000)
  const took: Array<number> = []
  for (let i = 0; i < 40; i++) {
    const answer = await api.pay(wallet.id, 100_000)
    expect(codeOf(answer)).toBe("400 INSUFFICIENT_FUNDS")
    if (i >= 10) took.push(answer.tookMs)
  }
  console.log(`10.2 insufficient funds: median ${median(took).toFixed(1)} ms of ${took.length} refusals`)
  expect(median(took)).toBeLessThan(250)
})

test("10.2 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
  expect(await sim.ledger()).toHaveLength(1)
})
