/**
 * Refunds at Stripe. Stripe forgets a key after 24 h and then would do the same request again, so before anything is
 * sent a second time the charge's refunds are listed: ours carries its id in the metadata. The list is consistent with
 * every write before it.
 */
import { Clock, Effect } from "effect"
import type { RefundAnswer, RefundCall } from "../calls.ts"
import { fromStripe, toStripe } from "./currency.ts"
import type { Reply } from "./http.ts"
import { inner, integer, type Json, list, text } from "./json.ts"
import { refundRefused, undecided } from "./port.ts"
import type { StripeApi } from "./stripe.ts"
import { failed } from "./stripe-errors.ts"

/** So long around the end of a key's life it is not known whether Stripe still knows it: only a look is safe. */
const FORGETTING_MS = 2 * 3_600_000
/** A payment has fewer refunds than a page of the list. */
const PAGE = 100

export const refundForm = (call: RefundCall): ReadonlyArray<readonly [string, string]> => [
  ["payment_intent", call.charge_reference],
  ["amount", String(toStripe(call.amount, call.currency))],
  ["metadata[payment_id]", call.payment_id],
  ["metadata[refund_id]", call.refund_id]
]

type Read = Reply & { readonly kind: "reply"; readonly body: Json }
const succeeded = (reply: Reply): reply is Read =>
  reply.kind === "reply" && reply.status >= 200 && reply.status < 300 && reply.body !== undefined

export const refundTold = (refund: Json, call: RefundCall): RefundAnswer => {
  const reference = text(refund, "id")
  if (reference === undefined) return undecided("unreadable_answer")
  if (text(inner(refund, "metadata"), "refund_id") !== call.refund_id) return undecided("reference_mismatch")
  const units = integer(refund, "amount")
  if (units === undefined || fromStripe(units, call.currency) !== call.amount) return undecided("amount_mismatch")
  switch (text(refund, "status")) {
    case "succeeded":
      return { outcome: "succeeded", reference }
    case "pending":
    case "requires_action":
      return { outcome: "pending", reference }
    case "failed":
    case "canceled":
      return { outcome: "failed", reference, code: text(refund, "failure_reason") ?? "refund_failed" }
    default:
      return undecided("unreadable_answer")
  }
}

/** Undefined: the charge has no such refund. */
const find = (api: StripeApi, call: RefundCall): Effect.Effect<RefundAnswer | undefined> =>
  Effect.map(api.get(`refunds?payment_intent=${call.charge_reference}&limit=${PAGE}`), (reply) => {
    if (!succeeded(reply)) return asQuestion(reply)
    const ours = list(reply.body, "data").find(
      (refund) => text(inner(refund, "metadata"), "refund_id") === call.refund_id
    )
    if (ours !== undefined) return refundTold(ours, call)
    return reply.body["has_more"] === true ? undecided("list_too_long") : undefined
  })

/** A look that was refused leaves the refund as undecided as it was. */
const asQuestion = (reply: Reply): RefundAnswer => {
  const { reason, code, outcome } = failed(reply)
  return undecided(reason ?? code ?? outcome)
}

export const refund = (api: StripeApi, call: RefundCall): Effect.Effect<RefundAnswer> =>
  Effect.gen(function* () {
    if (toStripe(call.amount, call.currency) === undefined)
      return { outcome: "refused", code: "amount_not_expressible" }
    if (call.reference !== undefined) {
      const reply = yield* api.get(`refunds/${call.reference}`)
      return succeeded(reply) ? refundTold(reply.body, call) : asQuestion(reply)
    }
    if (call.try > 1) {
      const known = yield* find(api, call)
      if (known !== undefined) return known
      const age = (yield* Clock.currentTimeMillis) - call.started_at
      if (age >= api.replay_ms && age < api.replay_ms + FORGETTING_MS) return undecided("key_may_be_forgotten")
    }
    const reply = yield* api.post("refunds", refundForm(call), call.idempotency_key, api.timeout_ms)
    return succeeded(reply) ? refundTold(reply.body, call) : refundRefused(failed(reply))
  })
