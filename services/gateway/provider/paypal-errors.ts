/**
 * PayPal's error table as one total function. Branches on `details[].issue`, which is stable, never on descriptions.
 */
import type { DeclineClass } from "../../../shared/contract/gateway.ts"
import { pace, type Reply, reasonOf } from "./http.ts"
import { type Json, list, text } from "./json.ts"
import { type Told, unknown } from "./port.ts"

const DECLINES: ReadonlyMap<string, DeclineClass> = new Map([
  ["INSTRUMENT_DECLINED", "soft"],
  ["PAYMENT_SOURCE_DECLINED_BY_PROCESSOR", "soft"],
  ["TRANSACTION_REFUSED", "soft"],
  ["DECLINED_DUE_TO_RELATED_TXN", "soft"],
  ["REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", "soft"],
  ["TRANSACTION_LIMIT_EXCEEDED", "soft"],
  ["PAYER_CANNOT_PAY", "funds"],
  ["CARD_EXPIRED", "hard"],
  ["TRANSACTION_BLOCKED_BY_PAYEE", "hard"],
  ["COMPLIANCE_VIOLATION", "hard"],
  ["PAYER_ACCOUNT_RESTRICTED", "hard"],
  ["PAYER_ACCOUNT_LOCKED_OR_CLOSED", "hard"]
])

/** The issuer's codes in `processor_response` of a declined capture that are not soft. */
const PROCESSOR: ReadonlyMap<string, DeclineClass> = new Map([
  ["5120", "funds"],
  ["5400", "hard"],
  ["5110", "hard"],
  ["5180", "hard"],
  ["9500", "hard"],
  ["9520", "hard"],
  ["0580", "hard"]
])

/** Already done, most often by ourselves: only a read tells what the state is. */
const DONE = new Set([
  "ORDER_ALREADY_CAPTURED",
  "ORDER_ALREADY_AUTHORIZED",
  "PREVIOUSLY_CAPTURED",
  "AUTHORIZATION_ALREADY_CAPTURED",
  "PREVIOUSLY_VOIDED",
  "AUTHORIZATION_VOIDED",
  "AUTHORIZATION_EXPIRED",
  "CAPTURE_FULLY_REFUNDED"
])
const BUSY = new Set(["PREVIOUS_REQUEST_IN_PROGRESS", "ORDER_COMPLETION_IN_PROGRESS"])

const issueOf = (body: Json | undefined): string | undefined => text(list(body, "details")[0], "issue")

export const needsRead = (reply: Reply): boolean =>
  reply.kind === "reply" && reply.status === 422 && DONE.has(issueOf(reply.body) ?? "")

export const issuerDeclined = (code: string | undefined): Told => ({
  outcome: "declined",
  code: code ?? "CAPTURE_DECLINED",
  decline_class: PROCESSOR.get(code ?? "") ?? "soft",
  health: "ok"
})

/** Any reply that is not a 2xx with a JSON object. */
export const failed = (reply: Reply): Told => {
  if (reply.kind === "silence")
    return reply.sent ? unknown(reply.reason) : { outcome: "not_sent", code: reply.reason, health: "failure" }
  const { status, body } = reply
  if (status === 429) return { outcome: "not_executed", code: "RATE_LIMIT_REACHED", ...pace(reply), health: "neutral" }
  // A status without PayPal's own error shape is some proxy's; the token check has a shape of its own.
  const name = text(body, "name") ?? text(body, "error")
  if (name === undefined) return unknown(reasonOf(reply))
  const code = issueOf(body) ?? name
  const message = text(body, "message") ?? text(body, "error_description")
  const told = (outcome: Told["outcome"], health: Told["health"], decline?: DeclineClass): Told => ({
    outcome,
    code,
    health,
    ...(message !== undefined && { message }),
    ...(decline !== undefined && { decline_class: decline })
  })
  if (status === 401 || status === 403) return told("rejected", "fatal")
  if (status === 409 || BUSY.has(code)) return unknown("in_progress", "neutral")
  if (status === 422) {
    const decline = DECLINES.get(code)
    return decline === undefined ? told("rejected", "ok") : told("declined", "ok", decline)
  }
  if (status === 400 || status === 404) return told("rejected", "ok")
  return unknown(reasonOf(reply))
}
