// What goes to Adyen byte by byte, and what its answers and notifications are taken for.
import { describe, expect, test } from "bun:test"
import { CheckoutAPI, Client, Config, EnvironmentEnum, Types } from "@adyen/api-library"
import { Effect, Redacted } from "effect"
import { HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { AMOUNT, NOON, PAYMENT, USD } from "../testing.ts"
import { type AdyenSettings, adyen } from "./adyen.ts"
import { declineClass } from "./adyen-errors.ts"
import { adyenNotice } from "./adyen-notice.ts"

const call = {
  payment_id: PAYMENT,
  provider: "adyen",
  attempt: 2,
  try: 1,
  operation: "charge",
  amount: AMOUNT,
  currency: USD,
  idempotency_key: `${PAYMENT}:adyen:2:charge`,
  started_at: NOON
} as const
const settings: AdyenSettings = {
  url: "https://checkout-test.adyen.com",
  api_key: Redacted.make("key"),
  merchant_account: "TestMerchant",
  shopper_reference: "shopper",
  stored_payment_method_id: "stored",
  timeout_ms: 200
}
const reference = `${PAYMENT}-2`
const amount = { currency: "USD", value: 5000 }

interface Reply {
  readonly status: number
  readonly body: unknown
  readonly headers?: Record<string, string>
}
interface Sent {
  readonly path: string
  readonly body: unknown
  readonly headers: { readonly [name: string]: string | undefined }
}

const answering = (reply: Reply) => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request: HttpClientRequest.HttpClientRequest, url) =>
    Effect.sync(() => {
      const bytes = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
      sent.push({
        path: url.href,
        body: JSON.parse(new TextDecoder().decode(bytes)) as unknown,
        headers: request.headers
      })
      const { status, body, headers = {} } = reply
      const text = typeof body === "string" ? body : JSON.stringify(body)
      return HttpClientResponse.fromWeb(request, new Response(text, { status, headers }))
    })
  )
  return { sent, port: adyen(client, settings) }
}

/** What the SDK sends for the same intent. */
const byTheSdk = async (intent: (api: CheckoutAPI) => Promise<unknown>) => {
  const sent: Array<{ path: string; body: unknown; key: string | undefined }> = []
  const config = new Config({ apiKey: "key", environment: EnvironmentEnum.TEST })
  const client = new Client(config, {
    request: (endpoint, json, _config, _required, options) => {
      sent.push({ path: endpoint, body: JSON.parse(String(json)) as unknown, key: options?.idempotencyKey })
      return Promise.resolve("{}")
    }
  })
  await intent(new CheckoutAPI(client))
  return sent[0]
}

describe("Adyen's own SDK sends the same for the same intent", () => {
  const merchantAccount = "TestMerchant"

  test("an authorisation that must not capture by itself", async () => {
    const { port, sent } = answering({ status: 500, body: { status: 500, errorCode: "905" } })
    await Effect.runPromise(port.charge(call))
    const { ShopperInteractionEnum, RecurringProcessingModelEnum } = Types.checkout.PaymentRequest
    const theirs = await byTheSdk((api) =>
      api.PaymentsApi.payments(
        {
          merchantAccount,
          reference,
          amount,
          paymentMethod: { type: "scheme" as never, storedPaymentMethodId: "stored" },
          shopperReference: "shopper",
          shopperInteraction: ShopperInteractionEnum.ContAuth,
          recurringProcessingModel: RecurringProcessingModelEnum.CardOnFile,
          additionalData: { manualCapture: "true" },
          returnUrl: "https://wallet.invalid/"
        },
        { idempotencyKey: `${PAYMENT}:adyen:2:create` }
      )
    )
    expect({ path: sent[0]?.path, body: sent[0]?.body, key: sent[0]?.headers["idempotency-key"] }).toEqual(
      theirs as NonNullable<typeof theirs>
    )
    expect(sent[0]?.headers).toMatchObject({ "x-api-key": "key", "content-type": "application/json" })
  })

  test("a capture, a technical cancel and a reversal", async () => {
    const { port, sent } = answering({ status: 201, body: { status: "received" } })
    const idempotencyKey = call.idempotency_key
    const captured = { ...call, handle: "PSP" }
    await Effect.runPromise(Effect.all([port.charge(captured), port.fence(call), port.reverse(captured)]))
    const theirs = [
      await byTheSdk((api) =>
        api.ModificationsApi.captureAuthorisedPayment("PSP", { merchantAccount, reference, amount }, { idempotencyKey })
      ),
      await byTheSdk((api) =>
        api.ModificationsApi.cancelAuthorisedPayment(
          { merchantAccount, paymentReference: reference, reference },
          { idempotencyKey }
        )
      ),
      await byTheSdk((api) =>
        api.ModificationsApi.refundOrCancelPayment("PSP", { merchantAccount, reference }, { idempotencyKey })
      )
    ]
    const ours = sent.map(({ path, body, headers }) => ({ path, body, key: headers["idempotency-key"] }))
    expect(ours).toEqual(theirs as typeof ours)
    for (const { key } of ours) expect(String(key).length).toBeLessThanOrEqual(64)
  })
})

