/** What the API reads, and the port it reads through: the fake of unit tests stands behind the same one. */
import { Context, type Effect, Schema } from "effect"
import type { Table } from "../../shared/runtime/decider.ts"
import type { HoldFilter, HoldRecord } from "./holds/hold.ts"
import type { TransferRecord } from "./transfers/transfer.ts"
import type { WithdrawalFilter, WithdrawalRecord } from "./withdrawals/withdrawal.ts"

/** The store cannot answer now: try again. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  detail: Schema.String
}) {}

export interface WalletRecord {
  readonly id: string
  readonly user_id: string
  readonly currency: string
  readonly balance: bigint
  readonly available: bigint
  readonly held: bigint
  /** Of holds whose time is up, before their events say so; counted as available already, not as held. */
  readonly lapsed: bigint
  readonly status: "active" | "locked"
  /** JSON. */
  readonly metadata: string | null
  readonly version: number
  readonly created_at: number
  readonly updated_at: number
}

export interface PaymentRecord {
  readonly id: string
  readonly user_id: string
  readonly wallet_id: string
  readonly merchant_id: string
  readonly amount: bigint
  readonly currency: string
  /** The payment's own status; `shownStatus` is what a client sees. */
  readonly status: string
  readonly provider: string | null
  readonly provider_reference: string | null
  /** JSON of the contract's Failure. */
  readonly failure: string | null
  readonly description: string | null
  readonly metadata: string | null
  readonly version: number
  readonly created_at: number
  readonly completed_at: number | null
  readonly updated_at: number
  /** What of it went back to the wallet, by refunds that are done. */
  readonly refunded_amount: bigint
  /** How far an open payment has come; null where nothing is known yet. */
  readonly progress: string | null
  readonly reason: string | null
  readonly since: number | null
  /** ms; when the saga asks the providers to give the payment up. Only where one payment is read. */
  readonly deadline?: number | null
}

export interface RefundRecord {
  readonly id: string
  readonly payment_id: string
  readonly user_id: string
  readonly amount: bigint
  readonly currency: string
  readonly status: "pending" | "succeeded" | "failed"
  readonly reason: string | null
  readonly provider: string | null
  readonly provider_reference: string | null
  /** JSON of the contract's RefundFailure. */
  readonly failure: string | null
  readonly created_at: number
  readonly completed_at: number | null
  readonly updated_at: number
}

export interface RefundFilter {
  readonly tenant: string
  readonly payment_id: string
  readonly after?: string | undefined
  readonly limit: number
}

export interface EventRecord {
  readonly id: string
  readonly stream: string
  readonly version: number
  readonly type: string
  readonly cause: string
  /** The message without its columns (contract/codec.ts). */
  readonly body: string
}

/** A stream and the topic partition its events are in. */
export interface StreamAt {
  readonly tp: number
  readonly stream: string
}

/** What a reader has not seen: of some streams, and of what some commands have caused in one more. */
export interface Unread {
  readonly streams: ReadonlyArray<StreamAt & { readonly after: number }>
  readonly caused: { readonly tp: number; readonly causes: ReadonlyArray<string>; readonly after: number }
}

export interface KeyScope {
  readonly tenant: string
  readonly method: string
  readonly route: string
  readonly key: string
}

export interface KeyRecord {
  readonly fingerprint: string
  readonly resource_id: string
  readonly lease_until: number
  readonly created_at: number
}

export interface ApiKeyRecord {
  readonly id: string
  readonly tenant: string
  readonly scopes: string
}

