/** Saga facts, and the commands to those who tell the user. One stream `saga-{payment_id}` a payment. */
import { Schema } from "effect"
import { about, EXAMPLE, entry, type FactOf, Time } from "./catalogue.ts"
import { Currency, Minor } from "./money.ts"
import { Failure } from "./payment.ts"
import { RefundFailure, SagaRefundEvents } from "./refund.ts"

export const Step = Schema.Literals([
  "ValidatePayment",
  "CheckWalletBalance",
  "DeductWalletBalance",
  "ProcessWithGateway",
  "ConfirmPayment"
])
export type Step = typeof Step.Type

const event = about("saga-events", "saga", ["metrics"])
const step = { payment_id: Schema.String, step: Step }
const exampleStep = { payment_id: EXAMPLE.payment, step: "DeductWalletBalance" } as const
const exampleFailure = { code: "INSUFFICIENT_FUNDS", stage: "WALLET_VALIDATION", reason: "750.00 USD short" } as const

export const SagaEvents = {
  SagaStarted: entry(
    event("a payment was initiated"),
    {
      payment_id: Schema.String,
      wallet_id: Schema.String,
      user_id: Schema.String,
      merchant_id: Schema.String,
      amount: Minor,
      currency: Currency,
      initiated_at: Time,
      deadline: Time
    },
    {
      payment_id: EXAMPLE.payment,
      wallet_id: EXAMPLE.wallet,
      user_id: "ana",
      merchant_id: "book-shop",
      amount: "100000",
      currency: "USD",
      initiated_at: EXAMPLE.time,
      deadline: EXAMPLE.time
    }
  ),
  SagaStepCompleted: entry(
    event("the step's answer arrived; the next step's command is sent in the same commit"),
    { ...step, provider: Schema.optionalKey(Schema.String), provider_reference: Schema.optionalKey(Schema.String) },
    exampleStep
  ),
  SagaStepFailed: entry(
    event("the step refused: what was done before it is undone"),
    { ...step, failure: Failure },
    { ...exampleStep, failure: exampleFailure }
  ),
  SagaRecoveryAttempted: entry(
    event(
      "a step's time is up: send again (continue, compensate) or ask the provider (verify, close); or a new process " +
        "goes on with it"
    ),
    {
      ...step,
      action: Schema.Literals(["continue", "compensate", "verify", "close"]),
      reason: Schema.Literals(["step_timeout", "saga_timeout", "restart", "operator"]),
      /** How often it was sent again in a row; asking, and going on after a restart, do not count. */
      recoveries: Schema.Int
    },
    { ...exampleStep, action: "continue", reason: "step_timeout", recoveries: 1 }
  ),
  SagaGatewayHeard: entry(
    event("the gateway told of something other than the end: the step's time begins anew"),
    {
      payment_id: Schema.String,
      status: Schema.Literals(["PROCESSING", "AWAITING_GATEWAY"]),
      reason: Schema.String
    },
    { payment_id: EXAMPLE.payment, status: "AWAITING_GATEWAY", reason: "provider_outcome_unknown" }
  ),
  SagaStuck: entry(
    event("the saga has waited for more than 300 s; told once", ["metrics", "notification"]),
    { payment_id: Schema.String, step: Step, since: Time },
    { payment_id: EXAMPLE.payment, step: "ProcessWithGateway", since: EXAMPLE.time }
  ),
  CompensationStarted: entry(
    event("a step failed, time is up with nothing at a provider, or a cancellation was accepted"),
    { payment_id: Schema.String, failure: Failure, undo: Schema.Array(Step) },
    { payment_id: EXAMPLE.payment, failure: exampleFailure, undo: ["DeductWalletBalance"] }
  ),
  CompensationStepCompleted: entry(event("one step is undone; the next one's undoing is sent"), step, exampleStep),
  CompensationCompleted: entry(
    event("everything done is undone and the payment is marked"),
    { payment_id: Schema.String },
    { payment_id: EXAMPLE.payment }
  ),
  SagaCompleted: entry(
    event("the payment is confirmed", ["metrics", "notification"]),
    { payment_id: Schema.String },
    { payment_id: EXAMPLE.payment }
  ),
  SagaFailed: entry(
    event("the compensation is complete", ["metrics", "notification"]),
    { payment_id: Schema.String, failure: Failure },
    { payment_id: EXAMPLE.payment, failure: exampleFailure }
  ),
  SagaParked: entry(
    event("at most 3 recoveries helped nothing: a person is paged", ["metrics", "notification"]),
    {
      payment_id: Schema.String,
      step: Step,
      reason: Schema.String,
      /** It was undoing: the saga is shown as COMPENSATION_FAILED. */
      compensating: Schema.optionalKey(Schema.Boolean)
    },
    { ...exampleStep, reason: "no answer after 3 recoveries", compensating: true }
  ),
  ...SagaRefundEvents
} as const
export type SagaEvent = FactOf<typeof SagaEvents>

const word = about("saga-commands", "api", ["saga"])
const exampleWord = { payment_id: EXAMPLE.payment, reason: "the wallet's database is back" } as const

/** What operators say to a saga; `reason` stands in the audit log as well. */
export const SagaCommands = {
  ResumeSaga: entry(
    word("an operator resumes a saga that gave up or waits: its step is sent again, or the provider is asked"),
    { payment_id: Schema.String, reason: Schema.String },
    exampleWord
  ),
  CompensateSaga: entry(
    word("an operator ends a payment: the gateway closes it first, then the money goes back"),
    { payment_id: Schema.String, reason: Schema.String },
    exampleWord
  )
} as const
export type SagaCommand = FactOf<typeof SagaCommands>

export const NotificationCommands = {
  NotifyUser: entry(
    {
      version: 1,
      topic: "notification-commands",
      producer: "saga",
      consumers: ["notification"],
      trigger: "the saga ended"
    },
    {
      payment_id: Schema.String,
      user_id: Schema.String,
      outcome: Schema.Literals(["completed", "failed", "cancelled", "refunded", "refund_failed"]),
      /** The payment's, or the refund's where it is about one. */
      amount: Minor,
      currency: Currency,
      failure: Schema.optionalKey(Failure),
      refund_id: Schema.optionalKey(Schema.String),
      refund_failure: Schema.optionalKey(RefundFailure)
    },
    { payment_id: EXAMPLE.payment, user_id: "ana", outcome: "completed", amount: "100000", currency: "USD" }
  )
} as const
export type NotificationCommand = FactOf<typeof NotificationCommands>

export const NotificationEvents = {
  UserNotified: entry(
    {
      version: 1,
      topic: "metrics-events",
      producer: "notification",
      consumers: ["metrics"],
      trigger: "the user's message is stored"
    },
    {
      payment_id: Schema.String,
      user_id: Schema.String,
      refund_id: Schema.optionalKey(Schema.String),
      title: Schema.String,
      message: Schema.String
    },
    {
      payment_id: EXAMPLE.payment,
      user_id: "ana",
      title: "Payment completed",
      message: "You paid 1000.00 USD to book-shop."
    }
  )
} as const
export type NotificationEvent = FactOf<typeof NotificationEvents>
