/**
 * Refunds at PayPal: asked again under the same request id, the answer is the refund's latest state, for 45 days. The
 * invoice id is a second guard: PayPal takes it once per account.
 */
import { Clock, Effect } from "effect"
import type { RefundAnswer, RefundCall } from "../calls.ts"
import { fromPaypal, toPaypal } from "./currency.ts"
import type { Reply } from "./http.ts"
import { inner, type Json, text } from "./json.ts"
import type { PaypalApi } from "./paypal.ts"
import { failed } from "./paypal-errors.ts"
import { refundRefused, undecided } from "./port.ts"

const DAY_MS = 24 * 3_600_000
/** A day less than PayPal remembers the request ids of refunds. */
const KEY_LIFE_MS = 44 * DAY_MS

/** Not now: PayPal's own account lacks the money, or an earlier send of ours is being done. */
const LATER = new Set(["REFUND_FAILED_INSUFFICIENT_FUNDS", "PENDING_CAPTURE", "DUPLICATE_INVOICE_ID"])

/** Both ids come back in its call-backs. */
export const refundBody = ({ amount, currency, payment_id, refund_id }: RefundCall): Json => ({
  amount: { currency_code: currency, value: toPaypal(amount, currency) },
  custom_id: payment_id,
  invoice_id: refund_id
})

type Read = Reply & { readonly kind: "reply"; readonly body: Json }
const succeeded = (reply: Reply): reply is Read =>
  reply.kind === "reply" && reply.status >= 200 && reply.status < 300 && reply.body !== undefined

export const refundTold = (refund: Json, { amount, currency }: RefundCall): RefundAnswer => {
  const reference = text(refund, "id")
  if (reference === undefined) return undecided("unreadable_answer")
  const value = text(inner(refund, "amount"), "value")
  const code = text(inner(refund, "amount"), "currency_code")
  if (value === undefined || code !== currency || fromPaypal(value, currency) !== amount)
    return undecided("amount_mismatch")
  switch (text(refund, "status")) {
    case "COMPLETED":
      return { outcome: "succeeded", reference }
    case "PENDING":
      return { outcome: "pending", reference }
    case "FAILED":
    case "CANCELLED":
      return { outcome: "failed", reference, code: text(inner(refund, "status_details"), "reason") ?? "REFUND_FAILED" }
    default:
      return undecided("unreadable_answer")
  }
}

export const refund = (api: PaypalApi, call: RefundCall): Effect.Effect<RefundAnswer> =>
  Effect.gen(function* () {
    if (toPaypal(call.amount, call.currency) === undefined)
      return { outcome: "refused", code: "amount_not_expressible" }
    if (call.reference !== undefined) {
      const reply = yield* api.get(`payments/refunds/${call.reference}`)
      if (succeeded(reply)) return refundTold(reply.body, call)
      const { reason, code, outcome } = failed(reply)
      return undecided(reason ?? code ?? outcome)
    }
    if ((yield* Clock.currentTimeMillis) - call.started_at >= KEY_LIFE_MS) return undecided("key_may_be_forgotten")
    const path = `payments/captures/${call.charge_reference}/refund`
    const reply = yield* api.post(path, refundBody(call), call.idempotency_key, api.timeout_ms)
    if (succeeded(reply)) return refundTold(reply.body, call)
    const told = failed(reply)
    return LATER.has(told.code ?? "") ? undecided(told.code ?? "later") : refundRefused(told)
  })
