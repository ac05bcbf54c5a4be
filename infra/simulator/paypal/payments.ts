/** Authorizations, captures and refunds: where PayPal moves money. */
import { now } from "../clock.ts"
import type { Drawn } from "../faults.ts"
import { paypalId } from "../ids.ts"
import { inner, type Json, moneyOf, string } from "./body.ts"
import { emit } from "./events.ts"
import { notFound, unprocessable } from "./problem.ts"
import type { Authorization, Capture, Order, Refund, Store } from "./records.ts"
import { expiresAt } from "./render.ts"

/** A decline code of this shape is the issuer's: the capture then exists, `DECLINED`, in a 201. */
const PROCESSOR_CODE = /^[0-9][0-9A-Z]{3}$/

export const refuseIfDeclined = (fault: Drawn | undefined): void => {
  if (fault?.fault !== "decline" || PROCESSOR_CODE.test(fault.code ?? "")) return
  const description = "The instrument presented was either declined by the processor or bank, or it can't be used."
  throw unprocessable(fault.code ?? "INSTRUMENT_DECLINED", description)
}

/** Fails when another payment of the account already has this invoice id. */
export const claimInvoice = (store: Store, invoice: string | undefined, owner: string): void => {
  if (invoice === undefined) return
  const claimed = store.invoices.get(invoice)
  if (claimed !== undefined && claimed.owner !== owner)
    throw unprocessable("DUPLICATE_INVOICE_ID", "Duplicate Invoice ID detected.", "/invoice_id")
  if (claimed === undefined) store.invoices.put({ id: invoice, owner })
}

export const authorize = (store: Store, order: Order): Authorization => {
  claimInvoice(store, order.invoice_id, order.id)
  const authorization = store.authorizations.put({
    id: paypalId(),
    created: now(),
    order: order.id,
    status: "CREATED",
    amount: order.amount,
    currency: order.currency,
    custom_id: order.custom_id,
    invoice_id: order.invoice_id,
    captured: 0,
    captures: []
  })
  emit(store, "PAYMENT.AUTHORIZATION.CREATED", authorization.id)
  return authorization
}

type Wanted = Pick<Capture, "order" | "amount" | "currency" | "custom_id" | "invoice_id" | "final"> & {
  readonly authorization?: string
}

/** The one place where a capture comes to be: taken at once, pending, or declined by the issuer. */
export const capture = (store: Store, wanted: Wanted, fault: Drawn | undefined): Capture => {
  claimInvoice(store, wanted.invoice_id, wanted.order)
  const made: Capture = { id: paypalId(), created: now(), refunded: 0, status: "PENDING", ...wanted }
  if (fault?.fault === "decline") {
    const declined = store.captures.put({ ...made, status: "DECLINED", response_code: fault.code })
    emit(store, "PAYMENT.CAPTURE.DENIED", made.id)
    return declined
  }
  store.captures.put(made)
  if (fault?.fault === "async") {
    store.outside.tasks.schedule("paypal.settle", made.id, fault.after_ms)
    emit(store, "PAYMENT.CAPTURE.PENDING", made.id)
    return made
  }
  if (fault?.fault === "late-reversal") store.outside.tasks.schedule("paypal.reverse", made.id, fault.after_ms)
  return settle(store, made.id) ?? made
}

const record = (store: Store, kind: "charge" | "refund", id: string, parent: string, of: Capture | Refund): void =>
  store.outside.ledger.append({
    id,
    provider: "paypal",
    kind,
    parent,
    payment_id: of.custom_id ?? null,
    amount: of.amount,
    currency: of.currency
  })

export const settle = (store: Store, id: string): Capture | undefined => {
  const pending = store.captures.get(id)
  if (pending?.status !== "PENDING") return undefined
  const done = store.captures.put({ ...pending, status: "COMPLETED" })
  record(store, "charge", id, pending.authorization ?? pending.order, pending)
  emit(store, "PAYMENT.CAPTURE.COMPLETED", id)
  return done
}

/** The payer's bank takes the money back after everybody was told that it went well. */
export const reverse = (store: Store, id: string): void => {
  const taken = store.captures.get(id)
  if (taken === undefined || (taken.status !== "COMPLETED" && taken.status !== "PARTIALLY_REFUNDED")) return
  const amount = taken.amount - taken.refunded
  store.captures.put({ ...taken, status: "REFUNDED", refunded: taken.amount })
  record(store, "refund", paypalId(), id, { ...taken, amount })
  emit(store, "PAYMENT.CAPTURE.REVERSED", id)
}

