/** DECISIONS D4's table: how each end of a payment is answered. */
import { expect, test } from "bun:test"
import { Schema } from "effect"
import { ERRORS } from "../../shared/contract/errors.ts"
import type { FailureCode } from "../../shared/contract/payment.ts"
import { NotAccepted, RowTaken } from "../../shared/runtime/commands.ts"
import { problem } from "./problem.ts"
import { type PaymentRecord, StoreUnavailable } from "./records.ts"
import { Payment, ProblemBody } from "./resources.ts"
import { isProblem, paymentAnswer, problemAnswer, refused, toProblem } from "./responses.ts"
import { begin } from "./trace.ts"

const base: PaymentRecord = {
  id: "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01",
  user_id: "ana",
  wallet_id: "01935d6e-0b2c-7d55-8f10-6a0c51f4be02",
  merchant_id: "book-shop",
  amount: 100000n,
  currency: "USD",
  status: "INITIATED",
  provider: null,
  provider_reference: null,
  failure: null,
  refunded_amount: 0n,
  description: null,
  metadata: null,
  version: 1,
  created_at: 0,
  completed_at: null,
  updated_at: 0,
  progress: null,
  reason: null,
  since: null
}
const trace = begin(null, "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a02")

const answerTo = (record: Partial<PaymentRecord>) => {
  const answer = paymentAnswer({ ...base, ...record }, "wait=2")
  const { status, headers, body } = isProblem(answer) ? problemAnswer(answer, "/api/v1/payments", trace) : answer
  return { status, headers, body: JSON.parse(String(body)) }
}
const failedWith = (code: string, facts: object = {}) =>
  answerTo({ status: "FAILED", failure: JSON.stringify({ code, stage: "SAGA", reason: "because", ...facts }) })

const decodePayment = Schema.decodeUnknownSync(Payment, { onExcessProperty: "error" })
const decodeProblem = Schema.decodeUnknownSync(ProblemBody, { onExcessProperty: "error" })

const expected = {
  LIMIT_EXCEEDED: 422,
  INSUFFICIENT_FUNDS: 400,
  INSUFFICIENT_FUNDS_CONCURRENT: 400,
  WALLET_LOCKED: 423,
  WALLET_NOT_FOUND: 404,
  CURRENCY_MISMATCH: 400,
  PAYMENT_DECLINED: 402,
  GATEWAY_UNAVAILABLE: 502,
  PAYMENT_TIMED_OUT: 504,
  PAYMENT_CANCELLED: 409,
  PAYMENT_STOPPED: 409
} as const satisfies Record<typeof FailureCode.Type, number>

for (const [code, status] of Object.entries(expected))
  test(`FAILED ${code} → ${status}, naming the payment`, () => {
    const answer = failedWith(code)
    expect(answer.status).toBe(status)
    expect(answer.headers?.["content-type"]).toBe("application/problem+json")
    const body = decodeProblem(answer.body)
    expect(body.error).toMatchObject({ code, details: { payment_id: base.id } })
    expect(body.status).toBe(status)
  })

test.each(["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"])("%s → 201", (status) => {
  const answer = answerTo({ status, provider: "stripe", provider_reference: "pi_1", completed_at: 1 })
  expect(answer.status).toBe(201)
  expect(decodePayment(answer.body)).toMatchObject({ status, amount: 100000n })
  expect(answer.headers?.["location"]).toBe(`/api/v1/payments/${base.id}`)
})

test("CANCELLED while waiting → 409", () => {
  expect(answerTo({ status: "CANCELLED" })).toMatchObject({
    status: 409,
    body: { error: { code: "PAYMENT_CANCELLED", details: { payment_id: base.id } } }
  })
})

test("not ended → 202 with the payment, and what is known of the wait", () => {
  const answer = answerTo({ progress: "GATEWAY_PROCESSING", reason: "provider_outcome_unknown", since: 1000 })
  expect(answer.status).toBe(202)
  expect(answer.headers).toMatchObject({
    location: `/api/v1/payments/${base.id}`,
    "retry-after": "1",
    "preference-applied": "wait=2"
  })
  expect(decodePayment(answer.body)).toMatchObject({
    status: "GATEWAY_PROCESSING",
    processing: { reason: "provider_outcome_unknown", since: "1970-01-01T00:00:01.000Z" }
  })
})

test("lack of funds: exact figures for programs, balance and top-up for people", () => {
  const funds = { requested_amount: "100000", available_balance: "25000", deficit_amount: "75000" }
  const { body } = failedWith("INSUFFICIENT_FUNDS", funds)
  expect(body.error.details).toEqual({
    payment_id: base.id,
    currency: "USD",
    requested_amount: 100000,
    available_balance: 25000,
    deficit_amount: 75000,
    stage: "SAGA"
  })
  expect(body.error.message).toBe(
    "Your wallet balance is 250.00 USD and the payment needs 1000.00 USD. " +
      "Please top up at least 750.00 USD and pay again with a new key."
  )
})

test("a concurrent payment is named, and a missing figure is worked out", () => {
  const { body } = failedWith("INSUFFICIENT_FUNDS_CONCURRENT", {
    available_balance: "20000",
    concurrent_payment_id: "01935d6e-7c3b-7e02-b0d7-9a11c2d3e403"
  })
  expect(body.error.details).toMatchObject({ requested_amount: 100000, deficit_amount: 80000 })
  expect(body.error.message).toStartWith("Payment 01935d6e-7c3b-7e02-b0d7-9a11c2d3e403 took the funds first. ")
})

test("the payment itself tells the failure in the same words", () => {
  const failure = JSON.stringify({ code: "PAYMENT_DECLINED", stage: "GATEWAY_PROCESSING", reason: "do not honour" })
  const open = answerTo({ failure })
  expect(decodePayment(open.body).failure).toMatchObject({ code: "PAYMENT_DECLINED", stage: "GATEWAY_PROCESSING" })
  expect(open.body.failure.message).toBe(failedWith("PAYMENT_DECLINED", { reason: "do not honour" }).body.error.message)
})

test("failures of the machine are told without its internals", () => {
  const failures = [
    [new NotAccepted({ detail: "SELECT secret" }), "UNAVAILABLE"],
    [new StoreUnavailable({ detail: "SELECT secret" }), "UNAVAILABLE"],
    [new RowTaken({ constraint: "secret_pkey" }), "VERSION_CONFLICT"]
  ] as const
  for (const [failure, code] of failures) {
    const { status, headers, body } = problemAnswer(toProblem(failure), "/", trace)
    expect(status).toBe(ERRORS[code].status)
    expect(headers?.["retry-after"]).toBe("1")
    expect(body).not.toContain("secret")
  }
})

test("a decider's refusal keeps its code and details; an unknown code is a bug", () => {
  expect(refused({ code: "WALLET_LOCKED", reason: "stolen", details: { limit: 1n } })).toEqual(
    problem("WALLET_LOCKED", { detail: "stolen", details: { limit: 1n } })
  )
  expect(() => refused({ code: "NO_SUCH_CODE", reason: "" })).toThrow("NO_SUCH_CODE")
})
