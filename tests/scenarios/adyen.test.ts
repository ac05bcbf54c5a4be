/**
 * Adyen with every fault, before and after: it cannot be asked, so what is unknown is sent again under its key, then
 * cancelled, and where only a notification could tell whether it was captured, nobody else is asked.
 */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test"
import { codeOf, type Payment, paymentOf, problemOf, refundOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { operating } from "./operating.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf } from "./records.ts"

const env = { GATEWAY_TIMEOUT_MS: "700", BREAKER_RESET_MS: "200" }
const [platform, last] = await Promise.all([
  startPlatform({ env: { ...env, GATEWAY_PROVIDERS: "adyen,paypal" } }),
  startPlatform({ env })
])
const { api, sim } = platform
afterAll(() => Promise.all([platform.stop(), last.stop()]))
afterEach(() => Promise.all([sim.reset(), last.sim.reset()]))

const AMOUNT = 4_321

/** Failures of these tests stay below the breaker's share: it is not their subject. */
beforeEach(async () => {
  const wallet = await api.open(10_000)
  for (let i = 0; i < 4; i++) paymentOf(await api.pay(wallet.id, 1))
})

const kept = async (id: string, world = sim) =>
  (await world.ledger(id)).filter(({ kind }) => kind !== "void").map((it) => `${it.provider} ${it.kind} ${it.amount}`)

const paidBy = async (provider: string, payment: Payment, walletId: string) => {
  expect(payment).toMatchObject({ status: "COMPLETED", provider })
  expect(await kept(payment.id)).toEqual([`${provider} charge ${AMOUNT}`])
  expect((await chargesOnWire(platform, payment.id)).changed).toEqual([])
  expect((await api.wallet(walletId)).balance).toBe(0)
}

describe("as the third provider", () => {
  const pay = async () => {
    const wallet = await last.api.open(AMOUNT)
    return { wallet, answer: await last.api.pay(wallet.id, AMOUNT) }
  }

  for (const [stripe, paypal] of [
    ["decline", "decline"],
    ["reject-before", "5xx-before"],
    ["hang-before", "429"]
  ] as const)
    test(`Stripe ${stripe}, PayPal ${paypal}: neither can take money any more, and Adyen charges`, async () => {
      await last.sim.behaviour("stripe", { fault: stripe })
      await last.sim.behaviour("paypal", { fault: paypal })
      const { wallet, answer } = await pay()
      const payment = paymentOf(answer)
      expect(payment).toMatchObject({ status: "COMPLETED", provider: "adyen" })
      expect(await kept(payment.id, last.sim)).toEqual([`adyen charge ${AMOUNT}`])
      expect((await last.api.wallet(wallet.id)).balance).toBe(0)
      const fallbacks = (await streamOf(last, `gateway-${payment.id}`)).filter(
        ({ type }) => type === "GatewayFallbackTriggered"
      )
      expect(fallbacks.map(({ data }) => data["fallback_provider"])).toEqual(["paypal", "adyen"])
    })

  test("F26 a soft decline everywhere: three attempts, three keys, no charge, 402, refunded", async () => {
    for (const provider of ["stripe", "paypal", "adyen"] as const)
      await last.sim.behaviour(provider, { fault: "decline" })
    const { wallet, answer } = await pay()
    const { error } = problemOf(answer, 402)
    expect(error).toMatchObject({ code: "PAYMENT_DECLINED", details: { provider: "adyen", provider_code: "2" } })
    const id = String(error.details["payment_id"])
    expect(await kept(id, last.sim)).toEqual([])
    const asked = (await last.sim.wire(id)).map(({ provider }) => provider)
    expect([...new Set(asked)]).toEqual(["stripe", "paypal", "adyen"])
    expect((await last.api.wallet(wallet.id)).balance).toBe(AMOUNT)
  })

  test("P62 ¥500 are 500 at Adyen, too", async () => {
    for (const provider of ["stripe", "paypal"] as const) await last.sim.behaviour(provider, { fault: "decline" })
    const wallet = await last.api.open(500, "JPY")
    const payment = paymentOf(await last.api.pay(wallet.id, 500, { currency: "JPY" }))
    expect(await last.sim.ledger(payment.id)).toMatchObject([{ provider: "adyen", amount: 500, currency: "JPY" }])
  })

  test("conservation of money", async () => {
    expect(await violations(last)).toEqual([])
  })
})

/** [fault, code]: the answer is lost, or the key may go again; the same capture under the same key tells. */
for (const [fault, code] of [
  ["hang-before"],
  ["hang-after"],
  ["reset-before"],
  ["reset-after"],
  ["cut-body-after"],
  ["empty-200-after"],
  ["html-502-after"],
  ["409", "409"],
  ["409", "422"],
  ["429"],
  ["5xx-before", "503_transient"],
  ["5xx-after", "503_transient"]
] as const)
  test(`10.1 Adyen, ${fault} ${code ?? ""} once: the capture goes again under its key, one charge`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("adyen", { fault, count: 1, ...(code !== undefined && { code }) })
    await paidBy("adyen", paymentOf(await api.pay(wallet.id, AMOUNT)), wallet.id)
  })

for (const fault of ["5xx-before", "5xx-after", "hang-before", "hang-after", "reset-after", "cut-body-after", "429"])
  test(`10.1 Adyen, ${fault} of the authorisation: nothing can have moved; cancelled, and paid by PayPal`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("adyen", { fault, op: "create" })
    const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
    await paidBy("paypal", payment, wallet.id)
    if (fault === "429") return
    const answers = (await streamOf(platform, `gateway-${payment.id}`)).filter(
      ({ data }) => data["outcome"] === "fenced"
    )
    expect(answers.map(({ data }) => data["code"])).toEqual(["cancel_received"])
  })

