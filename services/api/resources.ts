/** What clients see. Built by hand from records; the schemas document it, and tests hold the answers against them. */
import { Result, Schema } from "effect"
import { decode } from "../../shared/contract/codec.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import { failureView } from "./failure.ts"
import {
  type EventRecord,
  hasEnded,
  type PaymentRecord,
  type RefundRecord,
  shownStatus,
  type WalletRecord
} from "./records.ts"
import { Amount, Balance } from "./requests.ts"

export const Time = Schema.String.annotate({ format: "date-time", description: "RFC 3339, UTC, milliseconds" })
const Id = Schema.String.annotate({ format: "uuid" })
const Metadata = Schema.Record(Schema.String, Schema.String)
const Facts = Schema.Record(Schema.String, Schema.Unknown)

export const Wallet = Schema.Struct({
  id: Id,
  user_id: Schema.String,
  currency: Schema.String,
  balance: Balance,
  available: Balance,
  held: Balance,
  status: Schema.Literals(["active", "locked"]),
  metadata: Schema.optionalKey(Metadata),
  version: Schema.Int,
  created_at: Time,
  updated_at: Time
}).annotate({ identifier: "Wallet" })

export const WalletBalance = Schema.Struct({
  wallet_id: Id,
  currency: Schema.String,
  balance: Balance,
  available: Balance,
  held: Balance,
  version: Schema.Int,
  as_of: Time
}).annotate({ identifier: "WalletBalance" })

export const Credit = Schema.Struct({
  id: Id,
  wallet_id: Id,
  amount: Amount,
  currency: Schema.String,
  reference: Schema.String,
  balance: Balance,
  available: Balance,
  held: Balance,
  created_at: Time
}).annotate({ identifier: "Credit" })

export const Failure = Schema.Struct({
  stage: Schema.String,
  code: Schema.String,
  message: Schema.String,
  details: Facts
}).annotate({ identifier: "Failure" })

export const Payment = Schema.Struct({
  id: Id,
  status: Schema.String.annotate({
    description:
      "INITIATED, VALIDATED, WALLET_CHECKED, WALLET_DEDUCTED, GATEWAY_PROCESSING, GATEWAY_RETRYING, " +
      "GATEWAY_FALLBACK; ends as COMPLETED, FAILED or CANCELLED; later PARTIALLY_REFUNDED or REFUNDED"
  }),
  wallet_id: Id,
  user_id: Schema.String,
  amount: Amount,
  currency: Schema.String,
  merchant_id: Schema.String,
  description: Schema.optionalKey(Schema.String),
  metadata: Schema.optionalKey(Metadata),
  provider: Schema.NullOr(Schema.String),
  provider_reference: Schema.NullOr(Schema.String),
  failure: Schema.NullOr(Failure),
  refunded_amount: Balance.annotate({ description: "what of it went back to the wallet" }),
  /** Only while the payment is open and there is something to say about the wait. */
  processing: Schema.optionalKey(
    Schema.Struct({
      reason: Schema.String.annotate({
        description:
          "provider_unavailable, provider_declined, provider_outcome_unknown: ask again after Retry-After seconds"
      }),
      since: Time,
      deadline: Schema.optionalKey(Time).annotate({
        description: "then it is given up at the provider: it ends as soon as the provider says what became of it"
      })
    })
  ),
  version: Schema.Int,
  created_at: Time,
  updated_at: Time,
  completed_at: Schema.NullOr(Time)
}).annotate({ identifier: "Payment" })

export const Refund = Schema.Struct({
  id: Id,
  payment_id: Id,
  amount: Amount,
  currency: Schema.String,
  status: Schema.Literals(["pending", "succeeded", "failed"]),
  reason: Schema.optionalKey(Schema.String),
  provider: Schema.NullOr(Schema.String),
  provider_reference: Schema.NullOr(Schema.String),
  failure: Schema.NullOr(Schema.Struct({ code: Schema.String, message: Schema.String })),
  created_at: Time,
  updated_at: Time,
  completed_at: Schema.NullOr(Time)
}).annotate({ identifier: "Refund" })

export const StoredEvent = Schema.Struct({
  id: Id,
  type: Schema.String,
  stream: Schema.String,
  version: Schema.Int,
  time: Schema.NullOr(Time),
  caused_by: Schema.String.annotate({ description: "id of the command or event that led to it" }),
  correlation_id: Schema.NullOr(Schema.String),
  actor: Schema.NullOr(Schema.String),
  data: Facts
}).annotate({ identifier: "Event" })

export const TimelineEvent = Schema.Struct({
  ...StoredEvent.fields,
  why: Schema.optionalKey(Schema.String.annotate({ description: "what led to it or what it means, in plain words" }))
}).annotate({ identifier: "TimelineEvent" })

export const page = <S extends Schema.Top>(item: S, identifier: string) =>
  Schema.Struct({ data: Schema.Array(item), next_cursor: Schema.NullOr(Schema.String) }).annotate({ identifier })

export const Timeline = Schema.Struct({ data: Schema.Array(TimelineEvent) }).annotate({ identifier: "Timeline" })