export const captureAuthorization = (store: Store, id: string, body: Json, fault: Drawn | undefined): Capture => {
  const held = store.authorizations.get(id)
  if (held === undefined) throw notFound()
  if (held.status === "VOIDED")
    throw unprocessable("AUTHORIZATION_VOIDED", "A voided authorization cannot be captured or reauthorized.")
  if (held.status === "CAPTURED")
    throw unprocessable("AUTHORIZATION_ALREADY_CAPTURED", "Authorization has already been captured.")
  if (now() >= expiresAt(held))
    throw unprocessable("AUTHORIZATION_EXPIRED", "An expired authorization cannot be captured.")
  const left = held.amount - held.captured
  const wanted = moneyOf(inner(body, "amount"), "/amount") ?? { amount: left, currency: held.currency }
  if (wanted.currency !== held.currency)
    throw unprocessable(
      "AUTH_CAPTURE_CURRENCY_MISMATCH",
      "Currency of capture must be the same as that of authorization."
    )
  if (wanted.amount > left)
    throw unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", "Capture amount exceeds allowable limit.", "/amount/value")
  refuseIfDeclined(fault)
  const invoice_id = string(body, "invoice_id", "/invoice_id", 127) ?? held.invoice_id
  const final = body["final_capture"] === true || wanted.amount === left
  const { order, custom_id } = held
  const taken = capture(store, { order, authorization: id, custom_id, invoice_id, final, ...wanted }, fault)
  if (taken.status === "DECLINED") return taken
  store.authorizations.put({
    ...held,
    status: final ? "CAPTURED" : "PARTIALLY_CAPTURED",
    captured: held.captured + wanted.amount,
    captures: [...held.captures, taken.id]
  })
  return taken
}

/** Nothing was taken, so nothing moves: a void is no movement of the ledger. */
export const voidAuthorization = (store: Store, id: string): Authorization => {
  const held = store.authorizations.get(id)
  if (held === undefined) throw notFound()
  if (held.status === "VOIDED")
    throw unprocessable(
      "PREVIOUSLY_VOIDED",
      "Authorization has been previously voided and hence cannot be voided again."
    )
  if (held.status === "CAPTURED")
    throw unprocessable("PREVIOUSLY_CAPTURED", "Authorization has been previously captured and hence cannot be voided.")
  const voided = store.authorizations.put({ ...held, status: "VOIDED" })
  emit(store, "PAYMENT.AUTHORIZATION.VOIDED", id)
  return voided
}

export const refundCapture = (store: Store, id: string, body: Json, fault: Drawn | undefined): Refund => {
  const taken = store.captures.get(id)
  if (taken === undefined) throw notFound()
  if (taken.status === "PENDING")
    throw unprocessable("PENDING_CAPTURE", "Cannot initiate a refund as the capture is pending.")
  if (taken.status === "DECLINED") throw unprocessable("REFUND_NOT_ALLOWED", "The capture took no money.")
  const left = taken.amount - taken.refunded
  if (left <= 0) throw unprocessable("CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded.")
  const wanted = moneyOf(inner(body, "amount"), "/amount") ?? { amount: left, currency: taken.currency }
  if (wanted.currency !== taken.currency)
    throw unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", "Refund must be in the same currency as the capture.")
  if (wanted.amount > left)
    throw unprocessable("REFUND_AMOUNT_EXCEEDED", "The refund amount must be less than or equal to the capture amount.")
  if (fault?.fault === "decline")
    throw unprocessable(fault.code ?? "REFUND_FAILED_INSUFFICIENT_FUNDS", "Capture could not be refunded.")
  const refundId = paypalId()
  const invoice_id = string(body, "invoice_id", "/invoice_id", 127)
  claimInvoice(store, invoice_id, refundId)
  const note = string(body, "note_to_payer", "/note_to_payer", 255)
  const { custom_id } = taken
  const made: Refund = {
    id: refundId,
    created: now(),
    capture: id,
    status: "PENDING",
    custom_id,
    invoice_id,
    note,
    ...wanted
  }
  store.refunds.put(made)
  const refunded = taken.refunded + wanted.amount
  store.captures.put({ ...taken, refunded, status: refunded === taken.amount ? "REFUNDED" : "PARTIALLY_REFUNDED" })
  if (fault?.fault !== "async") return settleRefund(store, refundId) ?? made
  store.outside.tasks.schedule("paypal.refund_settle", refundId, fault.after_ms)
  return made
}

export const settleRefund = (store: Store, id: string): Refund | undefined => {
  const pending = store.refunds.get(id)
  if (pending?.status !== "PENDING") return undefined
  const done = store.refunds.put({ ...pending, status: "COMPLETED" })
  record(store, "refund", id, pending.capture, pending)
  emit(store, "PAYMENT.CAPTURE.REFUNDED", id)
  return done
}
