/**
 * Refunds at Adyen: what it has received is pending until its notification says what became of it, because a refund can
 * no more be looked at than a payment. Asked again under the same key it gives its first answer, for 7 days.
 */
import { Clock, Effect } from "effect"
import type { RefundAnswer, RefundCall } from "../calls.ts"
import type { AdyenApi } from "./adyen.ts"
import { failed } from "./adyen-errors.ts"
import { fromAdyen, toAdyen } from "./currency.ts"
import { inner, integer, type Json, text } from "./json.ts"
import { refundRefused, undecided } from "./port.ts"

const DAY_MS = 24 * 3_600_000
/** A day less than Adyen is sure to remember keys. */
const KEY_LIFE_MS = 6 * DAY_MS

/** Adyen takes 64 characters, and the platform's own key with two ids in it has more. */
const keyOf = ({ refund_id }: RefundCall): string => `adyen:refund:${refund_id}`

/** Names both in a notification; at most 80 characters, and no colon. */
export const refundReference = ({ payment_id, refund_id }: RefundCall): string => `${payment_id}/${refund_id}`

const received = (refund: Json, call: RefundCall): RefundAnswer => {
  const reference = text(refund, "pspReference")
  if (text(refund, "status") !== "received" || reference === undefined) return undecided("unreadable_answer")
  if (
    text(refund, "paymentPspReference") !== call.charge_reference ||
    text(refund, "reference") !== refundReference(call)
  )
    return undecided("reference_mismatch")
  const value = integer(inner(refund, "amount"), "value")
  const same = value !== undefined && fromAdyen(value, call.currency) === call.amount
  return same && text(inner(refund, "amount"), "currency") === call.currency
    ? { outcome: "pending", reference }
    : undecided("amount_mismatch")
}

export const refund = (api: AdyenApi, call: RefundCall): Effect.Effect<RefundAnswer> =>
  Effect.gen(function* () {
    const { currency, charge_reference, reference } = call
    const units = toAdyen(call.amount, currency)
    if (units === undefined) return { outcome: "refused", code: "amount_not_expressible" }
    if (reference !== undefined) return { outcome: "pending", reference }
    // Adyen would take it for another refund, and a part can be given back twice.
    if ((yield* Clock.currentTimeMillis) - call.started_at >= KEY_LIFE_MS) return undecided("key_may_be_forgotten")
    const body = {
      merchantAccount: api.merchant_account,
      reference: refundReference(call),
      amount: { currency, value: Number(units) }
    }
    const reply = yield* api.post(`payments/${charge_reference}/refunds`, body, keyOf(call), api.timeout_ms)
    const done = reply.kind === "reply" && reply.status >= 200 && reply.status < 300 ? reply.body : undefined
    return done === undefined ? refundRefused(failed(reply)) : received(done, call)
  })
