/** Payment facts and commands. One stream `payment-{id}` each. */
import { Schema } from "effect"
import { about, EXAMPLE, entry, type FactOf, Metadata, Time } from "./catalogue.ts"
import { Currency, Minor } from "./money.ts"
import { PaymentRefundCommands, PaymentRefundEvents } from "./refund.ts"

/** Where a payment failed (MISSION 3, PaymentFailed.failure_stage). */
export const FailureStage = Schema.Literals([
  "VALIDATION",
  "WALLET_VALIDATION",
  "WALLET_DEDUCTION",
  "GATEWAY_PROCESSING",
  "CONFIRMATION",
  "SAGA"
])
export type FailureStage = typeof FailureStage.Type

/** Every code a payment can fail or be cancelled with; `errors.ts` gives each its HTTP answer. */
export const FailureCode = Schema.Literals([
  "LIMIT_EXCEEDED",
  "INSUFFICIENT_FUNDS",
  "INSUFFICIENT_FUNDS_CONCURRENT",
  "WALLET_LOCKED",
  "WALLET_NOT_FOUND",
  "CURRENCY_MISMATCH",
  "PAYMENT_DECLINED",
  "GATEWAY_UNAVAILABLE",
  "PAYMENT_TIMED_OUT",
  "PAYMENT_CANCELLED",
  "PAYMENT_STOPPED"
])
export type FailureCode = typeof FailureCode.Type

/** Why a payment did not go through, as carried from the step that refused it to the client. */
export const Failure = Schema.Struct({
  code: FailureCode,
  stage: FailureStage,
  reason: Schema.String,
  requested_amount: Schema.optionalKey(Minor),
  available_balance: Schema.optionalKey(Minor),
  deficit_amount: Schema.optionalKey(Minor),
  concurrent_payment_id: Schema.optionalKey(Schema.String),
  provider: Schema.optionalKey(Schema.String),
  provider_code: Schema.optionalKey(Schema.String)
})
export type Failure = typeof Failure.Type

const event = about("payment-events", "payment", ["saga", "metrics"])
const fromApi = about("payment-commands", "api", ["payment"])
const fromSaga = about("payment-commands", "saga", ["payment"])

const order = {
  payment_id: Schema.String,
  wallet_id: Schema.String,
  user_id: Schema.String,
  merchant_id: Schema.String,
  amount: Minor,
  currency: Currency,
  initiated_at: Time
}
const exampleOrder = {
  payment_id: EXAMPLE.payment,
  wallet_id: EXAMPLE.wallet,
  user_id: "ana",
  merchant_id: "book-shop",
  amount: "100000",
  currency: "USD",
  initiated_at: EXAMPLE.time
}
const shortOfFunds: typeof Failure.Encoded = {
  code: "INSUFFICIENT_FUNDS",
  stage: "WALLET_VALIDATION",
  reason: "the wallet holds 250.00 USD, the payment needs 1000.00 USD",
  requested_amount: "100000",
  available_balance: "25000",
  deficit_amount: "75000"
}

