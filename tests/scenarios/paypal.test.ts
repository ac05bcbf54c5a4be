/** PayPal as the only provider, with every fault: what holds for the first provider holds for the other one. */
import { afterAll, afterEach, beforeEach, expect, test } from "bun:test"
import { codeOf, paymentOf, problemOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf } from "./records.ts"

const platform = await startPlatform({
  env: { GATEWAY_PROVIDERS: "paypal", GATEWAY_TIMEOUT_MS: "700", BREAKER_RESET_MS: "200" }
})
const { api, sim } = platform
afterAll(platform.stop)
afterEach(() => sim.reset())

const AMOUNT = 4_321

beforeEach(async () => {
  const wallet = await api.open(10_000)
  for (let i = 0; i < 4; i++) paymentOf(await api.pay(wallet.id, 1))
})

for (const fault of ["5xx-after", "hang-after", "reset-after", "cut-body-after", "empty-200-after", "html-502-after"])
  test(`10.1 PayPal, ${fault}: the charge happened, its answer never came; COMPLETED on that one charge`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("paypal", { fault, count: 1 })
    const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
    expect(payment).toMatchObject({ status: "COMPLETED", provider: "paypal" })
    expect(await sim.ledger(payment.id)).toMatchObject([{ provider: "paypal", kind: "charge", amount: AMOUNT }])
    expect(await chargesOnWire(platform, payment.id)).toMatchObject({ providers: ["paypal"], changed: [] })
    const heard = await streamOf(platform, `gateway-${payment.id}`)
    expect(heard.map(({ type }) => type)).toContain("GatewayTimeoutOccurred")
    expect((await api.wallet(wallet.id)).balance).toBe(0)
  })

for (const fault of ["reject-before", "5xx-before", "hang-before", "reset-before", "429", "409"])
  test(`10.1 PayPal, ${fault} once: one charge in the end, or none and the money is back`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("paypal", { fault, count: 1 })
    const answer = await api.pay(wallet.id, AMOUNT)
    const completed = answer.status === 201
    const id = completed ? paymentOf(answer).id : String(problemOf(answer, 502).error.details["payment_id"])
    const charges = (await sim.ledger(id)).filter(({ kind }) => kind !== "void")
    expect(charges.map(({ kind, amount }) => `${kind} ${amount}`)).toEqual(completed ? [`charge ${AMOUNT}`] : [])
    expect((await api.wallet(wallet.id)).balance).toBe(completed ? 0 : AMOUNT)
  })

test("10.1 PayPal, execute-late: the fence (void) stands, the late execution takes nothing: refunded", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("paypal", { fault: "execute-late", after_ms: 300_000 })
  const answer = await api.pay(wallet.id, AMOUNT)
  expect(codeOf(answer)).toBe("502 GATEWAY_UNAVAILABLE")
  await sim.advance(600_000)
  const id = String(problemOf(answer, 502).error.details["payment_id"])
  expect((await sim.ledger(id)).filter(({ kind }) => kind !== "void")).toEqual([])
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
})

test("10.1 PayPal: conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
