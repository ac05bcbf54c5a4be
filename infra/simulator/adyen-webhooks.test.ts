/** Adyen's notifications: signed inside, judged by the SDK's own check; and one refused blocks all behind it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { hmacValidator, type Types } from "@adyen/api-library"
import { signatureOf } from "./adyen/notifications.ts"
import { type Listening, startSimulator } from "./server.ts"
import { adyenAt, control, eventually } from "./testing.ts"

type Item = InstanceType<typeof Types.notification.NotificationRequestItem>

const KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
const merchantAccount = "TestMerchant"
const amount = { currency: "EUR", value: 1130 }
const received: Array<Item> = []
/** Answers 500 so many times before it accepts. */
let refusals = 0
let receiver: ReturnType<typeof Bun.serve>
let simulator: Listening
let sim: ReturnType<typeof control>
let n = 0

beforeAll(async () => {
  receiver = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (req) => {
      expect(new URL(req.url).pathname).toBe("/webhooks/adyen")
      const { live, notificationItems } = (await req.json()) as {
        live: string
        notificationItems: Array<{ NotificationRequestItem: Item }>
      }
      expect(live).toBe("false")
      for (const { NotificationRequestItem } of notificationItems) received.push(NotificationRequestItem)
      refusals -= 1
      return new Response("[accepted]", { status: refusals >= 0 ? 500 : 202 })
    }
  })
  const webhookTarget = `http://127.0.0.1:${receiver.port}/webhooks`
  simulator = await startSimulator({ port: 0, webhookTarget, adyenHmacKey: KEY })
  sim = control(simulator.url)
})
beforeEach(() => {
  received.length = 0
  refusals = 0
})
afterEach(() => sim.reset())
afterAll(async () => {
  await simulator.stop()
  await receiver.stop(true)
})

const pay = async (id: string, more: object = {}): Promise<string> => {
  const { pspReference } = await adyenAt(simulator.url).payments.payments({
    merchantAccount,
    amount,
    reference: `${id}-1`,
    paymentMethod: { type: "scheme" } as never,
    additionalData: { manualCapture: "true" },
    returnUrl: "https://shop.example/back",
    ...more
  })
  return pspReference!
}
const modification = () => adyenAt(simulator.url).modifications
const capture = (psp: string) => modification().captureAuthorisedPayment(psp, { merchantAccount, amount })
const refund = (psp: string) => modification().refundCapturedPayment(psp, { merchantAccount, amount })
const reverse = (psp: string) => modification().refundOrCancelPayment(psp, { merchantAccount })
const technicalCancel = (paymentReference: string) =>
  modification().cancelAuthorisedPayment({ merchantAccount, paymentReference })

/** `CAPTURE true`, in the order they came. */
const told = async (count: number): Promise<ReadonlyArray<string>> => {
  await eventually(async () => received.length >= count)
  return received.map(
    ({ eventCode, success, reason }) => `${eventCode} ${success}${reason === "" ? "" : `: ${reason}`}`
  )
}
const payment = () => `adyen-hook-${++n}`

test("P78 the published vector is what the simulator signs, and what the SDK expects", () => {
  const item = {
    pspReference: "7914073381342284",
    merchantAccountCode: "TestMerchant",
    merchantReference: "TestPayment-1407325143704",
    amount,
    eventCode: "AUTHORISATION",
    success: "true",
    eventDate: "2026-11-25T12:00:00+00:00",
    paymentMethod: "visa",
    reason: ""
  } as const
  expect(signatureOf(item, KEY)).toBe("coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=")
})

describe("a notification", () => {
  test("is signed, its success a string, and names the original of a modification", async () => {
    const id = payment()
    const psp = await pay(id)
    const { pspReference } = await capture(psp)
    expect(await told(2)).toEqual(["AUTHORISATION true", "CAPTURE true"])
    const [authorised, captured] = received
    expect(authorised).toMatchObject({ pspReference: psp, merchantReference: `${id}-1`, amount })
    expect(captured).toMatchObject({ pspReference, originalReference: psp, merchantReference: `${id}-1`, amount })
    const validator = new hmacValidator()
    for (const item of received) {
      expect(validator.validateHMAC(item, KEY)).toBe(true)
      expect(validator.validateHMAC({ ...item, success: "false" as never }, KEY)).toBe(false)
    }
  })

  test("tells a refusal, and why", async () => {
    await sim.arm("adyen", { fault: "decline", code: "12" })
    await pay(payment())
    expect(await told(1)).toEqual(["AUTHORISATION false: Not enough balance"])
  })

  test("tells what a technical cancel came to", async () => {
    const [a, b] = [payment(), payment()]
    await pay(a)
    await technicalCancel(`${a}-1`)
    await capture(await pay(b))
    await technicalCancel(`${b}-1`)
    await technicalCancel("nobody-1")
    expect((await told(6)).filter((event) => event.startsWith("TECHNICAL"))).toEqual([
      "TECHNICAL_CANCEL true",
      "TECHNICAL_CANCEL false: Transaction is already captured",
      "TECHNICAL_CANCEL false: Payment not found"
    ])
  })

  test("tells whether a reversal cancelled or refunded", async () => {
    const [first, second] = [await pay(payment()), await pay(payment())]
    await capture(second)
    await reverse(first)
    await reverse(second)
    await told(5)
    const actions = received.filter(({ eventCode }) => String(eventCode) === "CANCEL_OR_REFUND")
    expect(actions.map(({ additionalData }) => additionalData?.["modification.action"])).toEqual(["cancel", "refund"])
  })

  test("of an automatic capture does not exist: the authorisation says it", async () => {
    await pay(payment(), { captureDelayHours: 0 })
    await pay(payment())
    expect(await told(2)).toEqual(["AUTHORISATION true", "AUTHORISATION true"])
  })
})

describe("what was told to have gone well", () => {
  test("P81 a capture may fail later", async () => {
    const psp = await pay(payment())
    await sim.arm("adyen", { fault: "late-reversal", after_ms: 1 })
    await capture(psp)
    expect(await told(3)).toEqual(["AUTHORISATION true", "CAPTURE true", "CAPTURE_FAILED true: Capture Failed"])
  })

  test("a refund too, and the ledger never had it", async () => {
    const id = payment()
    const psp = await pay(id)
    await capture(psp)
    await sim.arm("adyen", { fault: "decline", op: "refund", code: "REFUND_FAILED", after_ms: 1 })
    await refund(psp)
    expect((await told(4)).slice(2)).toEqual(["REFUND true", "REFUND_FAILED true: Refund Failed"])
    expect((await sim.ledger(id)).map(({ kind }) => kind)).toEqual(["charge"])
  })

  test("a refund may be refused by the bank", async () => {
    const psp = await pay(payment())
    await capture(psp)
    await sim.arm("adyen", { fault: "decline", op: "refund" })
    await refund(psp)
    expect((await told(3)).at(-1)).toBe("REFUND false: REFUSED")
  })
})

test("what is refused comes again first, and holds up all behind it", async () => {
  refusals = 3
  const [first, second] = [await pay(payment()), await pay(payment())]
  await eventually(async () => received.length >= 5)
  expect(received.map(({ pspReference }) => pspReference)).toEqual([first, first, first, first, second])
})