describe("an authorisation's answer", () => {
  const authorised = { pspReference: "PSP", resultCode: "Authorised", merchantReference: reference, amount }
  for (const [name, status, body, told] of [
    ["authorised: nothing is taken, and there is a handle", 200, authorised, { outcome: "not_charged", handle: "PSP" }],
    ["no resultCode: nothing is known", 200, {}, { outcome: "unknown", reason: "unreadable_answer" }],
    ["an empty body", 200, "", { outcome: "unknown", reason: "unreadable_answer" }],
    ["another amount", 200, { ...authorised, amount: { ...amount, value: 1 } }, { reason: "reference_mismatch" }],
    ["another reference", 200, { ...authorised, merchantReference: "x-1" }, { reason: "reference_mismatch" }],
    ["part of it", 200, { ...authorised, resultCode: "PartiallyAuthorised" }, { outcome: "unknown" }],
    ["Received: to be told later", 200, { ...authorised, resultCode: "Received" }, { outcome: "pending" }],
    ["Pending", 200, { ...authorised, resultCode: "Pending" }, { outcome: "pending" }],
    [
      "a challenge that nobody takes",
      200,
      { ...authorised, resultCode: "ChallengeShopper" },
      { outcome: "declined", decline_class: "hard" }
    ],
    [
      "Refused is a 200",
      200,
      { ...authorised, resultCode: "Refused", refusalReason: "Not enough balance", refusalReasonCode: "12" },
      { outcome: "declined", code: "12", decline_class: "funds", message: "Not enough balance" }
    ],
    [
      "Error",
      200,
      { ...authorised, resultCode: "Error", refusalReasonCode: "9" },
      { outcome: "declined", decline_class: "soft" }
    ],
    [
      "refused credentials",
      401,
      { status: 401, errorCode: "000", errorType: "security" },
      { outcome: "rejected", health: "fatal" }
    ],
    ["another's merchant account", 403, { status: 403, errorCode: "901" }, { outcome: "rejected", health: "fatal" }],
    [
      "a mistake of ours",
      422,
      { status: 422, errorCode: "101", message: "Invalid card number" },
      { outcome: "rejected", code: "101", message: "Invalid card number", health: "ok" }
    ],
    ["the newer shape", 422, { type: "x", title: "t", errorCode: "30_112" }, { outcome: "rejected", code: "30_112" }],
    ["P11 a stored error", 500, { status: 500, errorCode: "905" }, { outcome: "unknown", reason: "http_500" }],
    ["a proxy's page", 502, "<html>", { outcome: "unknown", reason: "unreadable_answer" }],
    ["a proxy's refusal is not Adyen's", 403, "<html>", { outcome: "unknown", reason: "unreadable_answer" }]
  ] as const)
    test(name, async () => {
      const { port } = answering({ status, body })
      const answer = await Effect.runPromise(port.charge(call))
      expect(answer).toMatchObject(told)
      if (answer.outcome !== "not_charged") expect(answer.handle).toBeUndefined()
    })

  // A public incident took this answer for a decline while the payment was authorised.
  for (const [status, transient, reason] of [
    [422, "true", "in_progress"],
    [409, "true", "in_progress"],
    [409, "false", "key_spent"],
    [422, undefined, "key_spent"]
  ] as const)
    test(`704 with ${status}, transient-error ${transient}: ${reason}, never a decline`, async () => {
      const headers = transient === undefined ? {} : { "transient-error": transient }
      const { port, sent } = answering({ status, body: { status, errorCode: "704", errorType: "validation" }, headers })
      expect(await Effect.runPromise(port.charge(call))).toMatchObject({ outcome: "unknown", reason })
      expect(sent.length > 1).toBe(reason === "in_progress")
    })
})

