/** Stripe's error table as one total function: what status, code and type say about the money. */
import type { DeclineClass } from "../../../shared/contract/gateway.ts"
import { pace, type Reply, reasonOf } from "./http.ts"
import { inner, text } from "./json.ts"
import { type Told, unknown } from "./port.ts"

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "))

/** The issuer wants to see the card nowhere again, or only the customer can help: another provider cannot. */
const HARD = words(
  "lost_card stolen_card pickup_card fraudulent merchant_blacklist do_not_try_again restricted_card " +
    "revocation_of_authorization revocation_of_all_authorizations stop_payment_order expired_card incorrect_cvc " +
    "invalid_cvc incorrect_number invalid_number incorrect_zip authentication_required"
)
const FUNDS = words("insufficient_funds withdrawal_count_limit_exceeded card_velocity_exceeded")

/** `advice_code` overrides the table, except for a lack of funds: Stripe advises to try that again later. */
export const declineClass = (code: string, advice: string | undefined): DeclineClass => {
  if (FUNDS.has(code)) return "funds"
  if (advice === "do_not_try_again" || advice === "confirm_card_data") return "hard"
  if (advice === "try_again_later") return "soft"
  return HARD.has(code) ? "hard" : "soft"
}

export const declined = (error: ReturnType<typeof inner>): Told => {
  const code = text(error, "decline_code") ?? text(error, "code") ?? "card_declined"
  const message = text(error, "message")
  return {
    outcome: "declined",
    code,
    decline_class: declineClass(code, text(error, "advice_code")),
    ...(message !== undefined && { message }),
    health: "ok"
  }
}

const refused = (outcome: "rejected" | "not_executed", reply: Reply, health: Told["health"]): Told => {
  const error = reply.kind === "reply" ? inner(reply.body, "error") : undefined
  const code = text(error, "code") ?? text(error, "type") ?? reasonOf(reply)
  const message = text(error, "message")
  return { outcome, code, ...(message !== undefined && { message }), ...pace(reply), health }
}

/** The intent is not in the state the call needs; only a read tells which. */
export const needsRead = (reply: Reply): boolean =>
  reply.kind === "reply" && text(inner(reply.body, "error"), "code") === "payment_intent_unexpected_state"

/** Any reply that is not a 2xx with a JSON object. */
export const failed = (reply: Reply): Told => {
  if (reply.kind === "silence")
    return reply.sent ? unknown(reply.reason) : { outcome: "not_sent", code: reply.reason, health: "failure" }
  const { status, body } = reply
  const error = inner(body, "error")
  const [code, type] = [text(error, "code"), text(error, "type")]
  // A status without Stripe's own error shape is some proxy's: it knows nothing of the money.
  if (error === undefined) return status === 429 ? refused("not_executed", reply, "neutral") : unknown(reasonOf(reply))
  if (status === 402) return declined(error)
  // The sources disagree on the type in this body, so the status decides.
  if (status === 409) return unknown("in_progress", "neutral")
  if (status === 429 || code === "rate_limit" || code === "lock_timeout")
    return refused("not_executed", reply, "neutral")
  // An earlier call with that key and other parameters exists: our bug, and that call may have charged.
  if (type === "idempotency_error") return { ...unknown("idempotency_error", "neutral"), code: "idempotency_error" }
  if (status === 401 || status === 403) return refused("rejected", reply, "fatal")
  if (status === 400 || status === 404) return refused("rejected", reply, "ok")
  return unknown(reasonOf(reply))
}
