/** What happens to a PaymentIntent: created, confirmed, captured, cancelled, and settled or reversed later. */
import { now, seconds } from "../clock.ts"
import { stripeCurrencyRefusal, stripeToIso } from "../currency.ts"
import type { Drawn } from "../faults.ts"
import { type Form, flatStrings, group, text } from "../form.ts"
import { stripeId } from "../ids.ts"
import { emit } from "./events.ts"
import { declineBody, invalid, missing, Problem, unexpectedState } from "./problem.ts"
import { type Asked, type Charge, type Intent, NOBODY, type Store } from "./records.ts"
import { renderCharge, renderIntent } from "./render.ts"

/** Stripe's own test payment methods that fail; every other name is a good card. */
const DECLINED_METHODS: { readonly [method: string]: string } = {
  pm_card_chargeDeclined: "generic_decline",
  pm_card_visa_chargeDeclined: "generic_decline",
  pm_card_chargeDeclinedInsufficientFunds: "insufficient_funds",
  pm_card_visa_chargeDeclinedInsufficientFunds: "insufficient_funds",
  pm_card_chargeDeclinedLostCard: "lost_card",
  pm_card_visa_chargeDeclinedLostCard: "lost_card",
  pm_card_chargeDeclinedStolenCard: "stolen_card",
  pm_card_visa_chargeDeclinedStolenCard: "stolen_card",
  pm_card_chargeDeclinedExpiredCard: "expired_card",
  pm_card_chargeDeclinedIncorrectCvc: "incorrect_cvc",
  pm_card_chargeDeclinedProcessingError: "processing_error",
  pm_card_chargeDeclinedFraudulent: "fraudulent"
}

const changed = (store: Store, intent: Intent, type: string, asked: Asked): Intent => {
  store.intents.put(intent)
  emit(store, type, asked, () => renderIntent(intent))
  return intent
}

export const integerParam = (form: Form, name: string): number | undefined => {
  const value = text(form, name)
  if (value === undefined) return undefined
  if (!/^-?\d{1,17}$/.test(value)) throw invalid(`Invalid integer: ${value}`, "parameter_invalid_integer", name)
  const number = Number(value)
  if (number < 1) throw invalid("This value must be greater than or equal to 1.", "parameter_invalid_integer", name)
  if (!Number.isSafeInteger(number)) throw invalid("Amount is too large.", "amount_too_large", name)
  return number
}

const required = <T>(value: T | undefined, name: string): T => {
  if (value === undefined) throw invalid(`Missing required param: ${name}.`, "parameter_missing", name)
  return value
}

const CAPTURE_METHODS = ["automatic", "automatic_async", "manual"]

export const createIntent = (store: Store, form: Form, fault: Drawn | undefined, asked: Asked): Intent => {
  const amount = required(integerParam(form, "amount"), "amount")
  const currency = required(text(form, "currency"), "currency").toLowerCase()
  const refusal = stripeCurrencyRefusal(currency, amount)
  if (refusal !== undefined)
    throw invalid(refusal.message, refusal.code, refusal.code === "invalid_currency" ? "currency" : "amount")
  const capture_method = text(form, "capture_method") ?? "automatic_async"
  if (!CAPTURE_METHODS.includes(capture_method))
    throw invalid(`Invalid capture_method: must be one of ${CAPTURE_METHODS.join(", ")}`, undefined, "capture_method")
  const confirm = text(form, "confirm") === "true"
  const payment_method = text(form, "payment_method")
  if (confirm && payment_method === undefined) throw noMethod()
  const intent: Intent = {
    id: stripeId("pi"),
    created: seconds(now()),
    amount,
    currency,
    status: payment_method === undefined ? "requires_payment_method" : "requires_confirmation",
    capture_method,
    payment_method,
    customer: text(form, "customer"),
    description: text(form, "description"),
    receipt_email: text(form, "receipt_email"),
    statement_descriptor: text(form, "statement_descriptor"),
    setup_future_usage: text(form, "setup_future_usage"),
    metadata: flatStrings(group(form, "metadata")),
    received: 0,
    capturable: 0
  }
  if (!confirm && fault?.fault === "decline")
    throw new Problem(402, declineBody(fault.code ?? "generic_decline", null), { stored: true })
  changed(store, intent, "payment_intent.created", asked)
  return confirm ? confirmIntent(store, intent, form, fault, asked) : intent
}

