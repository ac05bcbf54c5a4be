/**
 * What PayPal's objects say about the money. An order can be COMPLETED while its capture is declined: captures decide.
 */
import type { ProviderCall } from "../calls.ts"
import { currencyOf, fromPaypal } from "./currency.ts"
import { inner, type Json, list, text } from "./json.ts"
import { issuerDeclined } from "./paypal-errors.ts"
import { type Told, unknown } from "./port.ts"

const money = (json: Json): Pick<Told, "amount" | "currency"> => {
  const currency = currencyOf(text(inner(json, "amount"), "currency_code") ?? "")
  const value = text(inner(json, "amount"), "value")
  const amount = currency === undefined || value === undefined ? undefined : fromPaypal(value, currency)
  return amount === undefined || currency === undefined ? {} : { amount, currency }
}

export const captureTold = (capture: Json, call: Pick<ProviderCall, "payment_id">): Told => {
  const provider_reference = text(capture, "id")
  if (provider_reference === undefined) return unknown("unreadable_answer")
  // The same request id with another payload returns the old result, so every reply is compared with what was asked.
  if (text(capture, "custom_id") !== call.payment_id) return unknown("reference_mismatch", "ok")
  switch (text(capture, "status")) {
    case "COMPLETED":
    case "PARTIALLY_REFUNDED":
      return { outcome: "succeeded", provider_reference, ...money(capture), health: "ok" }
    case "REFUNDED":
      return { outcome: "reversed", provider_reference, health: "ok" }
    case "PENDING": {
      const code = text(inner(capture, "status_details"), "reason") ?? "PENDING"
      return { outcome: "pending", provider_reference, code, health: "ok" }
    }
    case "DECLINED":
    case "FAILED":
      return issuerDeclined(text(inner(capture, "processor_response"), "response_code"))
    default:
      return unknown("unreadable_answer")
  }
}

const unitOf = (order: Json): Json | undefined => list(order, "purchase_units")[0]

export const authorizationOf = (order: Json): Json | undefined =>
  list(inner(unitOf(order), "payments"), "authorizations")[0]

export const orderTold = (order: Json, call: ProviderCall): Told => {
  const handle = text(order, "id")
  if (handle === undefined || (call.handle !== undefined && call.handle !== handle)) return unknown("unreadable_answer")
  const unit = unitOf(order)
  if (text(unit, "custom_id") !== call.payment_id) return { ...unknown("reference_mismatch", "ok"), handle }
  const capture = list(inner(unit, "payments"), "captures").at(-1)
  if (capture !== undefined) return { ...captureTold({ custom_id: call.payment_id, ...capture }, call), handle }
  switch (text(authorizationOf(order), "status")) {
    case "CREATED":
    case "PENDING":
      return { outcome: "not_charged", handle, health: "ok" }
    case "VOIDED":
    case "EXPIRED":
      return { outcome: "fenced", handle, health: "ok" }
    case "DENIED":
      return { ...issuerDeclined("AUTHORIZATION_DENIED"), handle }
    case undefined:
      return text(order, "status") === "VOIDED"
        ? { outcome: "fenced", handle, health: "ok" }
        : { outcome: "not_charged", handle, health: "ok" }
    // CAPTURED, though its capture is not listed yet.
    default:
      return { ...unknown("capture_not_listed", "ok"), handle }
  }
}

export const refundTold = (refund: Json): Told => {
  const provider_reference = text(refund, "id")
  if (provider_reference === undefined) return unknown("unreadable_answer")
  switch (text(refund, "status")) {
    case "COMPLETED":
      return { outcome: "reversed", provider_reference, health: "ok" }
    case "PENDING":
      return { outcome: "pending", health: "ok" }
    default:
      return unknown("refund_failed", "ok")
  }
}
