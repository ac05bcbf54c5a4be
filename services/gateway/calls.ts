/** What goes out to a provider after a commit, and what comes back as a local command: neither travels on the bus. */
import type { Fact } from "../../shared/contract/envelope.ts"
import type { DeclineClass, Operation, Outcome, Provider } from "../../shared/contract/gateway.ts"
import type { Currency, Minor } from "../../shared/contract/money.ts"

/** One wire operation of one attempt; its intent is committed as GatewayRequestSent before it is performed. */
export interface ProviderCall {
  readonly payment_id: string
  readonly provider: Provider
  readonly attempt: number
  readonly try: number
  readonly operation: Operation
  readonly amount: Minor
  readonly currency: Currency
  readonly idempotency_key: string
  /** When the attempt's first charge was sent (ms): how long the provider still knows its keys. */
  readonly started_at: number
  /** What the attempt is read, fenced or charged by, once an answer has told it. */
  readonly handle?: string
  /** Every charge sent so far has had its answer, and none took money: nothing is under way. */
  readonly untaken?: boolean
  /** The charge itself, once known: what a reversal gives back. */
  readonly provider_reference?: string
}

/** A refund of a kept charge; its intent is committed as GatewayRefundSent before it is performed. */
export interface RefundCall {
  readonly operation: "refund"
  readonly payment_id: string
  readonly refund_id: string
  readonly provider: Provider
  readonly try: number
  readonly amount: Minor
  readonly currency: Currency
  readonly idempotency_key: string
  /** When the refund was sent for the first time (ms): how long the provider still knows its key. */
  readonly started_at: number
  readonly charge_reference: string
  /** The refund itself, once known: it is looked at, not asked for again. */
  readonly reference?: string
}

/** What a provider's answer says about a refund. */
export interface RefundAnswer {
  /**
   * `refused`: the request, so no refund exists under its key · `failed`: the refund exists and gives nothing back, or,
   * if it had succeeded, not any more · `unknown`: anything that settles nothing.
   */
  readonly outcome: "succeeded" | "pending" | "failed" | "refused" | "unknown"
  readonly reference?: string
  /** The provider's own code, or why the outcome is unknown: `timeout`, `http_503`, `in_progress` … */
  readonly code?: string
  readonly message?: string
}

export interface RefundAnswered extends RefundAnswer {
  readonly payment_id: string
  readonly refund_id: string
  readonly provider: Provider
  readonly try: number
  /** Drawn in [0, 1) where the call was made, because a decider draws nothing. */
  readonly jitter: number
}
export type RecordRefundAnswer = Fact<"RecordRefundAnswer", RefundAnswered>

/** An operator opened or closed the breaker: the machine has to hear of it. */
export interface Forcing {
  readonly force: "open" | "closed"
  readonly provider: Provider
  /** ms. */
  readonly until: number
}
/** What is done outside after a commit. */
export type GatewayEffect = ProviderCall | RefundCall | Forcing

/** What a provider's answer says about the money, in the platform's words. */
export interface Answer {
  readonly outcome: Outcome
  /** Why the outcome is unknown: `timeout`, `reset`, `http_503`, `unreadable_answer`, `in_progress` … */
  readonly reason?: string
  readonly handle?: string
  readonly provider_reference?: string
  /** The provider's own code, raw. */
  readonly code?: string
  readonly decline_class?: DeclineClass
  readonly message?: string
  /** As the provider reported them; with a success they are compared with what was asked. */
  readonly amount?: Minor
  readonly currency?: Currency
  /** With code `breaker_open`: when to come back (ms). */
  readonly retry_at?: number
}

/** The code of a charge that is as good as made, though its provider has only promised to carry it out. */
export const RECEIVED = "capture_received"

export interface Answered extends Answer {
  readonly payment_id: string
  readonly provider: Provider
  readonly attempt: number
  readonly try: number
  readonly operation: Operation
  /** Failures in a row the provider's breaker counts. */
  readonly breaker_failures: number
  /** An operator's word instead of an answer: what it rests on. */
  readonly evidence?: string
  /** Drawn in [0, 1) where the call was made, because a decider draws nothing. */
  readonly jitter: number
}
export type RecordAnswer = Fact<"RecordAnswer", Answered>

/** A breaker changed its state; a repeated report changes nothing. */
export type Transition =
  | {
      readonly to: "open"
      readonly provider: Provider
      readonly failures: number
      readonly until: number
      readonly reason: string
    }
  | { readonly to: "half_open"; readonly provider: Provider }
  | { readonly to: "closed"; readonly provider: Provider }
export type RecordBreaker = Fact<"RecordBreaker", Transition>

/** A breaker has closed: a payment that waits for one need not wait for its time. */
export type ResumeQueued = Fact<"ResumeQueued", { readonly payment_id: string }>

export type Local = RecordAnswer | RecordBreaker | RecordRefundAnswer | ResumeQueued

export const paymentStream = (paymentId: string): string => `gateway-${paymentId}`
export const breakerStream = (provider: Provider): string => `breaker-${provider}`

/**
 * The provider's idempotency key. A charge keeps one key through all its tries, because the key is what makes a replay
 * harmless. A fence or a reversal is harmless by itself, so its later tries get keys of their own: Stripe replays a
 * stored 500 for 24 h, and under the first key it would never be heard of again.
 */
export const keyOf = (paymentId: string, provider: Provider, attempt: number, operation: Operation, n: number) =>
  `${paymentId}:${provider}:${attempt}:${operation}${operation === "charge" || n === 1 ? "" : `:${n}`}`

/** A refund keeps one key for ever, whatever is asked how often: the provider does it at most once. */
export const refundKeyOf = (paymentId: string, provider: Provider, refundId: string): string =>
  `${paymentId}:${provider}:refund:${refundId}`