const noMethod = (): Problem =>
  invalid(
    "You cannot confirm this PaymentIntent because it's missing a payment method.",
    "payment_intent_unexpected_state"
  )

export const findIntent = (store: Store, id: string): Intent => {
  const intent = store.intents.get(id)
  if (intent === undefined) throw missing("payment_intent", id, "intent")
  return intent
}

const CONFIRMABLE = ["requires_payment_method", "requires_confirmation", "requires_action"]

export const confirmIntent = (
  store: Store,
  intent: Intent,
  form: Form,
  fault: Drawn | undefined,
  asked: Asked
): Intent => {
  if (!CONFIRMABLE.includes(intent.status)) {
    const because =
      intent.status === "succeeded"
        ? "it has already succeeded after being previously confirmed"
        : `it has a status of ${intent.status}`
    throw unexpectedState(`You cannot confirm this PaymentIntent because ${because}.`, intent)
  }
  const method = text(form, "payment_method") ?? intent.payment_method
  if (method === undefined) throw noMethod()
  const ready: Intent = { ...intent, payment_method: method, decline: undefined, confirmed_by: asked.key ?? undefined }
  if (method === "pm_card_authenticationRequired") return askCustomer(store, ready, form, asked)
  const declined = fault?.fault === "decline" ? (fault.code ?? "generic_decline") : DECLINED_METHODS[method]
  if (declined !== undefined) throw declineIntent(store, ready, declined, asked)
  const charge = newCharge(ready, fault?.fault === "async" ? "pending" : "succeeded")
  const charged: Intent = { ...ready, charge: charge.id }
  if (fault?.fault === "async") {
    store.charges.put(charge)
    store.outside.tasks.schedule("stripe.settle", intent.id, fault.after_ms)
    return changed(store, { ...charged, status: "processing" }, "payment_intent.processing", asked)
  }
  const done = succeed(store, charged, charge, asked)
  if (fault?.fault === "late-reversal") store.outside.tasks.schedule("stripe.reverse", charge.id, fault.after_ms)
  return done
}

const newCharge = (intent: Intent, status: Charge["status"]): Charge => ({
  id: stripeId("ch"),
  intent: intent.id,
  created: seconds(now()),
  amount: intent.amount,
  status,
  captured: 0,
  refunded: 0,
  payment_method: intent.payment_method
})

/** Off-session, or told not to wait for the customer: a decline. Otherwise the intent waits. */
const askCustomer = (store: Store, intent: Intent, form: Form, asked: Asked): Intent => {
  if (text(form, "off_session") !== undefined || text(form, "error_on_requires_action") === "true")
    throw declineIntent(store, intent, "authentication_required", asked)
  return changed(store, { ...intent, status: "requires_action" }, "payment_intent.requires_action", asked)
}

const declineIntent = (store: Store, intent: Intent, decline_code: string, asked: Asked): Problem => {
  const failed = newCharge(intent, "failed")
  const decline = { decline_code, charge: failed.id, payment_method: failed.payment_method ?? null }
  store.charges.put({ ...failed, decline })
  const status = "requires_payment_method"
  const declined: Intent = { ...intent, status, charge: failed.id, payment_method: undefined, decline }
  changed(store, declined, "payment_intent.payment_failed", asked)
  return new Problem(402, declineBody(decline_code, failed.id), { stored: true, intent: declined })
}

const succeed = (store: Store, intent: Intent, charge: Charge, asked: Asked): Intent => {
  if (intent.capture_method !== "manual") return takeMoney(store, intent, charge, intent.amount, asked)
  store.charges.put({ ...charge, status: "succeeded" })
  const held: Intent = { ...intent, status: "requires_capture", capturable: intent.amount }
  return changed(store, held, "payment_intent.amount_capturable_updated", asked)
}

