/**
 * Adyen's error table as one total function, and its refusal codes. A refusal is no error there but a 200; an error
 * that does not say `transient-error: true` must not be tried again under its key.
 */
import type { DeclineClass } from "../../../shared/contract/gateway.ts"
import { pace, type Reply, reasonOf } from "./http.ts"
import { type Json, text } from "./json.ts"
import { type Told, unknown } from "./port.ts"

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "))

/** Blocked, fraudulent or revoked (5 8 14 20 22 25 26 31), or only the customer can help (6 11 16 17 18 24 33 38). */
const HARD = words("5 8 14 20 22 25 26 31 6 11 16 17 18 24 33 38")
/** Not enough balance, or more than the issuer lets the customer withdraw. */
const FUNDS = words("12 28 29")

export const declineClass = (code: string): DeclineClass =>
  FUNDS.has(code) ? "funds" : HARD.has(code) ? "hard" : "soft"

/** Refused, Error and Cancelled: final, and in words that are free to change. */
export const refused = (payment: Json, resultCode: string): Told => {
  const code = text(payment, "refusalReasonCode") ?? resultCode
  const message = text(payment, "refusalReason")
  return {
    outcome: "declined",
    code,
    decline_class: declineClass(code),
    ...(message !== undefined && { message }),
    health: "ok"
  }
}

const isTransientError = (reply: Reply & { readonly kind: "reply" }): boolean =>
  reply.headers["transient-error"] === "true"

/** Worth sending again at once, under the same key: throttled, no answer, a proxy's answer, or Adyen says so. */
export const mayGoAgain = (reply: Reply): boolean =>
  reply.kind === "silence" || reply.status === 429 || isTransientError(reply) || !isAdyens(reply.body)

/** Checkout's own shape, or the newer one of RFC 7807. Without either the answer is some proxy's. */
const isAdyens = (body: Json | undefined): body is Json =>
  body !== undefined && ("errorCode" in body || "title" in body || "resultCode" in body || "status" in body)

const IN_PROGRESS = "704"

/** Any reply that is not a 2xx with a JSON object. */
export const failed = (reply: Reply): Told => {
  if (reply.kind === "silence")
    return reply.sent ? unknown(reply.reason) : { outcome: "not_sent", code: reply.reason, health: "failure" }
  const { status, body } = reply
  const code = text(body, "errorCode") ?? reasonOf(reply)
  if (status === 429) return { outcome: "not_executed", code, ...pace(reply), health: "neutral" }
  if (!isAdyens(body)) return unknown("unreadable_answer")
  if (code === IN_PROGRESS) return unknown(isTransientError(reply) ? "in_progress" : "key_spent", "neutral")
  if (isTransientError(reply)) return unknown("transient_error")
  const message = text(body, "message") ?? text(body, "detail")
  const rejected: Told = { outcome: "rejected", code, health: "ok", ...(message !== undefined && { message }) }
  if (status === 401 || status === 403) return { ...rejected, health: "fatal" }
  if (status === 400 || status === 404 || status === 422) return rejected
  return unknown(reasonOf(reply))
}