export interface PaymentFilter {
  readonly tenant: string
  readonly user_id?: string | undefined
  /** As shown: an own status or a progress. */
  readonly status?: string | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Older than this payment. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface WalletFilter {
  readonly tenant: string
  readonly user_id?: string | undefined
  readonly after?: string | undefined
  readonly limit: number
}

type Read<A> = Effect.Effect<A, StoreUnavailable>

export class Store extends Context.Service<
  Store,
  {
    readonly wallet: (tenant: string, id: string) => Read<WalletRecord | undefined>
    readonly walletOf: (tenant: string, userId: string, currency: string) => Read<WalletRecord | undefined>
    readonly wallets: (filter: WalletFilter) => Read<ReadonlyArray<WalletRecord>>
    readonly payment: (tenant: string, id: string) => Read<PaymentRecord | undefined>
    readonly payments: (filter: PaymentFilter) => Read<ReadonlyArray<PaymentRecord>>
    /** Those of the payments that have ended. */
    readonly ended: (ids: ReadonlyArray<string>) => Read<ReadonlyArray<PaymentRecord>>
    /** Those of the payments that a provider was asked for, and that are not being undone. */
    readonly atProvider: (ids: ReadonlyArray<string>) => Read<ReadonlyArray<string>>
    readonly refund: (tenant: string, id: string) => Read<RefundRecord | undefined>
    /** Of one payment, oldest first. */
    readonly refunds: (filter: RefundFilter) => Read<ReadonlyArray<RefundRecord>>
    /** Those of the refunds that have ended. */
    readonly refundsEnded: (ids: ReadonlyArray<string>) => Read<ReadonlyArray<RefundRecord>>
    /** A stream's events after a version, in order. */
    readonly events: (at: StreamAt, after: number, limit: number) => Read<ReadonlyArray<EventRecord>>
    /** For each of them its events, at most `limit` a stream, as one moment shows them: effects with their causes. */
    readonly unread: (of: ReadonlyArray<Unread>, limit: number) => Read<ReadonlyArray<ReadonlyArray<EventRecord>>>
    /** The last of these types at or before the version. */
    readonly lastEvent: (at: StreamAt, version: number, types: ReadonlyArray<string>) => Read<EventRecord | undefined>
    /** The first event of the type that a message caused. */
    readonly eventOf: (tp: number, cause: string, type: string) => Read<EventRecord | undefined>
    readonly hold: (tenant: string, id: string) => Read<HoldRecord | undefined>
    readonly holds: (filter: HoldFilter) => Read<ReadonlyArray<HoldRecord>>
    /** What a wallet's holds had lost by then although no event up to then says so. */
    readonly lapsedAt: (walletId: string, at: number) => Read<bigint>
    readonly transfer: (tenant: string, id: string) => Read<TransferRecord | undefined>
    readonly withdrawal: (tenant: string, id: string) => Read<WithdrawalRecord | undefined>
    readonly withdrawals: (filter: WithdrawalFilter) => Read<ReadonlyArray<WithdrawalRecord>>
    readonly idempotencyKey: (scope: KeyScope) => Read<KeyRecord | undefined>
    readonly apiKey: (hash: string) => Read<ApiKeyRecord | undefined>
  }
>()("api/Store") {}

/** Committed with the event it stands for: the journal writes it, this service only reads it back (DECISIONS D4). */
export const idempotencyKeysTable: Table = {
  name: "api.idempotency_keys",
  columns: {
    tenant: "text",
    method: "text",
    route: "text",
    key: "text",
    fingerprint: "text",
    resource_id: "text",
    lease_until: "bigint",
    created_at: "bigint"
  },
  key: ["tenant", "method", "route", "key"],
  write: "insert"
}

/** Statuses a payment ends with. It may still be refunded, but nobody waits for more. */
export const ENDED = ["COMPLETED", "FAILED", "CANCELLED", "PARTIALLY_REFUNDED", "REFUNDED"] as const
const ended = new Set<string>(ENDED)
export const hasEnded = ({ status }: Pick<PaymentRecord, "status">): boolean => ended.has(status)

/**
 * Progress of a payment that a provider was asked for: the command to the gateway is in the commit that writes the
 * first of them. Unless the saga is undoing the payment, none of these can be cancelled any more.
 */
export const WITH_PROVIDER = ["WALLET_DEDUCTED", "GATEWAY_PROCESSING", "GATEWAY_RETRYING", "GATEWAY_FALLBACK"] as const

/** Statuses of a payment's own before that. */
export const OPEN = ["INITIATED", "VALIDATED"] as const

/** An ended payment shows its status, an open one how far it has come (DECISIONS D3). */
export const shownStatus = (payment: PaymentRecord): string =>
  hasEnded(payment) ? payment.status : (payment.progress ?? payment.status)