const takeMoney = (store: Store, intent: Intent, charge: Charge, amount: number, asked: Asked): Intent => {
  store.charges.put({ ...charge, status: "succeeded", captured: amount })
  store.outside.ledger.append({
    id: charge.id,
    provider: "stripe",
    kind: "charge",
    parent: intent.id,
    payment_id: intent.metadata["payment_id"] ?? null,
    amount: stripeToIso(intent.currency, amount),
    currency: intent.currency.toUpperCase()
  })
  const taken: Intent = { ...intent, status: "succeeded", received: amount, capturable: 0 }
  return changed(store, taken, "payment_intent.succeeded", asked)
}

export const captureIntent = (
  store: Store,
  intent: Intent,
  form: Form,
  fault: Drawn | undefined,
  asked: Asked
): Intent => {
  const amount = integerParam(form, "amount_to_capture") ?? intent.capturable
  const charge = intent.charge === undefined ? undefined : store.charges.get(intent.charge)
  if (intent.status !== "requires_capture" || charge === undefined) {
    const because = `it has a status of ${intent.status}. Only one with the status requires_capture can be captured`
    throw unexpectedState(`This PaymentIntent could not be captured because ${because}.`, intent)
  }
  if (amount > intent.capturable)
    throw invalid("The amount to capture is more than what was authorized.", "amount_too_large", "amount_to_capture")
  const refusal = stripeCurrencyRefusal(intent.currency, amount)
  if (refusal !== undefined) throw invalid(refusal.message, refusal.code, "amount_to_capture")
  // A capture that fails leaves the hold where it was.
  if (fault?.fault === "decline")
    throw new Problem(402, declineBody(fault.code ?? "generic_decline", charge.id), { stored: true, intent })
  const done = takeMoney(store, intent, charge, amount, asked)
  if (fault?.fault === "late-reversal") store.outside.tasks.schedule("stripe.reverse", charge.id, fault.after_ms)
  return done
}

const CANCEL_REASONS = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"]
const CANCELABLE = [...CONFIRMABLE, "requires_capture"]

export const cancelIntent = (store: Store, intent: Intent, form: Form, asked: Asked): Intent => {
  const cancellation_reason = text(form, "cancellation_reason")
  if (cancellation_reason !== undefined && !CANCEL_REASONS.includes(cancellation_reason))
    throw invalid(
      `Invalid cancellation_reason: must be one of ${CANCEL_REASONS.join(", ")}`,
      undefined,
      "cancellation_reason"
    )
  if (!CANCELABLE.includes(intent.status)) {
    const allowed = `Only a PaymentIntent with one of the following statuses may be canceled: ${CANCELABLE.join(", ")}`
    throw unexpectedState(
      `You cannot cancel this PaymentIntent because it has a status of ${intent.status}. ${allowed}.`,
      intent
    )
  }
  const canceled_at = seconds(now())
  const canceled: Intent = { ...intent, status: "canceled", capturable: 0, canceled_at, cancellation_reason }
  return changed(store, canceled, "payment_intent.canceled", asked)
}

/** A charge that was pending goes through. */
export const settleIntent = (store: Store, id: string): void => {
  const intent = store.intents.get(id)
  const charge = intent?.charge === undefined ? undefined : store.charges.get(intent.charge)
  if (intent === undefined || charge === undefined || intent.status !== "processing") return
  succeed(store, intent, charge, { request_id: null, key: intent.confirmed_by ?? null })
}

/** The bank takes it back after everybody was told that it went well: the intent stays `succeeded`. */
export const reverseCharge = (store: Store, id: string): void => {
  const charge = store.charges.get(id)
  const intent = charge === undefined ? undefined : store.intents.get(charge.intent)
  if (charge === undefined || intent === undefined) return
  const amount = charge.captured - charge.refunded
  if (amount <= 0) return
  const reversed: Charge = { ...charge, refunded: charge.captured, reversed: true }
  store.charges.put(reversed)
  store.outside.ledger.append({
    id: stripeId("re"),
    provider: "stripe",
    kind: "refund",
    parent: charge.id,
    payment_id: intent.metadata["payment_id"] ?? null,
    amount: stripeToIso(intent.currency, amount),
    currency: intent.currency.toUpperCase()
  })
  emit(store, "charge.refunded", NOBODY, () => renderCharge(reversed, intent))
}
