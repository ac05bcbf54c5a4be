/**
 * The payment aggregate: its states and which of them may follow. It touches no balance and calls no provider; the saga
 * tells it what happened, and an illegal transition is refused.
 */
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { type Currency, format, type Minor } from "../../shared/contract/money.ts"
import type { Failure, PaymentCommand, PaymentEvent } from "../../shared/contract/payment.ts"
import type { TimerFired } from "../../shared/contract/timer.ts"
import type { Decision } from "../../shared/runtime/decider.ts"
import { confirmRefund, evolveRefund, failRefund, type Refund, requestRefund } from "./refunds.ts"

export interface Settings {
  /** Most a single payment may move, in minor units of its currency. */
  readonly maxPaymentAmount: bigint
  /** The same per merchant, where a merchant has its own rule. */
  readonly maxPaymentAmountOf: ReadonlyMap<string, bigint>
  /** Refunds a payment may have in all, failed ones included: they are remembered in its state. */
  readonly maxRefundsPerPayment: number
}

export type Status =
  | "INITIATED"
  | "VALIDATED"
  | "COMPLETED"
  | "FAILED"
  | "CANCELLED"
  | "PARTIALLY_REFUNDED"
  | "REFUNDED"

export interface Payment {
  readonly status: Status
  readonly walletId: string
  readonly userId: string
  readonly merchantId: string
  readonly amount: Minor
  readonly currency: Currency
  readonly initiatedAt: number
  readonly description?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly rejected: boolean
  readonly cancelRequested: boolean
  readonly provider?: string | undefined
  readonly providerReference?: string | undefined
  readonly failure?: Failure | undefined
  readonly endedAt?: number | undefined
  /** In the order in which they were asked for; absent: none was. */
  readonly refunds?: ReadonlyArray<Refund> | undefined
}
/** undefined: the payment was never initiated. */
export type State = Payment | undefined

type Command = PaymentCommand | TimerFired
type Decided = Decision<PaymentEvent>

const append = (...events: ReadonlyArray<PaymentEvent>): Decided => ({ events })
const nothing: Decided = { events: [] }
const illegal = (status: Status, command: string): Decided => ({
  refusal: { code: "ILLEGAL_TRANSITION", reason: `${command} does not follow ${status}` }
})
const absent: Decided = { refusal: { code: "PAYMENT_NOT_FOUND", reason: "no such payment" } }

export const isOpen = (status: Status): boolean => status === "INITIATED" || status === "VALIDATED"

export const decide =
  (settings: Settings) =>
  (state: State, message: Message, _now: number): Decided => {
    const command = message as unknown as Command
    if (command.type === "TimerFired") return nothing
    if (command.type === "InitiatePayment") {
      return state === undefined ? append({ type: "PaymentInitiated", data: command.data }) : nothing
    }
    if (state === undefined) return absent
    switch (command.type) {
      case "ValidatePayment":
        return validate(state, command.data.payment_id, settings)
      case "ConfirmPayment":
        return confirm(state, command.data)
      case "MarkPaymentAsFailed":
        return fail(state, command.data)
      case "MarkPaymentAsCancelled":
        if (state.status === "CANCELLED") return nothing
        return isOpen(state.status)
          ? append({ type: "PaymentCancelled", data: command.data })
          : illegal(state.status, command.type)
      case "RequestPaymentCancel":
        return requestCancel(state, command.data)
      case "RequestRefund":
        return requestRefund(state, command.data, settings)
      case "ConfirmRefund":
        return confirmRefund(state, command.data)
      case "MarkRefundAsFailed":
        return failRefund(state, command.data)
    }
  }

const validate = (state: Payment, payment_id: string, settings: Settings): Decided => {
  if (state.status !== "INITIATED" || state.rejected) return nothing
  const limit = settings.maxPaymentAmountOf.get(state.merchantId) ?? settings.maxPaymentAmount
  if (state.amount <= limit) return append({ type: "PaymentValidated", data: { payment_id } })
  const reason = `a payment may be at most ${format(limit, state.currency)}`
  return append({
    type: "PaymentRejected",
    data: {
      payment_id,
      failure: { code: "LIMIT_EXCEEDED", stage: "VALIDATION", reason, requested_amount: state.amount }
    }
  })
}