export const ProblemBody = Schema.Struct({
  type: Schema.String.annotate({ description: "constant per code" }),
  title: Schema.String,
  status: Schema.Int,
  detail: Schema.String,
  instance: Schema.String,
  trace_id: Schema.String,
  retryable: Schema.Boolean.annotate({ description: "the same request may be sent again" }),
  error: Schema.Struct({ code: Schema.String, message: Schema.String, details: Facts }),
  errors: Schema.optionalKey(Schema.Array(Schema.Struct({ detail: Schema.String, pointer: Schema.String })))
}).annotate({ identifier: "Problem" })

export const Health = Schema.Struct({
  status: Schema.Literals(["ok", "starting", "draining", "unavailable"]),
  dependencies: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.Struct({ status: Schema.Literals(["up", "down"]), detail: Schema.optionalKey(Schema.String) })
    )
  )
}).annotate({ identifier: "Health" })

export const iso = (ms: number): string => new Date(ms).toISOString()
const parsed = (json: string | null): { readonly metadata?: Record<string, string> } =>
  json === null ? {} : { metadata: JSON.parse(json) }

export const walletView = (record: WalletRecord): typeof Wallet.Type => {
  const { id, user_id, currency, balance, available, held, status, metadata, version, created_at, updated_at } = record
  const times = { created_at: iso(created_at), updated_at: iso(updated_at) }
  return { id, user_id, currency, balance, available, held, status, ...parsed(metadata), version, ...times }
}

const deadlineOf = ({ deadline }: PaymentRecord) => (deadline == null ? {} : { deadline: iso(deadline) })

export const paymentView = (record: PaymentRecord): typeof Payment.Type => ({
  id: record.id,
  status: shownStatus(record),
  wallet_id: record.wallet_id,
  user_id: record.user_id,
  amount: record.amount,
  currency: record.currency,
  merchant_id: record.merchant_id,
  ...(record.description === null ? {} : { description: record.description }),
  ...parsed(record.metadata),
  provider: record.provider,
  provider_reference: record.provider_reference,
  failure: record.failure === null ? null : failureView(record),
  refunded_amount: record.refunded_amount,
  ...(hasEnded(record) || record.reason === null
    ? {}
    : { processing: { reason: record.reason, since: iso(record.since ?? record.updated_at), ...deadlineOf(record) } }),
  version: record.version,
  created_at: iso(record.created_at),
  updated_at: iso(record.updated_at),
  completed_at: record.completed_at === null ? null : iso(record.completed_at)
})

export const refundView = (record: RefundRecord): typeof Refund.Type => {
  const { id, payment_id, amount, currency, status, reason, provider, provider_reference, failure } = record
  const { code, reason: message } = JSON.parse(failure ?? "{}") as { readonly code: string; readonly reason: string }
  return {
    id,
    payment_id,
    amount,
    currency,
    status,
    ...(reason === null ? {} : { reason }),
    provider,
    provider_reference,
    failure: failure === null ? null : { code, message },
    created_at: iso(record.created_at),
    updated_at: iso(record.updated_at),
    completed_at: record.completed_at === null ? null : iso(record.completed_at)
  }
}

/** An event whose type or fields this version does not know is shown as it is stored. */
export const eventView = ({ id, stream, version, type, cause, body }: EventRecord): typeof StoredEvent.Type => {
  const raw = JSON.parse(body) as Readonly<Record<string, unknown>>
  const message = decode(body, { id, type, subject: stream, causationid: cause })
  const text = (name: string): string | null => (typeof raw[name] === "string" ? (raw[name] as string) : null)
  return {
    id,
    type,
    stream,
    version,
    time: text("time"),
    caused_by: cause,
    correlation_id: Result.isSuccess(message) ? message.success.correlationid : text("correlationid"),
    actor: text("actor"),
    data: (Result.isSuccess(message)
      ? withIntegers(raw["data"], message.success.data)
      : raw["data"]) as typeof Facts.Type
  }
}

/** A message's data from its stored text, with money as JSON integers. */
export const messageData = (body: string, message: Message): typeof Facts.Type =>
  withIntegers((JSON.parse(body) as { readonly data: unknown }).data, message.data) as typeof Facts.Type

/** Stored amounts are decimal strings; here money is a JSON integer. Which members are money, the schema knows. */
const withIntegers = (encoded: unknown, decoded: unknown): unknown => {
  if (typeof decoded === "bigint") return decoded
  if (typeof encoded !== "object" || encoded === null || typeof decoded !== "object" || decoded === null) return encoded
  if (Array.isArray(encoded))
    return encoded.map((item, i) => withIntegers(item, (decoded as ReadonlyArray<unknown>)[i]))
  const members = decoded as Readonly<Record<string, unknown>>
  return Object.fromEntries(Object.entries(encoded).map(([key, value]) => [key, withIntegers(value, members[key])]))
}

/** A credit, from the event that recorded it. */
export const creditView = ({ data, time }: Pick<Message, "data" | "time">): typeof Credit.Type => {
  const event = data as {
    readonly credit_id: string
    readonly wallet_id: string
    readonly amount: bigint
    readonly currency: string
    readonly reference: string
    readonly balance: bigint
    readonly available: bigint
  }
  const { credit_id, wallet_id, amount, currency, reference, balance, available } = event
  const after = { balance, available, held: balance - available, created_at: iso(time) }
  return { id: credit_id, wallet_id, amount, currency, reference, ...after }
}
