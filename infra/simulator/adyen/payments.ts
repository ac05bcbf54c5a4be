/** `POST /payments`: an authorisation, refused with 200, and captured at once only where nobody said otherwise. */
import { now } from "../clock.ts"
import type { Drawn } from "../faults.ts"
import { adyenPsp } from "../ids.ts"
import { capturesItself, inner, type Json, merchantOf, moneyOf, referenceOf, text } from "./body.ts"
import { captureAtOnce } from "./modifications.ts"
import { notify } from "./notifications.ts"
import { invalid, missing } from "./problem.ts"
import { type Payment, paymentIdOf, type Store } from "./records.ts"

/** refusalReasonCode and refusalReason, as published. */
const REASONS: { readonly [code: string]: string } = {
  2: "Refused",
  3: "Referral",
  4: "Acquirer Error",
  5: "Blocked Card",
  6: "Expired Card",
  7: "Invalid Amount",
  8: "Invalid Card Number",
  9: "Issuer Unavailable",
  10: "Not supported",
  11: "3D Not Authenticated",
  12: "Not enough balance",
  14: "Acquirer Fraud",
  15: "Cancelled",
  16: "Shopper Cancelled",
  17: "Invalid Pin",
  18: "Pin tries exceeded",
  19: "Pin validation not possible",
  20: "FRAUD",
  21: "Not Submitted",
  22: "FRAUD-CANCELLED",
  23: "Transaction Not Permitted",
  24: "CVC Declined",
  25: "Restricted Card",
  26: "Revocation Of Auth",
  27: "Declined Non Generic",
  28: "Withdrawal amount exceeded",
  29: "Withdrawal count exceeded",
  31: "Issuer Suspected Fraud",
  32: "AVS Declined",
  33: "Card requires online pin",
  38: "Authentication required",
  39: "RReq not received from DS"
}
const ERRORS = new Set(["4", "9"])
const CANCELLED = new Set(["15", "16"])
const REFUSED = "2"

export const reasonOf = (code: string): string => REASONS[code] ?? "Refused"

const resultOf = (code: string): Payment["result"] =>
  ERRORS.has(code) ? "Error" : CANCELLED.has(code) ? "Cancelled" : "Refused"

/** Armed by the control plane, or asked for as Adyen's own test platform lets one ask. */
const refusalOf = (body: Json, fault: Drawn | undefined): string | undefined => {
  if (fault?.fault === "decline") return fault.code ?? REFUSED
  return text(inner(body, "additionalData"), "RequestedTestAcquirerResponseCode")
}

export const pay = (store: Store, body: Json, fault: Drawn | undefined): Payment => {
  const merchantAccount = merchantOf(body)
  const money = moneyOf(body)
  const method = inner(body, "paymentMethod")
  if (method === undefined) throw missing("paymentMethod")
  const reference = referenceOf(body, "reference")
  if (reference === undefined) throw invalid("130", "Reference Missing")
  if (text(body, "returnUrl") === undefined) throw missing("returnUrl")
  const refusal = refusalOf(body, fault)
  const pending = fault?.fault === "async"
  const payment = store.payments.put({
    id: adyenPsp(),
    created: now(),
    reference,
    payment_id: paymentIdOf(reference),
    merchantAccount,
    ...money,
    method: text(method, "type") ?? "scheme",
    result: refusal !== undefined ? resultOf(refusal) : pending ? "Received" : "Authorised",
    refusal,
    automatic: capturesItself(body),
    cancelled: false,
    captured: 0,
    refunded: 0
  })
  if (payment.result === "Received") store.outside.tasks.schedule("adyen.authorise", payment.id, fault?.after_ms ?? 0)
  else announce(store, payment, fault)
  return payment
}

const announce = (store: Store, payment: Payment, fault: Drawn | undefined): void => {
  const success = payment.result === "Authorised"
  const reason = payment.refusal === undefined ? undefined : reasonOf(payment.refusal)
  notify(store, "AUTHORISATION", payment, { success, reason })
  if (success && payment.automatic) captureAtOnce(store, payment, fault)
}

/** What was received is authorised, later. */
export const authorise = (store: Store, id: string): void => {
  const waiting = store.payments.get(id)
  if (waiting?.result !== "Received" || waiting.cancelled) return
  announce(store, store.payments.put({ ...waiting, result: "Authorised" }), undefined)
}
