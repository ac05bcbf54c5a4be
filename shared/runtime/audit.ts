/**
 * How the edge asks whether the audit trail is whole: a port that composition fills. What is recorded, and how it is
 * chained, stands in services/audit.
 */
import { Context, type Effect, Schema } from "effect"

/** What is wrong with the first entry that is. */
export const FLAWS = [
  "row_changed",
  "row_missing",
  "row_extra",
  "order",
  "event_changed",
  "event_missing",
  "event_unrecorded",
  "head_differs",
  "anchor_differs"
] as const
export type Flaw = (typeof FLAWS)[number]

export interface Invalid {
  readonly tenant: string
  /** Of the entry in its chain; null where an event has none. */
  readonly seq: number | null
  readonly flaw: Flaw
  /** The event it is about, where that is known. */
  readonly stream: string | null
  readonly version: number | null
  readonly type: string | null
  /** In words. */
  readonly detail: string
}

export interface Chain {
  readonly tenant: string
  /** The first entry that is still kept; 0: there is none. */
  readonly first: number
  /** The last one, and its hash (hex). */
  readonly last: number
  readonly hash: string
}

export interface AuditReport {
  readonly valid: boolean
  /** Entries that were looked at. */
  readonly entries: number
  readonly chains: ReadonlyArray<Chain>
  /** Events that are committed and not recorded yet, of all tenants. */
  readonly waiting: number
  readonly first_invalid?: Invalid
  /** ms since the epoch. */
  readonly started_at: number
  readonly duration_ms: number
}

/** As many walks run as may, or the store cannot answer now. */
export class NotWalked extends Schema.TaggedError<NotWalked>()("NotWalked", { detail: Schema.String }) {}

export class AuditTrail extends Context.Service<
  AuditTrail,
  {
    /** Walks a tenant's chain and the platform's own. Whoever asks while that walk is under way joins it. */
    readonly verify: (tenant: string) => Effect.Effect<AuditReport, NotWalked>
    /** The tenant's last report there is; undefined before the first. */
    readonly last: (tenant: string) => AuditReport | undefined
  }
>()("shared/AuditTrail") {}
