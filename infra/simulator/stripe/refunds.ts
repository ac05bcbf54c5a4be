/** Refunds: at most what was captured, at once or pending, and sometimes failing days after they were accepted. */
import { now, seconds } from "../clock.ts"
import { stripeCurrencyRefusal, stripeToIso } from "../currency.ts"
import { DEFAULT_AFTER_MS, type Drawn } from "../faults.ts"
import { type Form, flatStrings, group, text } from "../form.ts"
import { stripeId } from "../ids.ts"
import { emit } from "./events.ts"
import { findIntent, integerParam } from "./intents.ts"
import { invalid, missing, Problem } from "./problem.ts"
import { type Asked, type Charge, type Intent, NOBODY, type Refund, type Store } from "./records.ts"
import { renderCharge, renderRefund } from "./render.ts"

const REASONS = ["duplicate", "fraudulent", "requested_by_customer"]

const refused = (message: string, code?: string): Problem =>
  new Problem(400, { type: "invalid_request_error", code, message }, { stored: true })

const findCharge = (store: Store, form: Form): readonly [Intent, Charge] => {
  const chargeId = text(form, "charge")
  const intentId = text(form, "payment_intent")
  if (chargeId === undefined && intentId === undefined)
    throw invalid("One of the following params should be provided for this request: payment_intent or charge.")
  const given = chargeId === undefined ? undefined : store.charges.get(chargeId)
  if (chargeId !== undefined && given === undefined) throw missing("charge", chargeId, "charge")
  const intent = findIntent(store, intentId ?? given?.intent ?? "")
  const charge = given ?? (intent.charge === undefined ? undefined : store.charges.get(intent.charge))
  if (charge === undefined || charge.captured === 0)
    throw refused(`This PaymentIntent (${intent.id}) does not have a successful charge to refund.`)
  return [intent, charge]
}

export const createRefund = (store: Store, form: Form, fault: Drawn | undefined, asked: Asked): Refund => {
  const reason = text(form, "reason")
  if (reason !== undefined && !REASONS.includes(reason))
    throw invalid(`Invalid reason: must be one of ${REASONS.join(", ")}`, undefined, "reason")
  const wanted = integerParam(form, "amount")
  const [intent, charge] = findCharge(store, form)
  const left = charge.captured - charge.refunded
  if (left <= 0) throw refused(`Charge ${charge.id} has already been refunded.`, "charge_already_refunded")
  const amount = wanted ?? left
  if (amount > left)
    throw refused(`Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`, "amount_too_large")
  const refusal = stripeCurrencyRefusal(intent.currency, amount)
  if (refusal !== undefined) throw invalid(refusal.message, refusal.code, "amount")
  const pending: Refund = {
    id: stripeId("re"),
    intent: intent.id,
    charge: charge.id,
    created: seconds(now()),
    amount,
    currency: intent.currency,
    status: "pending",
    reason,
    metadata: flatStrings(group(form, "metadata"))
  }
  // The amount is taken from the charge at once, so that two pending refunds cannot exceed it.
  store.charges.put({ ...charge, refunded: charge.refunded + amount })
  return begin(store, pending, charge.payment_method, fault, asked)
}

const begin = (
  store: Store,
  pending: Refund,
  method: string | undefined,
  fault: Drawn | undefined,
  asked: Asked
): Refund => {
  const { tasks } = store.outside
  store.refunds.put(pending)
  emit(store, "refund.created", asked, () => renderRefund(pending))
  if (fault?.fault === "decline") return failRefund(store, pending.id) ?? pending
  if (method === "pm_card_refundFail") tasks.schedule("stripe.refund_fail", pending.id, DEFAULT_AFTER_MS)
  else if (method === "pm_card_pendingRefund") tasks.schedule("stripe.refund_settle", pending.id, DEFAULT_AFTER_MS)
  else if (fault?.fault === "async") tasks.schedule("stripe.refund_settle", pending.id, fault.after_ms)
  else return settleRefund(store, pending.id) ?? pending
  return pending
}

export const settleRefund = (store: Store, id: string): Refund | undefined => {
  const refund = store.refunds.get(id)
  const charge = refund === undefined ? undefined : store.charges.get(refund.charge)
  const intent = refund === undefined ? undefined : store.intents.get(refund.intent)
  if (refund?.status !== "pending" || charge === undefined || intent === undefined) return undefined
  const done = store.refunds.put({ ...refund, status: "succeeded" })
  store.outside.ledger.append({
    id,
    provider: "stripe",
    kind: "refund",
    parent: refund.charge,
    payment_id: intent.metadata["payment_id"] ?? null,
    amount: stripeToIso(refund.currency, refund.amount),
    currency: refund.currency.toUpperCase()
  })
  emit(store, "refund.updated", NOBODY, () => renderRefund(done))
  emit(store, "charge.refunded", NOBODY, () => renderCharge(charge, intent))
  return done
}

export const failRefund = (store: Store, id: string): Refund | undefined => {
  const refund = store.refunds.get(id)
  const charge = refund === undefined ? undefined : store.charges.get(refund.charge)
  if (refund?.status !== "pending" || charge === undefined) return undefined
  const failed = store.refunds.put({ ...refund, status: "failed" })
  store.charges.put({ ...charge, refunded: charge.refunded - refund.amount })
  emit(store, "refund.failed", NOBODY, () => renderRefund(failed))
  return failed
}
