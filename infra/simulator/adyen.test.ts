/** The official Adyen SDK is the judge: what it understands is what Adyen says. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { Types } from "@adyen/api-library"
import { type Listening, startSimulator } from "./server.ts"
import { adyenAt, control, eventually, failure } from "./testing.ts"

const { PaymentResponse, PaymentRequest } = Types.checkout
let simulator: Listening
let adyen: ReturnType<typeof adyenAt>
let sim: ReturnType<typeof control>
let n = 0

beforeAll(async () => {
  simulator = await startSimulator({ port: 0 })
  adyen = adyenAt(simulator.url)
  sim = control(simulator.url)
})
afterEach(() => sim.reset())
afterAll(() => simulator.stop())

const payment = () => `adyen-payment-${++n}`
const merchantAccount = "TestMerchant"
const usd = (value: number) => ({ currency: "USD", value })

const pay = (id: string, more: object = {}, key = `${id}:create`) =>
  adyen.payments.payments(
    {
      merchantAccount,
      amount: usd(2000),
      reference: `${id}-1`,
      paymentMethod: { type: "scheme", storedPaymentMethodId: "stored" } as never,
      shopperReference: "shopper",
      shopperInteraction: PaymentRequest.ShopperInteractionEnum.ContAuth,
      recurringProcessingModel: PaymentRequest.RecurringProcessingModelEnum.CardOnFile,
      additionalData: { manualCapture: "true" },
      returnUrl: "https://shop.example/back",
      ...more
    },
    { idempotencyKey: key }
  )

const authorised = async (id: string): Promise<string> => (await pay(id)).pspReference!
const capture = (psp: string, id: string, value = 2000, key = `${id}:charge`) =>
  adyen.modifications.captureAuthorisedPayment(
    psp,
    { merchantAccount, amount: usd(value), reference: `${id}-1` },
    { idempotencyKey: key }
  )
const refund = (psp: string, value: number) =>
  adyen.modifications.refundCapturedPayment(psp, { merchantAccount, amount: usd(value) })
const cancel = (psp: string) => adyen.modifications.cancelAuthorisedPaymentByPspReference(psp, { merchantAccount })
const reverse = (psp: string) => adyen.modifications.refundOrCancelPayment(psp, { merchantAccount })
const cancelByReference = (paymentReference: string) =>
  adyen.modifications.cancelAuthorisedPayment({ merchantAccount, paymentReference })
const moved = async (id: string) => (await sim.ledger(id)).map(({ kind, amount }) => `${kind} ${amount}`)

describe("a payment", () => {
  test("captured by hand moves nothing until its capture is carried out", async () => {
    const id = payment()
    const made = await pay(id)
    expect(made).toMatchObject({ resultCode: "Authorised", merchantReference: `${id}-1`, amount: usd(2000) })
    expect(made.pspReference).toMatch(/^[A-Z0-9]{16}$/)
    expect(await moved(id)).toEqual([])
    const taken = await capture(made.pspReference!, id)
    expect(taken).toMatchObject({ status: "received", paymentPspReference: made.pspReference!, amount: usd(2000) })
    expect(taken.pspReference).not.toBe(made.pspReference!)
    const [charge] = await sim.ledger(id)
    expect(charge).toMatchObject({ provider: "adyen", kind: "charge", reference: taken.pspReference, amount: 2000 })
  })

  for (const [name, more] of [
    ["as the account does by default", { additionalData: {} }],
    ["without a delay", { captureDelayHours: 0 }]
  ] as const)
    test(`${name} captures itself`, async () => {
      const id = payment()
      expect((await pay(id, more)).resultCode).toBe(PaymentResponse.ResultCodeEnum.Authorised)
      expect(await moved(id)).toEqual(["charge 2000"])
    })

  for (const [code, resultCode, refusalReason] of [
    ["2", "Refused", "Refused"],
    ["12", "Refused", "Not enough balance"],
    ["4", "Error", "Acquirer Error"],
    ["16", "Cancelled", "Shopper Cancelled"]
  ] as const)
    test(`refused with ${code} is a 200 that says ${resultCode}`, async () => {
      const id = payment()
      await sim.arm("adyen", { fault: "decline", code })
      const answer = { resultCode, refusalReason, refusalReasonCode: code }
      expect(await pay(id)).toMatchObject(answer)
      await sim.reset()
      // The refusal is what the key says from now on.
      expect(await pay(id)).toMatchObject(answer)
      expect(await pay(payment(), { additionalData: { RequestedTestAcquirerResponseCode: code } })).toMatchObject(
        answer
      )
      expect(await moved(id)).toEqual([])
    })
})

describe("a modification is received, whatever it comes to", () => {
  test("a second capture takes nothing, nor one of more than was authorised", async () => {
    const [a, b] = [payment(), payment()]
    const psp = await authorised(a)
    await capture(psp, a)
    expect(await capture(psp, a, 2000, "other")).toMatchObject({ status: "received" })
    expect(await capture(await authorised(b), b, 2001)).toMatchObject({ status: "received" })
    expect([...(await moved(a)), ...(await moved(b))]).toEqual(["charge 2000"])
  })

  test("a cancel lets go of what was not captured, and cannot do more", async () => {
    const [a, b] = [payment(), payment()]
    const [first, second] = [await authorised(a), await authorised(b)]
    expect(await cancel(first)).toMatchObject({ status: "received", paymentPspReference: first })
    await capture(first, a)
    await capture(second, b)
    await cancel(second)
    expect([...(await moved(a)), ...(await moved(b))]).toEqual(["charge 2000"])
  })

  test("a technical cancel needs no pspReference, only ours", async () => {
    const id = payment()
    const psp = await authorised(id)
    const told = await cancelByReference(`${id}-1`)
    expect(told).toMatchObject({ status: "received", paymentReference: `${id}-1` })
    expect(await cancelByReference("nobody-1")).toMatchObject({ status: "received" })
    await capture(psp, id)
    expect(await moved(id)).toEqual([])
  })

  test("refunds add up to at most the capture", async () => {
    const id = payment()
    const psp = await authorised(id)
    await refund(psp, 100)
    await capture(psp, id)
    for (const value of [500, 1501, 1500, 1]) expect(await refund(psp, value)).toMatchObject({ status: "received" })
    expect(await moved(id)).toEqual(["charge 2000", "refund 500", "refund 1500"])
  })

  test("a reversal cancels or refunds, whichever is left to do", async () => {
    const [a, b] = [payment(), payment()]
    const [first, second] = [await authorised(a), await authorised(b)]
    await capture(second, b)
    for (const psp of [first, second, second]) expect(await reverse(psp)).toMatchObject({ status: "received" })
    await capture(first, a)
    expect([...(await moved(a)), ...(await moved(b))]).toEqual(["charge 2000", "refund 2000"])
  })

  test("an authorisation is gone after 28 days", async () => {
    const id = payment()
    const psp = await authorised(id)
    await sim.advance(28 * 24 * 3600 * 1000)
    await capture(psp, id)
    expect(await moved(id)).toEqual([])
  })
})

describe("a key", () => {
  test("answers the same for seven days, whatever the body says, and then executes again", async () => {
    const id = payment()
    const first = await pay(id)
    expect(await pay(id, { amount: usd(1) })).toEqual(first)
    await sim.advance(7 * 24 * 3600 * 1000)
    expect((await pay(id)).pspReference).not.toBe(first.pspReference)
  })

  test("is in progress while its first call is unanswered: 422 and 704, transient", async () => {
    const id = payment()
    const psp = await authorised(id)
    await sim.arm("adyen", { fault: "none", latency_ms: 300 })
    const slow = capture(psp, id)
    await eventually(async () => (await sim.wire(id)).length === 2)
    expect(await failure(capture(psp, id))).toMatchObject({
      statusCode: 422,
      errorCode: "704",
      responseHeaders: { "transient-error": "true" }
    })
    await slow
    expect(await moved(id)).toEqual(["charge 2000"])
  })

  test("is echoed by what was processed", async () => {
    const call = async (body: object) => {
      const headers = { "x-api-key": "k", "idempotency-key": `echo-${++n}` }
      const answer = await fetch(`${simulator.url}/v72/payments`, {
        method: "POST",
        headers,
        body: JSON.stringify(body)
      })
      return [answer.status, answer.headers.get("idempotency-key") === headers["idempotency-key"]]
    }
    expect(await call({ merchantAccount, amount: usd(1) })).toEqual([422, true])
    expect(await call({ amount: usd(1) })).toEqual([403, false])
  })
})

describe("an error has Adyen's shape", () => {
  const refused = async (more: object) => {
    const { statusCode, errorCode, apiError } = await failure(pay(payment(), more))
    return [statusCode, errorCode, (apiError as { errorType: string }).errorType]
  }
  for (const [name, more, expected] of [
    ["no amount", { amount: undefined }, [422, "14_006", "validation"]],
    ["no method", { paymentMethod: undefined }, [422, "14_006", "validation"]],
    ["no reference", { reference: undefined }, [422, "130", "validation"]],
    ["no return address", { returnUrl: undefined }, [422, "14_006", "validation"]],
    ["no merchant", { merchantAccount: undefined }, [403, "901", "security"]],
    ["an unknown currency", { amount: { currency: "MGA", value: 1 } }, [422, "138", "validation"]],
    ["half a króna", { amount: { currency: "ISK", value: 150 } }, [422, "137", "validation"]]
  ] as const)
    test(name, async () => expect(await refused(more)).toEqual([...expected]))

  test("an original that is unknown", async () => {
    expect(await failure(capture("NOBODY", payment()))).toMatchObject({ statusCode: 422, errorCode: "167" })
  })

  test("no key, no body", async () => {
    const post = async (headers: Record<string, string>) => {
      const answer = await fetch(`${simulator.url}/v72/payments`, { method: "POST", headers, body: "half a {" })
      return ((await answer.json()) as { errorCode: string }).errorCode
    }
    expect([await post({}), await post({ "x-api-key": "k" })]).toEqual(["000", "702"])
  })
})

for (const [currency, value, minor] of [
  ["JPY", 500, 500],
  ["CLP", 50_000, 500],
  ["ISK", 50_000, 500],
  ["IDR", 15, 1500],
  ["KWD", 5124, 5124]
] as const)
  test(`${value} ${currency} are ${minor} minor units in the ledger`, async () => {
    const id = payment()
    await pay(id, { amount: { currency, value }, captureDelayHours: 0 })
    expect(await moved(id)).toEqual([`charge ${minor}`])
  })
