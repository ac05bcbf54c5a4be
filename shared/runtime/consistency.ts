/**
 * How the edge asks whether what is stored agrees with itself, and has what is derived made anew: a port that
 * composition fills, because only it knows all deciders. What is checked stands in infra/consistency.
 */
import { Context, type Effect, Schema } from "effect"

/** What is wrong. Only the first group follows from the events, and can be made anew from them. */
export const KINDS = [
  "row_missing",
  "row_differs",
  "row_extra",
  "snapshot_differs",
  "memory_differs",
  "version_hole",
  "event_unreadable",
  "balance_breaks",
  "posting_missing",
  "posting_differs",
  "posting_extra",
  "account_differs",
  "clearing_differs",
  "trial_balance",
  "money_incomplete",
  "provider_differs"
] as const
export type Kind = (typeof KINDS)[number]

export interface Inconsistency {
  readonly kind: Kind
  /** The stream it is about; an account or a payment where there is none. */
  readonly stream: string
  /** The first wrong version of the stream, where there is one. */
  readonly version: number | null
  readonly table: string | null
  /** Of the row, by its key's columns. */
  readonly key: string | null
  readonly expected: string | null
  readonly found: string | null
  /** True: a repair makes it anew from the events. False: a person has to look. */
  readonly repairable: boolean
  /** In words; for a person also where to look. */
  readonly detail: string
}

export interface Checked {
  readonly wallets: number
  readonly payments: number
  readonly sagas: number
  readonly postings: number
  readonly streams: number
  readonly events: number
  readonly rows: number
}

/** `full`: everything · `recent`: what was touched lately and a slice of the rest · `streams`: those named. */
export type Scope = "full" | "recent" | "streams"

export interface Report {
  readonly scope: Scope
  /** ms since the epoch. */
  readonly started_at: number
  readonly duration_ms: number
  readonly checked: Checked
  /** All there are; at most LISTED_MAX of them are listed. */
  readonly total: number
  readonly inconsistencies: ReadonlyArray<Inconsistency>
}

export const LISTED_MAX = 100
/** Streams one request may name. */
export const STREAMS_MAX = 100

export interface Correction {
  readonly stream: string
  readonly table: string
  readonly key: string
  readonly before: string | null
  readonly after: string | null
}

export interface Repaired {
  readonly corrected: ReadonlyArray<Correction>
  /** What no replay can mend. */
  readonly refused: ReadonlyArray<Inconsistency>
  /** The same streams, looked at again. */
  readonly report: Report
}

export interface RepairRequest {
  /** Absent: every stream of which something is known to be wrong. */
  readonly streams?: ReadonlyArray<string> | undefined
  readonly reason: string
  readonly actor: string
  readonly traceparent?: string | undefined
}

/** As many verifications wait as may; or the store cannot answer now. */
export class NotVerified extends Schema.TaggedError<NotVerified>()("NotVerified", { detail: Schema.String }) {}

export class Consistency extends Context.Service<
  Consistency,
  {
    /** The last report there is; undefined before the first. */
    readonly last: () => Report | undefined
    readonly verify: (scope: Scope, streams?: ReadonlyArray<string>) => Effect.Effect<Report, NotVerified>
    readonly repair: (request: RepairRequest) => Effect.Effect<Repaired, NotVerified>
  }
>()("shared/Consistency") {}