type Confirm = Extract<PaymentCommand, { readonly type: "ConfirmPayment" }>["data"]

const confirm = (state: Payment, { payment_id, provider, provider_reference }: Confirm): Decided => {
  if (state.status === "COMPLETED") return nothing
  if (!isOpen(state.status)) return illegal(state.status, "ConfirmPayment")
  const { merchantId: merchant_id, amount, currency } = state
  const data = { payment_id, merchant_id, amount, currency, provider, provider_reference }
  return append({ type: "PaymentCompleted", data })
}

type Fail = Extract<PaymentCommand, { readonly type: "MarkPaymentAsFailed" }>["data"]

/** Appended only after the money is back in the wallet: FAILED means refunded, at every read (DECISIONS D3). */
const fail = (state: Payment, { payment_id, failure }: Fail): Decided => {
  if (state.status === "FAILED") return nothing
  if (!isOpen(state.status)) return illegal(state.status, "MarkPaymentAsFailed")
  const failed: PaymentEvent = {
    type: "PaymentFailed",
    data: {
      payment_id,
      amount: state.amount,
      currency: state.currency,
      error_code: failure.code,
      failure_stage: failure.stage,
      failure_reason: failure.reason,
      failure
    }
  }
  const winner = failure.concurrent_payment_id
  if (winner === undefined) return append(failed)
  const data = {
    user_id: state.userId,
    concurrent_payments: [winner, payment_id],
    winner,
    resolution_strategy: "FIRST_COMMITTED_WINS" as const
  }
  return append(failed, { type: "ConcurrentPaymentDetected", data })
}

type Cancel = Extract<PaymentCommand, { readonly type: "RequestPaymentCancel" }>["data"]

/** Only records the wish: the saga knows whether a provider was asked already. */
const requestCancel = (state: Payment, data: Cancel): Decided => {
  if (state.status === "CANCELLED" || (state.cancelRequested && isOpen(state.status))) return nothing
  if (isOpen(state.status)) return append({ type: "PaymentCancelRequested", data })
  return { refusal: { code: "PAYMENT_NOT_CANCELLABLE", reason: `the payment is ${state.status}` } }
}

export const evolve = (state: State, event: Recorded<PaymentEvent>): State => {
  if (event.type === "PaymentInitiated") return initiated(event)
  if (state === undefined) return undefined
  switch (event.type) {
    case "PaymentValidated":
      return { ...state, status: "VALIDATED" }
    case "PaymentRejected":
      return { ...state, rejected: true }
    case "PaymentCompleted": {
      const { provider, provider_reference } = event.data
      return { ...state, status: "COMPLETED", provider, providerReference: provider_reference, endedAt: event.time }
    }
    case "PaymentFailed":
      return { ...state, status: "FAILED", failure: event.data.failure, endedAt: event.time }
    case "PaymentCancelRequested":
      return { ...state, cancelRequested: true }
    case "PaymentCancelled":
      return { ...state, status: "CANCELLED", endedAt: event.time }
    case "RefundRequested":
    case "PaymentRefunded":
    case "RefundFailed":
      return evolveRefund(state, event)
    case "ConcurrentPaymentDetected":
      return state
  }
}

const initiated = ({ data }: Extract<Recorded<PaymentEvent>, { readonly type: "PaymentInitiated" }>): Payment => ({
  status: "INITIATED",
  walletId: data.wallet_id,
  userId: data.user_id,
  merchantId: data.merchant_id,
  amount: data.amount,
  currency: data.currency,
  initiatedAt: data.initiated_at,
  description: data.description,
  metadata: data.metadata,
  rejected: false,
  cancelRequested: false
})
