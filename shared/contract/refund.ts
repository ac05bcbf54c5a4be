/**
 * Refunds of a payment to its own provider: every fact and command of them, by the service that owns it. They stand in
 * the streams of their payment (`payment-{id}`, `saga-{id}`, `gateway-{id}`), the credit in the wallet's.
 */
import { Schema } from "effect"
import { about, EXAMPLE, entry, Time } from "./catalogue.ts"
import { Currency, Minor } from "./money.ts"
import { Provider } from "./provider.ts"

const ids = { payment_id: Schema.String, refund_id: Schema.String }
const exampleIds = { payment_id: EXAMPLE.payment, refund_id: EXAMPLE.other }
const money = { amount: Minor, currency: Currency }
const exampleMoney = { amount: "40000", currency: "USD" } as const

/** Why a refund was refused for good: the provider's own code where it gave one. */
export const RefundFailure = Schema.Struct({ code: Schema.String, reason: Schema.String })
export type RefundFailure = typeof RefundFailure.Type
const exampleFailure = { code: "TRANSACTION_DISPUTED", reason: "paypal: a dispute of the buyer is open" } as const

const paymentEvent = about("payment-events", "payment", ["saga", "metrics"])
export const PaymentRefundEvents = {
  RefundRequested: entry(
    paymentEvent("a client asked for a refund that keeps the cap: the merchant's money for it is set aside"),
    {
      ...ids,
      wallet_id: Schema.String,
      user_id: Schema.String,
      merchant_id: Schema.String,
      ...money,
      reason: Schema.optionalKey(Schema.String)
    },
    {
      ...exampleIds,
      wallet_id: EXAMPLE.wallet,
      user_id: "ana",
      merchant_id: "book-shop",
      ...exampleMoney,
      reason: "one book came torn"
    }
  ),
  PaymentRefunded: entry(
    paymentEvent("a refund of the payment is done at its provider and in the wallet", [
      "saga",
      "metrics",
      "notification"
    ]),
    {
      ...ids,
      ...money,
      refunded_total: Minor,
      status: Schema.Literals(["PARTIALLY_REFUNDED", "REFUNDED"]),
      /** The provider's id of the refund (Stripe `re_…`). */
      provider_reference: Schema.optionalKey(Schema.String)
    },
    {
      ...exampleIds,
      ...exampleMoney,
      refunded_total: "40000",
      status: "PARTIALLY_REFUNDED",
      provider_reference: "re_3QK"
    }
  ),
  RefundFailed: entry(
    paymentEvent("the provider refused the refund for good: what was set aside is the merchant's again"),
    { ...ids, merchant_id: Schema.String, ...money, failure: RefundFailure },
    { ...exampleIds, merchant_id: "book-shop", ...exampleMoney, failure: exampleFailure }
  )
} as const

const fromApi = about("payment-commands", "api", ["payment"])
const fromSaga = about("payment-commands", "saga", ["payment"])
export const PaymentRefundCommands = {
  RequestRefund: entry(
    fromApi("POST /payments/{id}/refunds"),
    {
      ...ids,
      /** Absent: all that is left. */
      amount: Schema.optionalKey(Minor),
      reason: Schema.optionalKey(Schema.String)
    },
    { ...exampleIds, amount: "40000", reason: "one book came torn" }
  ),
  ConfirmRefund: entry(
    fromSaga("the wallet has the money"),
    { ...ids, provider_reference: Schema.String },
    { ...exampleIds, provider_reference: "re_3QK" }
  ),
  MarkRefundAsFailed: entry(
    fromSaga("the provider refused the refund for good"),
    { ...ids, failure: RefundFailure },
    { ...exampleIds, failure: exampleFailure }
  )
} as const

const gatewayEvent = about("gateway-events", "gateway", ["saga", "metrics"])
const call = { ...ids, provider: Provider, try: Schema.Int }
const exampleCall = { ...exampleIds, provider: "stripe", try: 1 } as const

