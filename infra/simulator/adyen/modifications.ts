/**
 * Captures, cancels, refunds and reversals. Each is accepted at once with `received`, which promises nothing; what it
 * came to is decided when it is carried out and told by webhook alone.
 */
import { now } from "../clock.ts"
import type { Drawn } from "../faults.ts"
import { adyenPsp } from "../ids.ts"
import { type Json, merchantOf, moneyOf, referenceOf } from "./body.ts"
import { type EventCode, notify } from "./notifications.ts"
import { invalid, noOriginal } from "./problem.ts"
import type { Modification, Payment, Store } from "./records.ts"

/** Schemes differ; 28 days is what most cards have. */
const AUTHORISATION_LIFE_MS = 28 * 24 * 3600 * 1000

type Kind = Modification["kind"]

const kinds = { captures: "capture", cancels: "cancel", refunds: "refund", reversals: "reversal" } as const

const originalOf = (store: Store, id: string): Payment => {
  const payment = store.payments.get(id)
  if (payment === undefined || payment.result === "Refused") throw noOriginal()
  return payment
}

/** `POST /payments/{pspReference}/…` */
export const modify = (
  store: Store,
  name: keyof typeof kinds,
  id: string,
  body: Json,
  fault: Drawn | undefined
): Modification => {
  const merchantAccount = merchantOf(body)
  const payment = originalOf(store, id)
  const kind = kinds[name]
  const money = kind === "capture" || kind === "refund" ? moneyOf(body) : {}
  if ("currency" in money && money.currency !== payment.currency)
    throw invalid("137", "The currency differs from the authorised one")
  const reference = referenceOf(body, "reference")
  return accept(store, { kind, payment: id, merchantAccount, reference, ...money }, fault)
}

/** `POST /cancels`: by the merchant's own reference, for whoever never heard the pspReference. */
export const technicalCancel = (store: Store, body: Json, fault: Drawn | undefined): Modification => {
  const merchantAccount = merchantOf(body)
  const original = referenceOf(body, "paymentReference")
  if (original === undefined) throw invalid("130", "Reference Missing")
  const payment = store.byReference.get(original)
  const reference = referenceOf(body, "reference") ?? original
  return accept(store, { kind: "technicalCancel", payment, merchantAccount, reference }, fault)
}

type Wanted = Omit<Modification, "id" | "created" | "status">

const accept = (store: Store, wanted: Wanted, fault: Drawn | undefined): Modification => {
  const refusal = fault?.fault === "decline" ? (fault.code ?? "REFUSED") : undefined
  const made = store.modifications.put({ id: adyenPsp(), created: now(), status: "received", refusal, ...wanted })
  const { tasks } = store.outside
  if (fault?.fault === "async") tasks.schedule("adyen.modification", made.id, fault.after_ms)
  else carryOut(store, made.id)
  if (fault?.fault === "late-reversal") tasks.schedule("adyen.capture_failed", made.id, fault.after_ms)
  if (refusal === "REFUND_FAILED") tasks.schedule("adyen.refund_failed", made.id, fault?.after_ms ?? 0)
  return made
}

export const captureAtOnce = (store: Store, payment: Payment, fault: Drawn | undefined): void => {
  const { id, merchantAccount, amount, currency, reference } = payment
  const reverses = fault?.fault === "late-reversal" ? fault : undefined
  accept(store, { kind: "capture", payment: id, merchantAccount, amount, currency, reference, silent: true }, reverses)
}

const EVENTS: { readonly [kind in Kind]: EventCode } = {
  capture: "CAPTURE",
  cancel: "CANCELLATION",
  technicalCancel: "TECHNICAL_CANCEL",
  refund: "REFUND",
  reversal: "CANCEL_OR_REFUND"
}

/** Why it cannot be done, or undefined. */
const obstacle = (kind: Kind, payment: Payment | undefined, amount: number): string | undefined => {
  if (payment === undefined) return "Payment not found"
  if (payment.result !== "Authorised") return "Transaction is not authorised"
  const refunds = kind === "refund" || (kind === "reversal" && payment.captured > 0)
  if (refunds) {
    const rest = payment.captured - payment.refunded
    return rest <= 0 || amount > rest ? "Insufficient balance on payment" : undefined
  }
  if (payment.cancelled) return "Transaction is cancelled"
  if (now() - payment.created >= AUTHORISATION_LIFE_MS) return "Transaction has expired"
  // Several partial captures are off, as they are by default.
  if (payment.captured > 0) return "Transaction is already captured"
  return kind === "capture" && amount > payment.amount ? "Insufficient balance on payment" : undefined
}

const record = (store: Store, kind: "charge" | "refund", id: string, payment: Payment, amount: number): void => {
  const { id: parent, payment_id, currency } = payment
  store.outside.ledger.append({ id, provider: "adyen", kind, parent, payment_id, amount, currency })
}

export const carryOut = (store: Store, id: string): void => {
  const asked = store.modifications.get(id)
  if (asked?.status !== "received") return
  const payment = asked.payment === undefined ? undefined : store.payments.get(asked.payment)
  const { kind, amount = 0, refusal } = asked
  const reason = refusal === "REFUND_FAILED" ? undefined : (refusal ?? obstacle(kind, payment, amount))
  if (payment === undefined || reason !== undefined) {
    store.modifications.put({ ...asked, status: "failed" })
    notify(store, EVENTS[kind], payment, { success: false, reason, modification: asked })
    return
  }
  const done = store.modifications.put({ ...asked, status: "done" })
  const action = refusal === undefined ? move(store, done, payment) : undefined
  if (done.silent === true) return
  notify(store, EVENTS[kind], payment, {
    success: true,
    modification: done,
    ...(kind === "reversal" && action !== undefined && { action })
  })
}

/** Takes the money, gives it back, or lets go of it. */
const move = (store: Store, { id, kind, amount }: Modification, payment: Payment): "cancel" | "refund" => {
  if (kind === "capture") {
    const taken = amount ?? payment.amount
    store.payments.put({ ...payment, captured: taken })
    record(store, "charge", id, payment, taken)
    return "refund"
  }
  if (kind === "refund" || payment.captured > 0) {
    const back = amount ?? payment.captured - payment.refunded
    store.payments.put({ ...payment, refunded: payment.refunded + back })
    record(store, "refund", id, payment, back)
    return "refund"
  }
  store.payments.put({ ...payment, cancelled: true })
  return "cancel"
}

/** The scheme takes the money back after everybody was told that it went well. */
export const failCapture = (store: Store, id: string): void => {
  const capture = store.modifications.get(id)
  const payment = capture?.payment === undefined ? undefined : store.payments.get(capture.payment)
  if (capture?.status !== "done" || payment === undefined) return
  const rest = payment.captured - payment.refunded
  if (rest > 0) {
    store.payments.put({ ...payment, refunded: payment.captured })
    record(store, "refund", `${id}-failed`, payment, rest)
  }
  notify(store, "CAPTURE_FAILED", payment, { success: true, reason: "Capture Failed", modification: capture })
}

/** The refund was told to have gone well, and never reached the customer: the ledger has none. */
export const failRefund = (store: Store, id: string): void => {
  const refund = store.modifications.get(id)
  const payment = refund?.payment === undefined ? undefined : store.payments.get(refund.payment)
  if (refund === undefined || payment === undefined) return
  store.modifications.put({ ...refund, status: "failed" })
  notify(store, "REFUND_FAILED", payment, { success: true, reason: "Refund Failed", modification: refund })
}