export const PaymentEvents = {
  PaymentInitiated: entry(
    event("a client asked for a payment", ["saga", "metrics", "notification"]),
    { ...order, description: Schema.optionalKey(Schema.String), metadata: Schema.optionalKey(Metadata) },
    { ...exampleOrder, description: "Two books" }
  ),
  PaymentValidated: entry(
    event("the payment keeps the limits per payment, day and merchant"),
    { payment_id: Schema.String },
    { payment_id: EXAMPLE.payment }
  ),
  PaymentRejected: entry(
    event("the payment breaks a limit or a merchant's rule"),
    { payment_id: Schema.String, failure: Failure },
    {
      payment_id: EXAMPLE.payment,
      failure: { code: "LIMIT_EXCEEDED", stage: "VALIDATION", reason: "more than 1000.00 USD a payment" }
    }
  ),
  PaymentCompleted: entry(
    event("the provider's charge is known and kept", ["saga", "metrics", "notification"]),
    {
      payment_id: Schema.String,
      merchant_id: Schema.String,
      amount: Minor,
      currency: Currency,
      provider: Schema.String,
      provider_reference: Schema.String
    },
    {
      payment_id: EXAMPLE.payment,
      merchant_id: "book-shop",
      amount: "100000",
      currency: "USD",
      provider: "stripe",
      provider_reference: "pi_3QK"
    }
  ),
  PaymentFailed: entry(
    event("the payment cannot go through and its money is back in the wallet", ["saga", "metrics", "notification"]),
    {
      payment_id: Schema.String,
      amount: Minor,
      currency: Currency,
      error_code: FailureCode,
      failure_stage: FailureStage,
      failure_reason: Schema.String,
      failure: Failure
    },
    {
      payment_id: EXAMPLE.payment,
      amount: "100000",
      currency: "USD",
      error_code: "INSUFFICIENT_FUNDS",
      failure_stage: "WALLET_VALIDATION",
      failure_reason: shortOfFunds.reason,
      failure: shortOfFunds
    }
  ),
  ConcurrentPaymentDetected: entry(
    event("a payment lost its funds to another one that was under way at the same time", ["metrics"]),
    {
      user_id: Schema.String,
      concurrent_payments: Schema.Array(Schema.String),
      winner: Schema.String,
      resolution_strategy: Schema.Literals(["FIRST_COMMITTED_WINS"])
    },
    {
      user_id: "ana",
      concurrent_payments: [EXAMPLE.payment, EXAMPLE.other],
      winner: EXAMPLE.other,
      resolution_strategy: "FIRST_COMMITTED_WINS"
    }
  ),
  PaymentCancelRequested: entry(
    event("a client or an operator asked to cancel; the saga decides", ["saga"]),
    { payment_id: Schema.String, reason: Schema.String },
    { payment_id: EXAMPLE.payment, reason: "ordered twice" }
  ),
  PaymentCancelled: entry(
    event("the saga cancelled the payment before a provider was asked", ["saga", "metrics", "notification"]),
    { payment_id: Schema.String, reason: Schema.String },
    { payment_id: EXAMPLE.payment, reason: "ordered twice" }
  ),
  ...PaymentRefundEvents
} as const
export type PaymentEvent = FactOf<typeof PaymentEvents>

export const PaymentCommands = {
  InitiatePayment: entry(
    fromApi("POST /payments"),
    { ...order, description: Schema.optionalKey(Schema.String), metadata: Schema.optionalKey(Metadata) },
    exampleOrder
  ),
  ValidatePayment: entry(fromSaga("a saga started"), { payment_id: Schema.String }, { payment_id: EXAMPLE.payment }),
  ConfirmPayment: entry(
    fromSaga("the charge is known and kept"),
    { payment_id: Schema.String, provider: Schema.String, provider_reference: Schema.String },
    { payment_id: EXAMPLE.payment, provider: "stripe", provider_reference: "pi_3QK" }
  ),
  MarkPaymentAsFailed: entry(
    fromSaga("a step refused and everything done before it is undone"),
    { payment_id: Schema.String, failure: Failure },
    { payment_id: EXAMPLE.payment, failure: shortOfFunds }
  ),
  MarkPaymentAsCancelled: entry(
    fromSaga("a cancellation was accepted and everything done before it is undone"),
    { payment_id: Schema.String, reason: Schema.String },
    { payment_id: EXAMPLE.payment, reason: "ordered twice" }
  ),
  RequestPaymentCancel: entry(
    fromApi("POST /payments/{id}/cancel"),
    { payment_id: Schema.String, reason: Schema.String },
    { payment_id: EXAMPLE.payment, reason: "ordered twice" }
  ),
  ...PaymentRefundCommands
} as const
export type PaymentCommand = FactOf<typeof PaymentCommands>