export const GatewayRefundEvents = {
  GatewayRefundSent: entry(
    gatewayEvent("the intent to ask the provider that charged for a refund, recorded before any byte leaves"),
    {
      ...call,
      ...money,
      /** One for the refund's whole life: however often it is asked for, it is done once. */
      idempotency_key: Schema.String,
      reason: Schema.String
    },
    {
      ...exampleCall,
      ...exampleMoney,
      idempotency_key: `${EXAMPLE.payment}:stripe:refund:${EXAMPLE.other}`,
      reason: "stripe charged the payment, so it gives the money back"
    }
  ),
  GatewayRefundPending: entry(
    gatewayEvent("the provider has taken the refund on and will do it later: it is looked at again"),
    { ...call, provider_reference: Schema.optionalKey(Schema.String), next_look_in_seconds: Schema.Finite },
    { ...exampleCall, provider_reference: "re_3QK", next_look_in_seconds: 60 }
  ),
  GatewayRefundUnknown: entry(
    gatewayEvent("a call ended without a usable answer: it is asked again, under the same key"),
    {
      ...call,
      /** `timeout`, `reset`, `http_503`, or the provider's own code where it can do it later. */
      reason: Schema.String,
      next_look_in_seconds: Schema.Finite
    },
    { ...exampleCall, reason: "timeout", next_look_in_seconds: 1 }
  ),
  GatewayRefunded: entry(
    gatewayEvent("the provider says that the refund is done"),
    {
      ...ids,
      provider: Provider,
      ...money,
      provider_reference: Schema.String,
      /** It had been refused before, and the merchant has his money again: a person's case. */
      late: Schema.optionalKey(Schema.Boolean)
    },
    { ...exampleIds, provider: "stripe", ...exampleMoney, provider_reference: "re_3QK" }
  ),
  GatewayRefundRefused: entry(
    gatewayEvent("the provider refused the refund for good: no money moved and none will"),
    { ...ids, provider: Schema.optionalKey(Provider), code: Schema.String, reason: Schema.String },
    { ...exampleIds, provider: "paypal", ...exampleFailure }
  ),
  GatewayRefundReversed: entry(
    gatewayEvent("a refund that was done failed afterwards: the user keeps the credit, an operator takes it up", [
      "metrics"
    ]),
    { ...ids, provider: Provider, ...money, provider_reference: Schema.String, code: Schema.String },
    {
      ...exampleIds,
      provider: "stripe",
      ...exampleMoney,
      provider_reference: "re_3QK",
      code: "lost_or_stolen_card"
    }
  ),
  GatewayRefundReviewRequired: entry(
    gatewayEvent(
      "what became of a refund is not known for UNKNOWN_REVIEW_MS, or it contradicts itself: a person looks",
      ["metrics"]
    ),
    { ...ids, provider: Provider, since: Time, reason: Schema.String },
    { ...exampleIds, provider: "stripe", since: EXAMPLE.time, reason: "timeout" }
  )
} as const

const gatewayCommand = about("gateway-commands", "saga", ["gateway"])
export const GatewayRefundCommands = {
  RefundWithGateway: entry(
    gatewayCommand("the merchant's money for the refund is set aside"),
    { ...ids, ...money },
    { ...exampleIds, ...exampleMoney }
  ),
  VerifyRefund: entry(
    gatewayCommand("a timeout or a restart: ask the provider again, under the same key"),
    { ...ids, reason: Schema.String },
    { ...exampleIds, reason: "step_timeout" }
  )
} as const

const credit = { wallet_id: Schema.String, ...ids, ...money }
const exampleCredit = { wallet_id: EXAMPLE.wallet, ...exampleIds, ...exampleMoney }

export const WalletRefundEvents = {
  WalletRefundReceived: entry(
    about("wallet-events", "wallet", ["saga", "metrics"])(
      "the provider has given money of a payment back: the wallet has it again"
    ),
    { ...credit, balance: Minor, available: Minor },
    { ...exampleCredit, balance: "60000", available: "60000" }
  )
} as const
export const WalletRefundCommands = {
  CreditRefund: entry(
    about("wallet-commands", "saga", ["wallet"])("the provider says that the refund is done"),
    credit,
    exampleCredit
  )
} as const

export const RefundStep = Schema.Literals(["RefundWithGateway", "CreditRefund", "ConfirmRefund"])
export type RefundStep = typeof RefundStep.Type

const sagaEvent = about("saga-events", "saga", ["metrics"])
const step = { ...ids, step: RefundStep }
const exampleStep = { ...exampleIds, step: "CreditRefund" } as const

export const SagaRefundEvents = {
  SagaRefundStarted: entry(
    sagaEvent("a refund was asked for and its money is set aside"),
    { ...ids, wallet_id: Schema.String, user_id: Schema.String, ...money },
    { ...exampleIds, wallet_id: EXAMPLE.wallet, user_id: "ana", ...exampleMoney }
  ),
  SagaRefundStepCompleted: entry(
    sagaEvent("the step's answer arrived; the next step's command is sent in the same commit"),
    { ...step, provider_reference: Schema.optionalKey(Schema.String) },
    exampleStep
  ),
  SagaRefundStepFailed: entry(
    sagaEvent("the provider refused for good: what was set aside goes back to the merchant"),
    { ...step, failure: RefundFailure },
    { ...exampleStep, step: "RefundWithGateway", failure: exampleFailure }
  ),
  SagaRefundWaits: entry(
    sagaEvent("the provider cannot tell the end yet: the gateway goes on asking, nothing is credited meanwhile"),
    { ...ids, reason: Schema.String },
    { ...exampleIds, reason: "refund_pending" }
  ),
  SagaRefundRecoveryAttempted: entry(
    sagaEvent("a step's time is up or the process started anew: send again (continue), or ask the provider (verify)"),
    {
      ...step,
      action: Schema.Literals(["continue", "verify"]),
      reason: Schema.Literals(["step_timeout", "restart", "operator"]),
      /** How often continue was tried in a row; asking does not count. */
      recoveries: Schema.Int
    },
    { ...exampleStep, action: "continue", reason: "step_timeout", recoveries: 1 }
  ),
  SagaRefundCompleted: entry(sagaEvent("the refund is confirmed", ["metrics", "notification"]), { ...ids }, exampleIds),
  SagaRefundFailed: entry(
    sagaEvent("the refund was refused and its money is the merchant's again", ["metrics", "notification"]),
    { ...ids, failure: RefundFailure },
    { ...exampleIds, failure: exampleFailure }
  ),
  SagaRefundParked: entry(
    sagaEvent("at most 3 recoveries of a refund helped nothing: a person is paged", ["metrics", "notification"]),
    { ...step, reason: Schema.String },
    { ...exampleStep, reason: "no answer after 3 recoveries" }
  )
} as const