describe("a capture's answer", () => {
  const received = { status: "received", pspReference: "MOD", paymentPspReference: "PSP", reference, amount }
  for (const [name, body, told] of [
    ["received is as good as taken", received, { outcome: "succeeded", provider_reference: "PSP", amount: AMOUNT }],
    ["of another payment", { ...received, paymentPspReference: "X" }, { reason: "reference_mismatch" }],
    ["of another attempt", { ...received, reference: `${PAYMENT}-1` }, { reason: "reference_mismatch" }],
    [
      "of another amount, which is not what was asked",
      { ...received, amount: { ...amount, value: 1 } },
      { amount: 1n }
    ],
    ["{}", {}, { outcome: "unknown", reason: "unreadable_answer" }]
  ] as const)
    test(name, async () => {
      const { port } = answering({ status: 201, body })
      const answer = await Effect.runPromise(port.charge({ ...call, handle: "PSP" }))
      expect(answer).toMatchObject({ ...told, handle: "PSP" } as Record<string, unknown>)
    })
})

for (const [codes, expected] of [
  ["5 8 14 20 22 25 26 31 6 11 24 38", "hard"],
  ["12 28 29", "funds"],
  ["2 4 9 21 27 99", "soft"]
] as const)
  test(`refusals ${codes} are ${expected}`, () => {
    for (const code of codes.split(" ")) expect(declineClass(code)).toBe(expected)
  })

describe("a notification", () => {
  const item = (eventCode: string, success: string, more: object = {}) => ({
    eventCode,
    success,
    pspReference: "MOD",
    originalReference: "PSP",
    merchantReference: reference,
    amount,
    ...more
  })
  for (const [name, of, told] of [
    [
      "of a capture: charged, and by what it is refunded",
      item("CAPTURE", "true"),
      { outcome: "succeeded", handle: "PSP", provider_reference: "PSP", amount: AMOUNT, currency: USD }
    ],
    [
      "of an authorisation: now it can be captured",
      item("AUTHORISATION", "true", { pspReference: "PSP" }),
      { outcome: "not_charged", handle: "PSP" }
    ],
    ["of a cancel", item("CANCELLATION", "true"), { outcome: "fenced" }],
    ["of a technical cancel", item("TECHNICAL_CANCEL", "true"), { outcome: "fenced" }],
    [
      "P80 of an authorisation that failed: its success is a string",
      item("AUTHORISATION", "false", { reason: "Not enough balance" }),
      { outcome: "declined", code: "12", decline_class: "funds" }
    ],
    [
      "of a reversal that refunded",
      item("CANCEL_OR_REFUND", "true", { additionalData: { "modification.action": "refund" } }),
      { outcome: "reversed", provider_reference: "MOD" }
    ],
    [
      "of a reversal that cancelled",
      item("CANCEL_OR_REFUND", "true", { additionalData: { "modification.action": "cancel" } }),
      { outcome: "fenced" }
    ]
  ] as const)
    test(name, () => {
      const notice = adyenNotice(of)
      expect(notice).toMatchObject({ payment_id: PAYMENT, attempt: 2, answer: told as Record<string, unknown> })
      expect(notice?.operation).toBe(
        told.outcome === "reversed" ? "reverse" : told.outcome === "not_charged" ? "charge" : "read"
      )
    })

  for (const [eventCode, success] of [
    ["CAPTURE", "false"],
    ["CANCELLATION", "false"],
    ["TECHNICAL_CANCEL", "false"],
    ["CAPTURE_FAILED", "true"],
    ["REPORT_AVAILABLE", "true"]
  ] as const)
    test(`${eventCode} ${success} says nothing about what became of an attempt`, () =>
      expect(adyenNotice(item(eventCode, success))).toBeUndefined())

  test("of somebody else's payment is none of ours", () =>
    expect(adyenNotice(item("CAPTURE", "true", { merchantReference: "order" }))).toBeUndefined())
})
