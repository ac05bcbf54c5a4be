/** MISSION 10, scenario 1: a payment goes through. */
import { afterAll, expect, test } from "bun:test"
import { paymentOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually, median } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { toldTo } from "./records.ts"

const platform = await startPlatform()
const { api, sim } = platform
afterAll(platform.stop)

test("10.1 happy path: 201 COMPLETED by stripe, wallet debited, one charge, the user is told once", async () => {
  const wallet = await api.open(100_000)
  const answer = await api.pay(wallet.id, 25_000)
  const payment = paymentOf(answer)
  expect(payment).toMatchObject({
    status: "COMPLETED",
    provider: "stripe",
    wallet_id: wallet.id,
    user_id: wallet.user_id,
    amount: 25_000,
    currency: "USD",
    failure: null
  })
  expect(answer.headers.get("location")).toBe(`/api/v1/payments/${payment.id}`)
  expect(payment.completed_at).not.toBeNull()
  expect(await api.wallet(wallet.id)).toMatchObject({ balance: 75_000, available: 75_000, held: 0 })
  expect(await api.payment(payment.id)).toEqual(payment)
  const [charge, ...more] = await sim.ledger(payment.id)
  expect(more).toEqual([])
  expect(charge).toMatchObject({ provider: "stripe", kind: "charge", amount: 25_000, currency: "USD" })
  const told = await toldTo(platform, payment.id)
  expect(told).toEqual([{ title: "Payment completed", message: expect.stringContaining("250.00 USD") }])
})

test("10.1 the timeline tells the whole story in order", async () => {
  const wallet = await api.open(1_000)
  const payment = paymentOf(await api.pay(wallet.id, 1_000))
  const look = async () => {
    const { data } = JSON.parse((await api.get(`/api/v1/payments/${payment.id}/timeline`)).text)
    return data as ReadonlyArray<{ type: string; data: { step?: string }; time: string }>
  }
  const events = await eventually("the end", look, (seen) => seen.some(({ type }) => type === "UserNotified"))
  expect(events.map(({ type, data }) => (data.step === undefined ? type : `${type} ${data.step}`))).toEqual([
    "PaymentInitiated",
    "SagaStarted",
    "PaymentValidated",
    "SagaStepCompleted ValidatePayment",
    "WalletBalanceChecked",
    "SagaStepCompleted CheckWalletBalance",
    "WalletDeducted",
    "SagaStepCompleted DeductWalletBalance",
    "GatewayRequestSent",
    "GatewayResponseReceived",
    "SagaStepCompleted ProcessWithGateway",
    "PaymentCompleted",
    "SagaStepCompleted ConfirmPayment",
    "SagaCompleted",
    "UserNotified"
  ])
  expect(events.map(({ time }) => time)).toEqual(events.map(({ time }) => time).toSorted())
})

test("10.1 Prefer: respond-async answers 202 at once, and the payment completes", async () => {
  const wallet = await api.open(5_000)
  const answer = await api.pay(wallet.id, 5_000, { prefer: "respond-async" })
  const accepted = paymentOf(answer, 202)
  expect(answer.headers.get("location")).toBe(`/api/v1/payments/${accepted.id}`)
  expect(answer.headers.get("preference-applied")).toBe("respond-async")
  await eventually(
    "completed",
    () => api.payment(accepted.id),
    ({ status }) => status === "COMPLETED"
  )
})

test("10.1 currencies of 0, 2 and 3 decimals are charged exactly (P62, P63 by HTTP)", async () => {
  for (const [currency, amount] of [
    ["JPY", 500],
    ["EUR", 1_999],
    ["KWD", 12_340]
  ] as const) {
    const wallet = await api.open(amount, currency)
    const payment = paymentOf(await api.pay(wallet.id, amount, { currency }))
    expect(await sim.ledger(payment.id)).toMatchObject([{ kind: "charge", amount, currency }])
    expect((await api.wallet(wallet.id)).balance).toBe(0)
  }
})

test("10.1 the platform adds little to a provider that answers at once", async () => {
  const wallet = await api.open(1_000_000)
  for (let i = 0; i < 10; i++) await api.pay(wallet.id, 10)
  const took: Array<number> = []
  for (let i = 0; i < 30; i++) {
    const answer = await api.pay(wallet.id, 10, { key: unique("timed") })
    paymentOf(answer)
    took.push(answer.tookMs)
  }
  console.log(`10.1 happy path, no provider latency: median ${median(took).toFixed(1)} ms of ${took.length} payments`)
  expect(median(took)).toBeLessThan(250)
})

test("10.1 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
