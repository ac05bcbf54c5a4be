/**
 * Gateway facts and commands. One stream `gateway-{payment_id}` for all attempts of a payment; `breaker-{provider}`
 * beside it.
 */
import { Schema } from "effect"
import { about, EXAMPLE, entry, type FactOf, Time } from "./catalogue.ts"
import { Currency, Minor } from "./money.ts"
import { DeclineClass, Operation, Outcome, Provider } from "./provider.ts"
import { GatewayRefundCommands, GatewayRefundEvents } from "./refund.ts"
import { WebhookEvents } from "./webhook.ts"

export { DeclineClass, Operation, Outcome, Provider }

const event = about("gateway-events", "gateway", ["saga", "metrics"])
const command = about("gateway-commands", "saga", ["gateway"])

const call = {
  payment_id: Schema.String,
  provider: Provider,
  /** Attempt number of this payment at this provider, from 1. */
  attempt: Schema.Int,
  /** Wire request of this operation within the attempt, from 1. */
  try: Schema.Int,
  operation: Operation
}
const exampleCall = {
  payment_id: EXAMPLE.payment,
  provider: "stripe",
  attempt: 1,
  try: 1,
  operation: "charge"
} as const

export const GatewayEvents = {
  GatewayRequestSent: entry(
    event("the intent to call a provider, recorded before any byte leaves"),
    {
      ...call,
      amount: Minor,
      currency: Currency,
      idempotency_key: Schema.String,
      reason: Schema.String,
      /** On a charge: until when the payment may wait for a provider whose breaker is open. */
      deadline: Schema.optionalKey(Time)
    },
    {
      ...exampleCall,
      amount: "100000",
      currency: "USD",
      idempotency_key: `${EXAMPLE.payment}:stripe:1:charge`,
      reason: "first provider of the order that supports USD"
    }
  ),
  GatewayResponseReceived: entry(
    event("a provider answered and the answer says something about the money"),
    {
      ...call,
      outcome: Outcome,
      /** The provider's id of the charge (Stripe `pi_…`, PayPal capture id, Adyen pspReference of the payment). */
      provider_reference: Schema.optionalKey(Schema.String),
      /** What the attempt can be read or fenced by, once known (Stripe `pi_…`, PayPal order id, Adyen pspReference). */
      handle: Schema.optionalKey(Schema.String),
      code: Schema.optionalKey(Schema.String),
      decline_class: Schema.optionalKey(DeclineClass),
      message: Schema.optionalKey(Schema.String),
      /** What the provider says it charged: on every outcome that says money moved. */
      amount: Schema.optionalKey(Minor),
      currency: Schema.optionalKey(Currency),
      /** An operator's word instead of a provider's answer: what it rests on. */
      evidence: Schema.optionalKey(Schema.String),
      /** With code `breaker_open`: when the breaker may let a probe pass. */
      retry_at: Schema.optionalKey(Time)
    },
    {
      ...exampleCall,
      outcome: "succeeded",
      provider_reference: "pi_3QK",
      handle: "pi_3QK",
      amount: "100000",
      currency: "USD"
    }
  ),
  GatewayTimeoutOccurred: entry(
    event("a call ended without a usable answer: the outcome is unknown"),
    {
      payment_id: Schema.String,
      provider: Provider,
      attempt: Schema.Int,
      attempt_number: Schema.Int,
      operation: Operation,
      /** `timeout`, `reset`, `http_503`, `unreadable_answer` … */
      reason: Schema.String,
      handle: Schema.optionalKey(Schema.String),
      next_retry_in_seconds: Schema.Finite,
      circuit_breaker_failures: Schema.Int
    },
    {
      payment_id: EXAMPLE.payment,
      provider: "stripe",
      attempt: 1,
      attempt_number: 1,
      operation: "charge",
      reason: "timeout",
      next_retry_in_seconds: 1,
      circuit_breaker_failures: 1
    }
  ),
  GatewayFallbackTriggered: entry(
    event("no earlier attempt can take money any more, so the next provider may be asked"),
    {
      payment_id: Schema.String,
      primary_provider: Provider,
      fallback_provider: Provider,
      primary_failure_reason: Schema.String
    },
    {
      payment_id: EXAMPLE.payment,
      primary_provider: "stripe",
      fallback_provider: "paypal",
      primary_failure_reason: "fenced: the unknown attempt was cancelled at stripe"
    }
  ),
  GatewayQueued: entry(
    event("every eligible breaker is open before any attempt: the payment waits"),
    { payment_id: Schema.String, until: Time, reason: Schema.String },
    { payment_id: EXAMPLE.payment, until: EXAMPLE.time, reason: "breakers of stripe and paypal are open" }
  ),
  GatewayPaymentFailed: entry(
    event("no provider took the money and none can any more"),
    {
      payment_id: Schema.String,
      code: Schema.Literals(["PAYMENT_DECLINED", "GATEWAY_UNAVAILABLE"]),
      reason: Schema.String,
      provider: Schema.optionalKey(Provider),
      provider_code: Schema.optionalKey(Schema.String)
    },
    {
      payment_id: EXAMPLE.payment,
      code: "PAYMENT_DECLINED",
      reason: "the issuer declined",
      provider: "stripe",
      provider_code: "generic_decline"
    }
  ),
  GatewayClosed: entry(
    event("the saga asked to close the payment and no attempt can take money; any later start is refused"),
    { payment_id: Schema.String },
    { payment_id: EXAMPLE.payment }
  ),
  GatewayCloseRefused: entry(
    event("an attempt could still take money, so the saga must wait"),
    { payment_id: Schema.String, reason: Schema.String },
    { payment_id: EXAMPLE.payment, reason: "attempt 1 at stripe is unknown" }
  ),
  GatewayReviewRequired: entry(
    event("an outcome stayed unknown for UNKNOWN_REVIEW_MS: a person looks, the machine keeps asking daily", [
      "metrics"
    ]),
    { payment_id: Schema.String, provider: Provider, attempt: Schema.Int, since: Time },
    { payment_id: EXAMPLE.payment, provider: "stripe", attempt: 1, since: EXAMPLE.time }
  ),
  LateSuccessReversed: entry(
    event("a charge that came to light after the payment went elsewhere was given back at its provider", [
      "metrics",
      "notification"
    ]),
    {
      payment_id: Schema.String,
      provider: Provider,
      attempt: Schema.Int,
      amount: Minor,
      currency: Currency,
      provider_reference: Schema.String
    },
    {
      payment_id: EXAMPLE.payment,
      provider: "stripe",
      attempt: 1,
      amount: "100000",
      currency: "USD",
      provider_reference: "re_1QK"
    }
  ),
  CircuitBreakerOpened: entry(
    event("too many calls of a provider failed, or an operator opened it", ["metrics"]),
    {
      gateway_provider: Provider,
      failure_count: Schema.Int,
      estimated_recovery_time: Time,
      reason: Schema.String,
      /** By an operator: it stays open until one closes it. */
      forced: Schema.optionalKey(Schema.Boolean)
    },
    {
      gateway_provider: "stripe",
      failure_count: 5,
      estimated_recovery_time: EXAMPLE.time,
      reason: "5 failures in a row"
    }
  ),
  CircuitBreakerHalfOpened: entry(
    event("the reset time is over: one probe may pass", ["metrics"]),
    { gateway_provider: Provider },
    { gateway_provider: "stripe" }
  ),
  CircuitBreakerClosed: entry(
    event("the probe succeeded, or an operator closed it", ["metrics"]),
    {
      gateway_provider: Provider,
      reason: Schema.optionalKey(Schema.String),
      forced: Schema.optionalKey(Schema.Boolean)
    },
    { gateway_provider: "stripe" }
  ),
  ...GatewayRefundEvents,
  ...WebhookEvents
} as const
export type GatewayEvent = FactOf<typeof GatewayEvents>

