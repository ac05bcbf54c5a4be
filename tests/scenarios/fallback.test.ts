/** MISSION 10, scenario 3: the first provider does not answer: fence, fallback, breaker, the end of all providers. */
import { afterAll, expect, test } from "bun:test"
import { type Provider, paymentOf, problemOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, eventsOfType, streamOf, toldTo } from "./records.ts"

const RESET_MS = 4_000
const platform = await startPlatform({
  env: { GATEWAY_TIMEOUT_MS: "500", GATEWAY_BACKOFF_MS: "20", BREAKER_RESET_MS: String(RESET_MS) }
})
const { api, sim, sql } = platform
afterAll(platform.stop)

const AMOUNT = 7_500

const stateOf = async (provider: Provider) =>
  (await sql`select state from gateway.breakers where provider = ${provider}`)[0]?.["state"] as string | undefined

const gatewayEvents = async (payment: string, type: string) =>
  (await streamOf(platform, `gateway-${payment}`)).filter((event) => event.type === type).map(({ data }) => data)

const paidByPaypalAfterFence = async () => {
  const wallet = await api.open(AMOUNT)
  const payment = paymentOf(await api.pay(wallet.id, AMOUNT, { prefer: "wait=30" }))
  expect(payment).toMatchObject({ status: "COMPLETED", provider: "paypal" })
  const answers = await gatewayEvents(payment.id, "GatewayResponseReceived")
  expect(answers.filter(({ outcome }) => outcome === "fenced")).toMatchObject([{ provider: "stripe" }])
  expect(await gatewayEvents(payment.id, "GatewayFallbackTriggered")).toMatchObject([
    { primary_provider: "stripe", fallback_provider: "paypal" }
  ])
  expect((await gatewayEvents(payment.id, "GatewayTimeoutOccurred"))[0]).toMatchObject({
    payment_id: payment.id,
    attempt_number: 1,
    next_retry_in_seconds: expect.any(Number),
    circuit_breaker_failures: expect.any(Number)
  })
  const moved = (await sim.ledger(payment.id)).filter(({ kind }) => kind !== "void")
  expect(moved).toMatchObject([{ provider: "paypal", kind: "charge", amount: AMOUNT }])
  expect((await chargesOnWire(platform, payment.id)).tries).toBeLessThanOrEqual(4)
}

test("10.3 two payments time out at Stripe, fenced, paid by PayPal; the fifth failure opens the breaker", async () => {
  await sim.behaviour("stripe", { fault: "hang-before" })
  await paidByPaypalAfterFence()
  expect(await eventsOfType(platform, "CircuitBreakerOpened")).toEqual([])
  await paidByPaypalAfterFence()
  const opened = await eventually(
    "opened",
    () => eventsOfType(platform, "CircuitBreakerOpened"),
    ({ length }) => length > 0
  )
  expect(opened).toMatchObject([{ data: { gateway_provider: "stripe", failure_count: 5 } }])
  expect(await stateOf("stripe")).toBe("open")
  expect(await platform.metric("circuit_breaker_opened_total")).toBe(1)
})

test("10.3 a third payment goes straight to PayPal: Stripe hears nothing of it", async () => {
  const wallet = await api.open(AMOUNT)
  const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
  expect(payment).toMatchObject({ status: "COMPLETED", provider: "paypal" })
  expect((await sim.wire(payment.id)).filter(({ provider }) => provider === "stripe")).toEqual([])
})

test("10.3 after the reset time one probe passes and closes the breaker", async () => {
  await sim.reset()
  const paid = async () => {
    const wallet = await api.open(AMOUNT)
    return paymentOf(await api.pay(wallet.id, AMOUNT))
  }
  await eventually("paid by Stripe again", paid, ({ provider }) => provider === "stripe")
  await eventually(
    "closed",
    () => stateOf("stripe"),
    (state) => state === "closed"
  )
  for (const type of ["CircuitBreakerHalfOpened", "CircuitBreakerClosed"])
    expect(await eventsOfType(platform, type)).toMatchObject([{ data: { gateway_provider: "stripe" } }])
})

test("10.3 all providers fail: FAILED 502, wallet refunded, user told, nothing charged", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "reset-before" })
  await sim.behaviour("paypal", { fault: "5xx-before" })
  await sim.behaviour("adyen", { fault: "reset-before", op: "create" })
  const { error } = problemOf(await api.pay(wallet.id, AMOUNT, { prefer: "wait=30" }), 502)
  expect(error.code).toBe("GATEWAY_UNAVAILABLE")
  const payment = String(error.details["payment_id"])
  expect(await api.payment(payment)).toMatchObject({ status: "FAILED", failure: { code: "GATEWAY_UNAVAILABLE" } })
  expect(await api.wallet(wallet.id)).toMatchObject({ balance: AMOUNT, available: AMOUNT })
  expect((await sim.ledger(payment)).filter(({ kind }) => kind === "charge")).toEqual([])
  const types = (await streamOf(platform, `saga-${payment}`)).map(({ type }) => type)
  expect(types).toEqual(expect.arrayContaining(["SagaStepFailed", "CompensationStarted", "CompensationCompleted"]))
  const [told] = await toldTo(platform, payment)
  expect(told).toMatchObject({ title: "Payment failed", message: expect.stringContaining("back in your wallet") })
  expect(await platform.metric("saga_compensations_total")).toBeGreaterThan(0)
  await sim.reset()
})

test("10.3 every breaker open before any attempt: the payment waits, then goes through", async () => {
  await sim.behaviour("stripe", { fault: "reset-before" })
  await sim.behaviour("paypal", { fault: "reset-before" })
  await sim.behaviour("adyen", { fault: "reset-before", op: "create" })
  const failing = async () => {
    const wallet = await api.open(AMOUNT)
    const answer = await api.pay(wallet.id, AMOUNT, { prefer: "wait=2" })
    if (answer.status !== 202) problemOf(answer, 502)
    return Promise.all([stateOf("stripe"), stateOf("paypal"), stateOf("adyen")])
  }
  await eventually("all open", failing, (states) => states.every((state) => state === "open"))
  const wallet = await api.open(AMOUNT)
  const waiting = api.pay(wallet.id, AMOUNT, { prefer: "wait=30" })
  await eventually(
    "queued",
    () => eventsOfType(platform, "GatewayQueued"),
    ({ length }) => length > 0
  )
  await sim.reset()
  expect(paymentOf(await waiting).status).toBe("COMPLETED")
})

test("10.3 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
