/**
 * The refunds of one payment: how much of it is left to give back, and what becomes of each. The merchant's money is
 * set aside before a provider is asked, so that refunds under way at the same time can never exceed the payment.
 */
import type { Recorded } from "../../shared/contract/envelope.ts"
import { add, format, type Minor, subtract, ZERO } from "../../shared/contract/money.ts"
import type { PaymentCommand, PaymentEvent } from "../../shared/contract/payment.ts"
import type { RefundFailure } from "../../shared/contract/refund.ts"
import type { Decision, Refusal } from "../../shared/runtime/decider.ts"
import type { Payment, Settings, Status } from "./payment.ts"

/** `pending` counts against what is left, `failed` does not. */
export interface Refund {
  readonly id: string
  readonly amount: Minor
  readonly status: "pending" | "succeeded" | "failed"
  readonly reason?: string | undefined
  readonly providerReference?: string | undefined
  readonly failure?: RefundFailure | undefined
  /** ms. */
  readonly requestedAt: number
  readonly endedAt?: number | undefined
}

type Decided = Decision<PaymentEvent>
type DataOf<T extends PaymentCommand["type"]> = Extract<PaymentCommand, { readonly type: T }>["data"]

const nothing: Decided = { events: [] }
const append = (event: PaymentEvent): Decided => ({ events: [event] })
const refuse = (code: string, reason: string, details: Refusal["details"] = {}): Decided => ({
  refusal: { code, reason, details }
})

export const refundsOf = ({ refunds = [] }: Payment): ReadonlyArray<Refund> => refunds

const total = (refunds: ReadonlyArray<Refund>, status: Refund["status"]): Minor =>
  refunds.filter((refund) => refund.status === status).reduce((sum, { amount }) => add(sum, amount), ZERO)

export const refunded = (payment: Payment): Minor => total(refundsOf(payment), "succeeded")
export const pending = (payment: Payment): Minor => total(refundsOf(payment), "pending")
/** The cap (DECISIONS D4): what was captured, less what went back and what is on its way back. */
export const refundable = (payment: Payment): Minor =>
  subtract(subtract(payment.amount, refunded(payment)), pending(payment))

const REFUNDABLE: ReadonlySet<Status> = new Set<Status>(["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"])

const known = (payment: Payment, id: string): Refund | undefined =>
  refundsOf(payment).find((refund) => refund.id === id)

export const requestRefund = (
  state: Payment,
  { payment_id, refund_id, amount: asked, reason }: DataOf<"RequestRefund">,
  { maxRefundsPerPayment }: Settings
): Decided => {
  if (known(state, refund_id) !== undefined) return nothing
  const { status, currency, walletId: wallet_id, userId: user_id, merchantId: merchant_id } = state
  if (!REFUNDABLE.has(status))
    return refuse("PAYMENT_NOT_REFUNDABLE", `the payment is ${status}`, { payment_id, status })
  const left = refundable(state)
  const amount = asked ?? left
  if (amount > left || left === ZERO) {
    const facts = { refundable_amount: left, refunded_amount: refunded(state), pending_amount: pending(state) }
    const details = { payment_id, currency, requested_amount: amount, ...facts }
    return refuse("REFUND_EXCEEDS_REMAINDER", `at most ${format(left, currency)} can be refunded`, details)
  }
  if (refundsOf(state).length >= maxRefundsPerPayment)
    return refuse("REFUND_LIMIT_REACHED", `a payment may have at most ${maxRefundsPerPayment} refunds`, { payment_id })
  const data = { payment_id, refund_id, wallet_id, user_id, merchant_id, amount, currency }
  return append({ type: "RefundRequested", data: { ...data, ...(reason !== undefined && { reason }) } })
}

export const confirmRefund = (
  state: Payment,
  { payment_id, refund_id, provider_reference }: DataOf<"ConfirmRefund">
): Decided => {
  const refund = known(state, refund_id)
  if (refund?.status !== "pending") return nothing
  const { amount } = refund
  const refunded_total = add(refunded(state), amount)
  const status = refunded_total === state.amount ? ("REFUNDED" as const) : ("PARTIALLY_REFUNDED" as const)
  const data = { payment_id, refund_id, amount, currency: state.currency, refunded_total, status, provider_reference }
  return append({ type: "PaymentRefunded", data })
}

/** Releases what was set aside; a refund that is done stays done (DECISIONS D1.3). */
export const failRefund = (
  state: Payment,
  { payment_id, refund_id, failure }: DataOf<"MarkRefundAsFailed">
): Decided => {
  const refund = known(state, refund_id)
  if (refund?.status !== "pending") return nothing
  const { merchantId: merchant_id, currency } = state
  return append({
    type: "RefundFailed",
    data: { payment_id, refund_id, merchant_id, amount: refund.amount, currency, failure }
  })
}

type RefundEvent = Extract<
  Recorded<PaymentEvent>,
  { readonly type: "RefundRequested" | "PaymentRefunded" | "RefundFailed" }
>

export const evolveRefund = (state: Payment, event: RefundEvent): Payment => {
  const endedAt = event.time
  switch (event.type) {
    case "RefundRequested": {
      const { refund_id: id, amount, reason } = event.data
      const refund = { id, amount, reason, status: "pending" as const, requestedAt: event.time }
      return { ...state, refunds: [...refundsOf(state), refund] }
    }
    case "PaymentRefunded": {
      const { status, provider_reference: providerReference } = event.data
      const changed = change(state, event.data.refund_id, { status: "succeeded", providerReference, endedAt })
      return { ...changed, status }
    }
    case "RefundFailed":
      return change(state, event.data.refund_id, { status: "failed", failure: event.data.failure, endedAt })
  }
}

const change = (state: Payment, id: string, to: Partial<Refund>): Payment => ({
  ...state,
  refunds: refundsOf(state).map((refund) => (refund.id === id ? { ...refund, ...to } : refund))
})