test("10.1 Adyen, a capture that is rejected is definite: paid by PayPal", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("adyen", { fault: "reject-before" })
  await paidBy("paypal", paymentOf(await api.pay(wallet.id, AMOUNT)), wallet.id)
})

for (const [code, name] of [
  ["20", "fraud"],
  ["12", "lack of funds"]
] as const)
  test(`P115 Adyen refuses for ${name}: 402 with its code, nobody else is asked, refunded`, async () => {
    const wallet = await api.open(AMOUNT)
    await sim.behaviour("adyen", { fault: "decline", code })
    const { error } = problemOf(await api.pay(wallet.id, AMOUNT), 402)
    expect(error.details).toMatchObject({ provider: "adyen", provider_code: code })
    const wire = await sim.wire(String(error.details["payment_id"]))
    expect(wire.filter(({ provider }) => provider === "paypal")).toEqual([])
    expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  })

test("10.1 all providers fail: cancelled at Adyen, 502, refunded", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("adyen", { fault: "5xx-before", op: "create" })
  await sim.behaviour("paypal", { fault: "reject-before" })
  const answer = await api.pay(wallet.id, AMOUNT)
  expect(codeOf(answer)).toBe("502 GATEWAY_UNAVAILABLE")
  expect(await kept(String(problemOf(answer, 502).error.details["payment_id"]))).toEqual([])
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
})

/** The capture may have been executed, and only a notification could tell: no elapsed time decides that. */
const inDoubt = async (fault: string, more: object = {}) => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("adyen", { fault, count: 1, ...more })
  const { id } = paymentOf(await api.pay(wallet.id, AMOUNT, { prefer: "wait=1" }), 202)
  const cancels = async () => (await sim.wire(id)).filter(({ op }) => op === "cancel").length
  await eventually("cancelled again and again", cancels, (count) => count > 2)
  const payment = await api.payment(id)
  expect(payment).toMatchObject({ status: "GATEWAY_PROCESSING", failure: null })
  const wire = await sim.wire(id)
  expect(wire.filter(({ provider }) => provider === "paypal")).toEqual([])
  // Once its cancel was received, nothing is captured any more.
  const first = wire.findIndex(({ op }) => op === "cancel")
  expect(wire.slice(first).every(({ op }) => op === "cancel")).toBe(true)
  expect((await api.wallet(wallet.id)).balance).toBe(0)
  return id
}

/** An operator has looked at Adyen. */
const resolved = async (id: string, outcome: "charged" | "not_charged") => {
  const word = { outcome, evidence: "seen in the Customer Area", reason: "in doubt" }
  paymentOf(await operating(platform).act(`payments/${id}/resolve`, word), 200)
  const ended = ({ status }: Payment) => status === "COMPLETED"
  const { provider } = await eventually("completed", () => api.payment(id), ended)
  return [provider, ...(await kept(id))]
}

for (const [fault, charges, outcome, end] of [
  ["5xx-before", [], "not_charged", ["paypal", `paypal charge ${AMOUNT}`]],
  ["5xx-after", [`adyen charge ${AMOUNT}`], "charged", ["adyen", `adyen charge ${AMOUNT}`]]
] as const)
  test(`P16 P17 P21 Adyen, ${fault} of the capture: unknown, nobody else is asked, an operator ends it`, async () => {
    const id = await inDoubt(fault)
    expect(await kept(id)).toEqual([...charges])
    expect(await resolved(id, outcome)).toEqual([...end])
  })

test("P16 Adyen, execute-late: the cancel was first, so the late capture takes nothing", async () => {
  const id = await inDoubt("execute-late", { after_ms: 300_000 })
  await sim.advance(600_000)
  expect(await kept(id)).toEqual([])
  expect(await resolved(id, "not_charged")).toEqual(["paypal", `paypal charge ${AMOUNT}`])
})

test("10.1 Adyen: conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})

for (const fault of ["none", "hang-after", "reset-before", "5xx-after"])
  test(`P32 P34 a refund at Adyen, ${fault}: done once, pending until it is told`, async () => {
    const wallet = await api.open(AMOUNT)
    const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
    expect(payment.provider).toBe("adyen")
    if (fault !== "none") await sim.behaviour("adyen", { fault, op: "refund", count: 1 })
    const asked = refundOf(await api.refund(payment.id, { amount: 1_000 }, { prefer: "wait=1" }))
    expect(asked).toMatchObject({ status: "pending", amount: 1_000 })
    const refunded = [`adyen charge ${AMOUNT}`, "adyen refund 1000"]
    await eventually(
      "given back at Adyen",
      () => kept(payment.id),
      (moved) => moved.length > 1
    )
    const sent = async () => (await sim.wire(payment.id)).filter(({ op }) => op === "refund")
    if (fault !== "none") await eventually("asked again", sent, ({ length }) => length > 1)
    expect(await kept(payment.id)).toEqual(refunded)
    expect(new Set((await sent()).map((it) => `${it.idempotency_key} ${it.body_hash}`)).size).toBe(1)
    expect((await api.wallet(wallet.id)).balance).toBe(0)
    expect(codeOf(await api.refund(payment.id, { amount: AMOUNT }))).toBe("422 REFUND_EXCEEDS_REMAINDER")
  })
