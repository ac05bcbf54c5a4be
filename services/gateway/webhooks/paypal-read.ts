/**
 * PayPal's events. Each holds the resource as it was at that moment: `custom_id` is the payment, `invoice_id` the
 * attempt of a capture or authorization, and the refund's id where it is a refund that a client asked for.
 */
import type { RefundAnswer } from "../calls.ts"
import type { Notice } from "../notice.ts"
import { currencyOf, fromPaypal } from "../provider/currency.ts"
import { inner, type Json, text } from "../provider/json.ts"
import { captureTold } from "../provider/paypal-told.ts"
import type { Read } from "./reading.ts"

/** On the way to an end, or told by another event as well. */
export const paypalSilent: ReadonlySet<string> = new Set([
  "CHECKOUT.ORDER.APPROVED",
  "CHECKOUT.ORDER.COMPLETED",
  "CHECKOUT.ORDER.SAVED",
  "CHECKOUT.ORDER.VOIDED",
  "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
  "PAYMENT.AUTHORIZATION.CREATED",
  "PAYMENT.CAPTURE.PENDING",
  "PAYMENT.REFUND.PENDING",
  "CUSTOMER.DISPUTE.UPDATED"
])

export const paypalRead = (type: string, event: Json): Read => {
  const resource = inner(event, "resource")
  if (resource === undefined) return "nothing"
  switch (type) {
    case "PAYMENT.CAPTURE.COMPLETED":
    case "PAYMENT.CAPTURE.DENIED":
    case "PAYMENT.CAPTURE.DECLINED":
      return ofCapture(resource)
    case "PAYMENT.AUTHORIZATION.VOIDED":
      return ofAuthorization(resource)
    case "PAYMENT.CAPTURE.REFUNDED":
    case "PAYMENT.REFUND.FAILED":
      return ofRefund(resource)
    default:
      return paypalSilent.has(type) ? "nothing" : "unheard"
  }
}

const ATTEMPT = /^(.+)-(\d{1,6})$/

/** The attempt and what it is read by: of a capture's or an authorization's own words. */
const oursOf = (resource: Json) => {
  const [, payment_id, n] = ATTEMPT.exec(text(resource, "invoice_id") ?? "") ?? []
  if (payment_id === undefined || payment_id !== text(resource, "custom_id")) return undefined
  const handle = text(inner(resource, "supplementary_data", "related_ids"), "order_id")
  return { payment_id, attempt: Number(n), ...(handle !== undefined && { handle }) }
}

const asked = ({ payment_id, attempt }: { readonly payment_id: string; readonly attempt: number }) =>
  ({ about: "attempt", payment_id, attempt, operation: "read" }) as const

const ofCapture = (capture: Json): Notice | "nothing" => {
  const of = oursOf(capture)
  if (of === undefined) return "nothing"
  const { health: _, ...answer } = captureTold(capture, of)
  return { ...asked(of), answer: { ...answer, ...(of.handle !== undefined && { handle: of.handle }) } }
}

/** Voided by us, or lapsed: it can be captured no more. */
const ofAuthorization = (authorization: Json): Notice | "nothing" => {
  const of = oursOf(authorization)
  if (of === undefined || text(authorization, "status") !== "VOIDED") return "nothing"
  return { ...asked(of), answer: { outcome: "fenced", ...(of.handle !== undefined && { handle: of.handle }) } }
}

const REFUNDS: Readonly<Record<string, RefundAnswer["outcome"]>> = {
  COMPLETED: "succeeded",
  FAILED: "failed",
  CANCELLED: "failed"
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const ofRefund = (refund: Json): Notice | "nothing" => {
  const [payment_id, refund_id = ""] = [text(refund, "custom_id"), text(refund, "invoice_id")]
  const [reference, outcome] = [text(refund, "id"), REFUNDS[text(refund, "status") ?? ""]]
  if (payment_id === undefined || reference === undefined || outcome === undefined) return "nothing"
  if (!UUID.test(refund_id)) return "nothing"
  const code = text(inner(refund, "status_details"), "reason") ?? "REFUND_FAILED"
  const answer: RefundAnswer = outcome === "failed" ? { outcome, reference, code } : { outcome, reference }
  return { about: "refund", payment_id, refund_id, answer, ...money(refund) }
}

const money = (refund: Json) => {
  const currency = currencyOf(text(inner(refund, "amount"), "currency_code") ?? "")
  const value = text(inner(refund, "amount"), "value")
  const amount = currency === undefined || value === undefined ? undefined : fromPaypal(value, currency)
  return amount === undefined || currency === undefined ? {} : { amount, currency }
}