export const GatewayCommands = {
  ProcessWithGateway: entry(
    command("the wallet has paid into clearing"),
    {
      payment_id: Schema.String,
      amount: Minor,
      currency: Currency,
      merchant_id: Schema.String,
      /** When the saga gives up waiting for a provider whose breaker is open. */
      deadline: Time
    },
    { payment_id: EXAMPLE.payment, amount: "100000", currency: "USD", merchant_id: "book-shop", deadline: EXAMPLE.time }
  ),
  VerifyWithGateway: entry(
    command("a timeout or a restart: ask the provider, decide nothing"),
    { payment_id: Schema.String, reason: Schema.String },
    { payment_id: EXAMPLE.payment, reason: "step timeout" }
  ),
  CloseGateway: entry(
    command("the saga wants to compensate and asks first"),
    { payment_id: Schema.String, reason: Schema.String },
    { payment_id: EXAMPLE.payment, reason: "saga timeout" }
  ),
  ResolveAttempt: entry(
    { ...command("an operator knows what became of an unknown attempt"), producer: "api" },
    {
      payment_id: Schema.String,
      outcome: Schema.Literals(["charged", "not_charged"]),
      /** Charged: the provider's reference of the charge. Not charged: what the operator's word rests on. */
      evidence: Schema.String,
      reason: Schema.String
    },
    { payment_id: EXAMPLE.payment, outcome: "charged", evidence: "pi_3QK", reason: "seen in the dashboard" }
  ),
  ForceBreaker: entry(
    { ...command("an operator opens or closes a provider's breaker by hand"), producer: "api" },
    { provider: Provider, to: Schema.Literals(["open", "closed"]), reason: Schema.String },
    { provider: "stripe", to: "open", reason: "maintenance announced for tonight" }
  ),
  ...GatewayRefundCommands
} as const
export type GatewayCommand = FactOf<typeof GatewayCommands>
