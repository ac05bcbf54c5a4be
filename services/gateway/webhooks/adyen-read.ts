/**
 * Adyen's notifications. `merchantReference` is what we gave the call: `{payment}-{attempt}`, or `{payment}/{refund}`.
 * `success` is a string, and "false" is no success.
 */
import type { RefundAnswer } from "../calls.ts"
import { adyenNotice } from "../provider/adyen-notice.ts"
import { currencyOf, fromAdyen } from "../provider/currency.ts"
import { inner, integer, type Json, text } from "../provider/json.ts"
import type { Read } from "./reading.ts"

export const adyenSilent: ReadonlySet<string> = new Set([
  "AUTHENTICATION",
  "REPORT_AVAILABLE",
  "PAYOUT_THIRDPARTY",
  "RECURRING_CONTRACT",
  "OFFER_CLOSED",
  "ORDER_OPENED",
  "ORDER_CLOSED",
  "REQUEST_FOR_INFORMATION",
  "NOTIFICATION_OF_FRAUD"
])

const OF_ATTEMPTS = new Set(["AUTHORISATION", "CAPTURE", "CANCELLATION", "TECHNICAL_CANCEL", "CANCEL_OR_REFUND"])

export const adyenRead = (type: string, item: Json): Read => {
  if (OF_ATTEMPTS.has(type)) {
    const notice = adyenNotice(item)
    return notice === undefined ? "nothing" : { about: "attempt", ...notice }
  }
  switch (type) {
    case "REFUND":
      return ofRefund(item, text(item, "success") === "true" ? "succeeded" : "failed")
    case "REFUND_FAILED":
    case "REFUNDED_REVERSED":
      return text(item, "success") === "true" ? ofRefund(item, "failed") : "nothing"
    default:
      return adyenSilent.has(type) ? "nothing" : "unheard"
  }
}

const REFUND = /^([0-9a-f-]{36})\/([0-9a-f-]{36})$/

const ofRefund = (item: Json, outcome: "succeeded" | "failed"): Read => {
  const [, payment_id, refund_id] = REFUND.exec(text(item, "merchantReference") ?? "") ?? []
  const reference = text(item, "pspReference")
  if (payment_id === undefined || refund_id === undefined || reference === undefined) return "nothing"
  const code = text(item, "reason") ?? text(item, "eventCode") ?? "REFUND_FAILED"
  const answer: RefundAnswer = outcome === "failed" ? { outcome, reference, code } : { outcome, reference }
  return { about: "refund", payment_id, refund_id, answer, ...money(item) }
}

const money = (item: Json) => {
  const currency = currencyOf(text(inner(item, "amount"), "currency") ?? "")
  const value = integer(inner(item, "amount"), "value")
  const amount = currency === undefined || value === undefined ? undefined : fromAdyen(value, currency)
  return amount === undefined || currency === undefined ? {} : { amount, currency }
}
