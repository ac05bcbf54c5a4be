/**
 * Stripe's events. Each holds the object as it was at that moment; whose it is stands in the metadata that our requests
 * gave it. The same fact comes as several events (an intent's and its charge's): the second tells nothing new.
 */
import type { Answer, RefundAnswer } from "../calls.ts"
import type { Notice } from "../notice.ts"
import { currencyOf, fromStripe } from "../provider/currency.ts"
import { inner, integer, type Json, text } from "../provider/json.ts"
import { intentTold } from "../provider/stripe.ts"
import type { Read } from "./reading.ts"

/** On the way to an end, or told by another event as well. */
export const stripeSilent: ReadonlySet<string> = new Set([
  "payment_intent.created",
  "payment_intent.processing",
  "payment_intent.requires_action",
  "payment_intent.amount_capturable_updated",
  "payment_intent.partially_funded",
  "charge.pending",
  "charge.failed",
  "charge.updated",
  "charge.captured",
  "charge.expired",
  "charge.dispute.updated",
  "charge.dispute.funds_withdrawn",
  "charge.dispute.funds_reinstated"
])

export const stripeRead = (type: string, event: Json): Read => {
  const object = inner(event, "data", "object")
  if (object === undefined) return "nothing"
  switch (type) {
    case "payment_intent.succeeded":
    case "payment_intent.payment_failed":
    case "payment_intent.canceled":
      return ofIntent(object)
    case "charge.succeeded":
      return ofCharge(object)
    case "refund.created":
    case "refund.updated":
    case "refund.failed":
    case "charge.refund.updated":
      return ofRefund(object)
    default:
      return stripeSilent.has(type) ? "nothing" : "unheard"
  }
}

interface Ours {
  readonly payment_id: string
  readonly attempt: number
}

const oursOf = (metadata: Json | undefined): Ours | undefined => {
  const [payment_id, attempt] = [text(metadata, "payment_id"), Number(text(metadata, "attempt"))]
  return payment_id === undefined || !Number.isSafeInteger(attempt) ? undefined : { payment_id, attempt }
}

const asked = (of: Ours, answer: Answer, operation: "read" | "reverse" = "read"): Notice => ({
  about: "attempt",
  ...of,
  operation,
  answer
})

const ofIntent = (intent: Json): Read => {
  const of = oursOf(inner(intent, "metadata"))
  if (of === undefined) return "nothing"
  const { health: _, ...answer } = intentTold(intent, of)
  return asked(of, answer)
}

const money = (object: Json, units: bigint | undefined) => {
  const currency = currencyOf(text(object, "currency") ?? "")
  const amount = currency === undefined || units === undefined ? undefined : fromStripe(units, currency)
  return amount === undefined || currency === undefined ? undefined : { amount, currency }
}

/** Only one that is captured has taken money. */
const ofCharge = (charge: Json): Read => {
  const of = oursOf(inner(charge, "metadata"))
  const handle = text(charge, "payment_intent")
  const taken = money(charge, integer(charge, "amount_captured") ?? integer(charge, "amount"))
  if (of === undefined || handle === undefined || charge["captured"] !== true) return "nothing"
  return asked(of, { outcome: "succeeded", handle, provider_reference: handle, ...taken })
}

const REFUNDS: Readonly<Record<string, RefundAnswer["outcome"]>> = {
  succeeded: "succeeded",
  failed: "failed",
  canceled: "failed"
}

/** One that a client asked for has its id in the metadata; one of a charge that nobody wanted has the attempt. */
const ofRefund = (refund: Json): Read => {
  const metadata = inner(refund, "metadata")
  const [payment_id, refund_id] = [text(metadata, "payment_id"), text(metadata, "refund_id")]
  const [reference, status] = [text(refund, "id"), text(refund, "status") ?? ""]
  const outcome = REFUNDS[status]
  if (payment_id === undefined || reference === undefined || outcome === undefined) return "nothing"
  if (refund_id === undefined) {
    const of = oursOf(metadata)
    const back: Answer = { outcome: "reversed", provider_reference: reference }
    return of === undefined || outcome !== "succeeded" ? "nothing" : asked(of, back, "reverse")
  }
  const code = text(refund, "failure_reason") ?? "refund_failed"
  const answer: RefundAnswer = outcome === "failed" ? { outcome, reference, code } : { outcome, reference }
  return { about: "refund", payment_id, refund_id, answer, ...money(refund, integer(refund, "amount")) }
}
