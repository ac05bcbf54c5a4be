/** What the gateway's streams remember. Schemas, because a snapshot of the state is stored and read back. */
import { Schema } from "effect"
import { DeclineClass, Operation, Provider } from "../../shared/contract/gateway.ts"
import { Currency, Minor } from "../../shared/contract/money.ts"

/**
 * An attempt is one provider asked once under one key.
 * STARTED, UNKNOWN, PENDING and REVIEW may still take money; SUCCEEDED has taken it and keeps it; REVERSING has taken
 * it and gives it back; the others cannot take money any more, as the provider's own durable answer established.
 */
export const Status = Schema.Literals([
  "STARTED",
  "UNKNOWN",
  "PENDING",
  "REVIEW",
  "SUCCEEDED",
  "DECLINED",
  "REJECTED",
  "NOT_SENT",
  "NOT_EXECUTED",
  "FENCED",
  "REVERSING",
  "REVERSED"
])
export type Status = typeof Status.Type

export const Asking = Schema.Struct({ operation: Operation, try: Schema.Int, at: Schema.Finite })

export const Attempt = Schema.Struct({
  provider: Provider,
  n: Schema.Int,
  status: Status,
  started_at: Schema.Finite,
  /** The wire request that has no answer yet and is being waited for. */
  asking: Schema.optionalKey(Asking),
  /** Tries of the charge without any answer, though something else may be asked by now. */
  unanswered: Schema.Array(Schema.Int),
  /** Tries of the charge whose answer told nothing. */
  doubtful: Schema.Int,
  /** Wire requests so far, by operation. */
  charges: Schema.Int,
  reads: Schema.Int,
  fences: Schema.Int,
  reverses: Schema.Int,
  /** Answers so far that left the question open: they space the next one. */
  doubts: Schema.Int,
  /** Reads in a row that told nothing. */
  blind: Schema.Int,
  /** What the last answer saw at the provider; it decides what is asked next. */
  seen: Schema.optionalKey(Schema.Literals(["not_charged", "pending"])),
  /** The provider answered the charge with a server error, which it would only repeat. */
  server_error: Schema.Boolean,
  /** The provider took another amount or currency than asked: only a person may decide. */
  mismatch: Schema.Boolean,
  /** A person was asked to look; the machine goes on asking daily. */
  reviewed: Schema.Boolean,
  /** FENCED by an operator's word: the provider is still asked to say the same, once the payment has ended. */
  vouched: Schema.optionalKey(Schema.Boolean),
  unknown_since: Schema.optionalKey(Schema.Finite),
  next_at: Schema.optionalKey(Schema.Finite),
  handle: Schema.optionalKey(Schema.String),
  provider_reference: Schema.optionalKey(Schema.String),
  code: Schema.optionalKey(Schema.String),
  decline_class: Schema.optionalKey(DeclineClass),
  /** The breaker was open: when it may let a probe pass. */
  retry_at: Schema.optionalKey(Schema.Finite)
})
export type Attempt = typeof Attempt.Type

/**
 * A refund at the provider that charged, under one key for its whole life.
 * ASKED, UNKNOWN and PENDING have no end yet; SUCCEEDED has given the money back; REFUSED never will; REVERSED had
 * given it back and then failed.
 */
export const RefundStatus = Schema.Literals(["ASKED", "UNKNOWN", "PENDING", "SUCCEEDED", "REFUSED", "REVERSED"])

export const Refund = Schema.Struct({
  refund_id: Schema.String,
  provider: Provider,
  amount: Minor,
  currency: Currency,
  /** The charge that is given back, by the provider's own name for it. */
  charge_reference: Schema.String,
  status: RefundStatus,
  /** The wire request that has no answer yet: its number, and when it was sent (ms). */
  asking: Schema.optionalKey(Schema.Struct({ try: Schema.Int, at: Schema.Finite })),
  tries: Schema.Int,
  /** Answers so far that left the end open: they space the next one. */
  doubts: Schema.Int,
  started_at: Schema.Finite,
  next_at: Schema.optionalKey(Schema.Finite),
  /** Since when nobody knows what became of it; a refund that the provider has taken on is known. */
  unknown_since: Schema.optionalKey(Schema.Finite),
  /** A person was asked to look; the machine goes on asking. */
  reviewed: Schema.Boolean,
  /** The provider's id of the refund, once known. */
  reference: Schema.optionalKey(Schema.String),
  /** The last word of the provider, or why there was none. */
  code: Schema.optionalKey(Schema.String)
})
export type Refund = typeof Refund.Type

/** `open`: an attempt runs · `queued`: every breaker is open · `settled`: paid · `failed` and `closed`: never again. */
export const Phase = Schema.Literals(["idle", "open", "queued", "settled", "failed", "closed"])
export type Phase = typeof Phase.Type

export const Payment = Schema.Struct({
  payment_id: Schema.String,
  amount: Minor,
  currency: Currency,
  deadline: Schema.Finite
})
export type Payment = typeof Payment.Type

export const BreakerView = Schema.Struct({
  state: Schema.Literals(["closed", "open", "half_open"]),
  failures: Schema.Int,
  until: Schema.optionalKey(Schema.Finite),
  /** An operator opened it: only an operator closes it. */
  forced: Schema.optionalKey(Schema.Boolean)
})

export const State = Schema.Struct({
  phase: Phase,
  payment: Schema.optionalKey(Payment),
  /** The saga asked to close: the money is no longer wanted. */
  closing: Schema.Boolean,
  attempts: Schema.Array(Attempt),
  /** Attempts before this one belong to earlier rounds through the providers, all of which met open breakers. */
  round: Schema.Int,
  queues: Schema.Int,
  queued_until: Schema.optionalKey(Schema.Finite),
  /** Of the charge that was kept; absent: none was asked for. */
  refunds: Schema.optionalKey(Schema.Array(Refund)),
  /** Only in a stream `breaker-{provider}`. */
  breaker: Schema.optionalKey(BreakerView)
})
export type State = typeof State.Type
