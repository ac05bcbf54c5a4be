/**
 * What a notification says about an attempt: the only one who knows what became of a cancel, or of a capture whose
 * answer was lost. Pure; that it is genuine was checked before.
 */
import type { Operation } from "../../../shared/contract/gateway.ts"
import type { Answer, RefundAnswer } from "../calls.ts"
import { declineClass } from "./adyen-errors.ts"
import { currencyOf, fromAdyen } from "./currency.ts"
import { inner, integer, type Json, text } from "./json.ts"

export interface Notice {
  readonly payment_id: string
  readonly attempt: number
  /** What it answers, as if it had been asked; as a RecordAnswer its try is 0. */
  readonly operation: Operation
  readonly answer: Answer
}

/** Notifications give the refusal's text where the API gives a code as well. */
const CODES: Readonly<Record<string, string>> = {
  "Blocked Card": "5",
  "Expired Card": "6",
  "Invalid Card Number": "8",
  "3D Not Authenticated": "11",
  "Not enough balance": "12",
  "Acquirer Fraud": "14",
  FRAUD: "20",
  "FRAUD-CANCELLED": "22",
  "CVC Declined": "24",
  "Restricted Card": "25",
  "Revocation Of Auth": "26",
  "Withdrawal amount exceeded": "28",
  "Withdrawal count exceeded": "29",
  "Issuer Suspected Fraud": "31",
  "Authentication required": "38"
}

const money = (item: Json): Pick<Answer, "amount" | "currency"> => {
  const currency = currencyOf(text(inner(item, "amount"), "currency") ?? "")
  const value = integer(inner(item, "amount"), "value")
  const amount = currency === undefined || value === undefined ? undefined : fromAdyen(value, currency)
  return amount === undefined || currency === undefined ? {} : { amount, currency }
}

const charged = (item: Json): Answer | undefined => {
  const handle = text(item, "originalReference")
  return handle === undefined ? undefined : { outcome: "succeeded", handle, provider_reference: handle, ...money(item) }
}

/** To be captured, if it is still waited for. */
const authorised = (item: Json): Answer | undefined => {
  const handle = text(item, "pspReference")
  return handle === undefined ? undefined : { outcome: "not_charged", handle }
}

const declined = (item: Json): Answer => {
  const reason = text(item, "reason") ?? "Refused"
  const code = CODES[reason] ?? "2"
  return { outcome: "declined", code, decline_class: declineClass(code), message: reason }
}

const given = (item: Json): Answer | undefined => {
  const provider_reference = text(item, "pspReference")
  return text(inner(item, "additionalData"), "modification.action") === "cancel"
    ? { outcome: "fenced", code: "CANCEL_OR_REFUND" }
    : { outcome: "reversed", ...(provider_reference !== undefined && { provider_reference }) }
}

/**
 * `success` is a string. A cancel that failed says nothing: what stood in its way tells by itself. What is told of a
 * charge that was known to be made (CAPTURE_FAILED, refunds, disputes) is not about an attempt's outcome.
 */
const answerOf = (item: Json): Answer | undefined => {
  const success = text(item, "success") === "true"
  switch (text(item, "eventCode")) {
    case "AUTHORISATION":
      return success ? authorised(item) : declined(item)
    case "CAPTURE":
      return success ? charged(item) : undefined
    case "CANCELLATION":
    case "TECHNICAL_CANCEL":
      return success ? { outcome: "fenced", code: text(item, "eventCode") ?? "" } : undefined
    case "CANCEL_OR_REFUND":
      return success ? given(item) : undefined
    default:
      return undefined
  }
}

const OPERATIONS: Partial<Record<Answer["outcome"], Operation>> = { not_charged: "charge", reversed: "reverse" }

export interface RefundNotice {
  readonly payment_id: string
  readonly refund_id: string
  readonly answer: RefundAnswer
}

const REFUND_REFERENCE = /^([^/]+)\/([^/]+)$/

const refundAnswerOf = (item: Json): RefundAnswer | undefined => {
  const reference = text(item, "pspReference")
  const known = reference === undefined ? {} : { reference }
  const success = text(item, "success") === "true"
  const code = text(item, "reason") ?? text(item, "eventCode") ?? ""
  switch (text(item, "eventCode")) {
    case "REFUND":
      return success ? { outcome: "succeeded", ...known } : { outcome: "failed", code, ...known }
    // Days later the money is with the merchant again.
    case "REFUND_FAILED":
    case "REFUNDED_REVERSED":
      return success ? { outcome: "failed", code, ...known } : undefined
    default:
      return undefined
  }
}

/** Undefined: it says nothing about a refund of ours. */
export const adyenRefundNotice = (item: Json): RefundNotice | undefined => {
  const [, payment_id, refund_id] = REFUND_REFERENCE.exec(text(item, "merchantReference") ?? "") ?? []
  const answer = refundAnswerOf(item)
  if (payment_id === undefined || refund_id === undefined || answer === undefined) return undefined
  return { payment_id, refund_id, answer }
}

const REFERENCE = /^(.+)-(\d{1,6})$/

/** Undefined: it says nothing about an attempt of ours. */
export const adyenNotice = (item: Json): Notice | undefined => {
  const [, payment_id, n] = REFERENCE.exec(text(item, "merchantReference") ?? "") ?? []
  const answer = answerOf(item)
  if (payment_id === undefined || answer === undefined) return undefined
  return { payment_id, attempt: Number(n), operation: OPERATIONS[answer.outcome] ?? "read", answer }
}
