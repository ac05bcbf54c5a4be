/** Every failure and every end of a payment → its HTTP answer, in one place. */
import { ERRORS, type ErrorCode } from "../../shared/contract/errors.ts"
import type { NotAccepted, RowTaken } from "../../shared/runtime/commands.ts"
import type { Refusal } from "../../shared/runtime/decider.ts"
import { failureView, isErrorCode, sentence } from "./failure.ts"
import { write } from "./json.ts"
import { type Problem, problem } from "./problem.ts"
import { hasEnded, type PaymentRecord, type StoreUnavailable } from "./records.ts"
import { paymentView } from "./resources.ts"
import type { Trace } from "./trace.ts"

/** What a handler answers; `body` is JSON text unless the headers say otherwise. */
export interface Answer {
  readonly status: number
  readonly body: string | ReadableStream<Uint8Array>
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export type ApiFailure = Problem | RowTaken | NotAccepted | StoreUnavailable

export const json = (status: number, value: unknown, headers?: Readonly<Record<string, string>>): Answer => ({
  status,
  body: write(value),
  headers
})

/** 304 to a client that has it already. */
export const unchangedOr = ({ headers }: { readonly headers: Headers }, etag: string, view: () => unknown): Answer =>
  headers.get("if-none-match") === etag ? { status: 304, body: "", headers: { etag } } : json(200, view(), { etag })

/** Whoever is asked to come back is told when, in seconds. */
const RETRY_AFTER = "1"

export const toProblem = (failure: ApiFailure): Problem => {
  switch (failure._tag) {
    case "Problem":
      return failure
    // A row of ours that nobody expected to be taken: another writer was faster, the same request may succeed.
    case "RowTaken":
      return problem("VERSION_CONFLICT", { headers: { "retry-after": RETRY_AFTER } })
    case "NotAccepted":
    case "StoreUnavailable":
      return problem("UNAVAILABLE", { headers: { "retry-after": RETRY_AFTER } })
  }
}

/** RFC 9457. `title` is constant per code, `detail` is this occurrence, `error.message` is for people. */
export const problemAnswer = (failure: Problem, instance: string, trace: Trace): Answer => {
  const { code, details = {}, errors } = failure
  const { status, title, retryable } = ERRORS[code]
  const message = sentence(code, details, failure.detail)
  const body = {
    type: `urn:problem:${code.toLowerCase().replaceAll("_", "-")}`,
    title,
    status,
    detail: failure.detail ?? title,
    instance,
    trace_id: trace.traceId,
    retryable,
    error: { code, message, details },
    errors
  }
  return { status, body: write(body), headers: { "content-type": "application/problem+json", ...failure.headers } }
}

/** A decider's refusal is the client's answer; a code that the table lacks is a bug of ours. */
export const refused = ({ code, reason, details }: Refusal): Problem => {
  if (!isErrorCode(code)) throw new Error(`refusal ${code} has no HTTP answer`)
  return problem(code, { detail: reason, details })
}

const PAID = new Set(["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"])

/** DECISIONS D4: the answer is always that of the payment's state, so a repeated request needs no stored one. */
export const paymentAnswer = (payment: PaymentRecord, preference: string): Answer | Problem => {
  if (!hasEnded(payment)) return stillOpen(payment, preference)
  if (PAID.has(payment.status)) return json(201, paymentView(payment), { location: paymentPath(payment.id) })
  return payment.status === "CANCELLED"
    ? problem("PAYMENT_CANCELLED", { details: { payment_id: payment.id } })
    : failed(payment)
}

export const failed = (payment: PaymentRecord): Problem => {
  const { code, stage, details, message } = failureView(payment)
  const known: ErrorCode = isErrorCode(code) ? code : "INTERNAL"
  const reason = (JSON.parse(payment.failure ?? "{}") as { readonly reason?: string }).reason
  return problem(known, { detail: reason ?? message, details: { ...details, stage } })
}

export const stillOpen = (payment: PaymentRecord, preference: string): Answer =>
  json(202, paymentView(payment), {
    location: paymentPath(payment.id),
    "retry-after": RETRY_AFTER,
    "preference-applied": preference
  })

export const inUse = (resource: Readonly<Record<string, string>>): Problem =>
  problem("IDEMPOTENCY_KEY_IN_USE", { details: resource, headers: { "retry-after": RETRY_AFTER } })

export const paymentPath = (id: string): string => `/api/v1/payments/${id}`

export const isProblem = (answer: Answer | Problem): answer is Problem => "_tag" in answer
