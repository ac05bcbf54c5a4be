// Refunds at Stripe and PayPal under every fault: what they are taken for, what the same call says again, what moved.
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Clock, Effect, Redacted } from "effect"
import { HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"
import Stripe from "stripe"
import { control } from "../../../infra/simulator/testing.ts"
import { type Currency, minor } from "../../../shared/contract/money.ts"
import { type RefundAnswer, type RefundCall, refundKeyOf } from "../calls.ts"
import { NOON, PAYMENT, USD } from "../testing.ts"
import { formOf, stripe } from "./stripe.ts"
import { refundForm } from "./stripe-refunds.ts"
import { asking, callOf, type Outside, open, TIMEOUT_MS } from "./testing.ts"

const AFTER_MS = 150
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const AMOUNT = minor(2000n)
type Name = "stripe" | "paypal"
let outside: Outside

beforeAll(async () => {
  outside = await open()
})
afterAll(async () => {
  await outside.runtime.dispose()
  await outside.simulator.stop()
})

const now = () => Effect.runSync(Clock.currentTimeMillis)
const refund = async (call: RefundCall): Promise<RefundAnswer> => {
  const [first] = await outside.runtime.runPromise(outside.perform(call))
  if (first?.command.type !== "RecordRefundAnswer") throw new Error("no answer")
  return first.command.data
}
const say = ({ outcome, code }: RefundAnswer) => (code === undefined ? outcome : `${outcome} ${code}`)

const refundOf = (payment_id: string, provider: Name, charge_reference: string, started_at: number): RefundCall => {
  const refund_id = `${payment_id}-refund`
  const idempotency_key = refundKeyOf(payment_id, provider, refund_id)
  const call = { payment_id, refund_id, provider, try: 1, idempotency_key, charge_reference, started_at }
  return { operation: "refund", ...call, amount: AMOUNT, currency: USD }
}
const paid = async (payment_id: string, provider: Name): Promise<RefundCall> => {
  const { provider_reference = "" } = await asking(outside)(callOf(payment_id, provider, "charge"))
  return refundOf(payment_id, provider, provider_reference, now())
}
const refunds = async (id: string) =>
  (await control(outside.simulator.url).ledger(id)).filter(({ kind }) => kind === "refund").map(({ amount }) => amount)

/** Fault, code, what it is taken for, what the same call then says, refunds in the end. */
type Row = readonly [fault: string, code: string, told: string, then: string, done: number]
const BOTH: ReadonlyArray<Row> = [
  ["none", "", "succeeded", "succeeded", 1],
  ["429", "", "unknown", "succeeded", 1],
  ["409", "", "unknown in_progress", "succeeded", 1],
  ["hang-before", "", "unknown timeout", "succeeded", 1],
  ["reset-before", "", "unknown reset", "succeeded", 1],
  ["5xx-after", "", "unknown http_500", "succeeded", 1],
  ["hang-after", "", "unknown timeout", "succeeded", 1],
  ["reset-after", "", "unknown reset", "succeeded", 1],
  ["cut-body-after", "", "unknown cut", "succeeded", 1],
  ["empty-200-after", "", "unknown unreadable_answer", "succeeded", 1],
  ["html-502-after", "", "unknown http_502", "succeeded", 1],
  ["execute-late", "", "unknown timeout", "succeeded", 1],
  ["async", "", "pending", "succeeded", 1]
]
const TABLES: { readonly [N in Name]: ReadonlyArray<Row> } = {
  stripe: [
    ...BOTH,
    ["decline", "", "failed declined", "failed declined", 0],
    ["reject-before", "", "refused", "succeeded", 1],
    // Replayed for a day: the list shows no refund, and neither a failure nor a second key is made of that.
    ["5xx-before", "", "unknown http_500", "unknown http_500", 0]
  ],
  paypal: [
    ...BOTH,
    [
      "decline",
      "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
      "refused REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
      "succeeded",
      1
    ],
    ["decline", "", "unknown REFUND_FAILED_INSUFFICIENT_FUNDS", "succeeded", 1],
    ["reject-before", "", "refused", "succeeded", 1],
    ["5xx-before", "", "unknown http_500", "succeeded", 1]
  ]
}

for (const provider of ["stripe", "paypal"] as const)
  describe(`P32 a refund at ${provider} is done once, under one key`, () => {
    for (const [fault, code, told, then, done] of TABLES[provider])
      test(`${fault} ${code}: ${told}; the same call then: ${then}`, async () => {
        const { arm, wire } = control(outside.simulator.url)
        const call = await paid(`${provider}-${fault}-${code}`, provider)
        const armed = { fault, op: "refund", after_ms: AFTER_MS + TIMEOUT_MS, ...(code === "" ? {} : { code }) }
        expect((await arm(provider, armed)).status).toBe(200)
        const first = await refund(call)
        expect(say(first)).toStartWith(told)
        await arm(provider, { fault: "none" })
        if (fault === "async" || fault === "execute-late") await Bun.sleep(2 * AFTER_MS + TIMEOUT_MS)
        const { reference } = first
        const again = { ...call, try: 2, ...(reference !== undefined && { reference }) }
        expect(say(await refund(again))).toStartWith(then)
        expect(await refunds(call.payment_id)).toEqual(Array.from({ length: done }, () => 2000))
        const sent = (await wire(call.payment_id)).filter(({ op }) => op === "refund")
        expect(new Set(sent.map(({ idempotency_key, body_hash }) => `${idempotency_key} ${body_hash}`)).size).toBe(1)
      })

    test("what is done is told by its own id and by the key, and never for another refund", async () => {
      const call = await paid(`${provider}-told`, provider)
      const { reference = "" } = await refund(call)
      expect(await refund({ ...call, try: 5, reference })).toMatchObject({ outcome: "succeeded", reference })
      expect(await refund({ ...call, try: 2 })).toMatchObject({ outcome: "succeeded", reference })
      expect(say(await refund({ ...call, try: 2, amount: minor(1999n), reference }))).toBe("unknown amount_mismatch")
      expect(await refunds(call.payment_id)).toEqual([2000])
    })

    test("more than is left of the charge is refused", async () => {
      const call = await paid(`${provider}-more`, provider)
      expect((await refund({ ...call, amount: minor(5001n) })).outcome).toBe("refused")
      expect(await refunds(call.payment_id)).toEqual([])
    })
  })

test("P63 what the provider cannot express is refused before it is sent", async () => {
  for (const [provider, currency, amount] of [
    ["stripe", "KWD", 1235n],
    ["paypal", "KWD", 1230n]
  ] as const) {
    const call = { ...refundOf("kwd", provider, "x", now()), currency: currency as Currency, amount: minor(amount) }
    expect(say(await refund(call))).toBe("refused amount_not_expressible")
  }
})

/** A Stripe that answers from a function, and what it was sent. */
const recording = (answer: (method: string, path: string) => { readonly status: number; readonly body: unknown }) => {
  const sent: Array<string> = []
  const client = HttpClient.make((request: HttpClientRequest.HttpClientRequest, url) =>
    Effect.sync(() => {
      sent.push(`${request.method} ${url.pathname}`)
      const { status, body } = answer(request.method, url.pathname)
      return HttpClientResponse.fromWeb(request, new Response(JSON.stringify(body), { status }))
    })
  )
  const settings = { url: "https://stripe.example", secret: Redacted.make("sk_test"), payment_method: "pm_card_visa" }
  return { port: stripe(client, { ...settings, timeout_ms: 1000, replay_ms: 23 * HOUR_MS }), sent }
}

describe("P11 Stripe forgets a key after 24 h", () => {
  const empty = { status: 200, body: { object: "list", data: [], has_more: false } }
  const done = (call: RefundCall) => ({
    status: 200,
    body: { id: "re_1", status: "succeeded", amount: 2000, metadata: { refund_id: call.refund_id } }
  })
  for (const [age, sends, code] of [
    [22 * HOUR_MS, true, undefined],
    [24 * HOUR_MS, false, "key_may_be_forgotten"],
    [26 * HOUR_MS, true, undefined]
  ] as const)
    test(`after ${age / HOUR_MS} h, nothing found: ${sends ? "sent again" : "only looked for"}`, async () => {
      const call = { ...refundOf(PAYMENT, "stripe", "pi_1", now() - age), try: 9 }
      const { port, sent } = recording((method) => (method === "GET" ? empty : done(call)))
      const answer = await Effect.runPromise(port.refund(call))
      expect([answer.outcome, answer.code]).toEqual([sends ? "succeeded" : "unknown", code])
      expect(sent).toEqual(sends ? ["GET /v1/refunds", "POST /v1/refunds"] : ["GET /v1/refunds"])
    })

  test("PayPal after 44 days: not sent again, for a person", async () => {
    expect(say(await refund(refundOf("old", "paypal", "x", now() - 44 * DAY_MS)))).toBe("unknown key_may_be_forgotten")
  })
})

test("a list that cannot be read, or is longer than a page, sends nothing", async () => {
  const call = { ...refundOf(PAYMENT, "stripe", "pi_1", now()), try: 2 }
  for (const [reply, code] of [
    [{ status: 200, body: { data: [], has_more: true } }, "list_too_long"],
    [{ status: 503, body: {} }, "http_503"]
  ] as const) {
    const { port, sent } = recording(() => reply)
    expect(say(await Effect.runPromise(port.refund(call)))).toBe(`unknown ${code}`)
    expect(sent.filter((each) => each.startsWith("POST"))).toEqual([])
  }
}, 15_000)

test("refused credentials are not about the refund: it waits", async () => {
  const { port } = recording(() => ({ status: 401, body: { error: { type: "invalid_request_error" } } }))
  const answer = await Effect.runPromise(port.refund(refundOf(PAYMENT, "stripe", "pi_1", NOON)))
  expect(answer.outcome).toBe("unknown")
})

test("Stripe's own SDK sends the same refund", async () => {
  const call = refundOf(PAYMENT, "stripe", "pi_1", NOON)
  let theirs = ""
  const sdk = new Stripe("sk_test", {
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(((_url: string, init: RequestInit) => {
      theirs = String(init.body)
      return Promise.resolve(new Response("{}", { status: 200 }))
    }) as typeof fetch)
  })
  const metadata = { payment_id: PAYMENT, refund_id: call.refund_id }
  await sdk.refunds.create({ payment_intent: "pi_1", amount: 2000, metadata })
  const fields = (body: string) => [...new URLSearchParams(body)].sort()
  expect(fields(formOf(refundForm(call)))).toEqual(fields(theirs))
})
