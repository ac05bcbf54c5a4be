/** What the operators' routes read, and the port they read through. */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../records.ts"

export interface ActionRecord {
  readonly id: string
  readonly action: string
  readonly target: string
  readonly reason: string
  readonly actor: string
  /** JSON. */
  readonly parameters: string
  readonly before: string
  readonly outcome: string | null
  readonly code: string | null
  readonly detail: string | null
  readonly after: string | null
  /** ms. */
  readonly requested_at: number
  readonly completed_at: number | null
}

export interface ActionFilter {
  readonly tenant: string
  readonly target?: string | undefined
  readonly actor?: string | undefined
  readonly action?: string | undefined
  /** Older than this action. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface SagaRecord {
  /** The payment's. */
  readonly id: string
  readonly user_id: string
  readonly status: string
  /** As of the last turn; a step that goes well moves only the payment's progress. */
  readonly step: string
  /** JSON of the contract's Failure. */
  readonly failure: string | null
  readonly parked: boolean
  /** JSON `{recoveries, reason?, since?, closing}`; null where nothing keeps it. */
  readonly waits: string | null
  readonly version: number
  /** ms. */
  readonly deadline: number
  readonly stuck_since: number | null
  readonly started_at: number
  readonly updated_at: number
  /** How far the payment shows to have come, and why it takes long there. */
  readonly progress: string | null
  readonly reason: string | null
  readonly since: number | null
}

export interface SagaFilter {
  readonly tenant: string
  readonly status?: string | undefined
  readonly stuck?: boolean | undefined
  readonly parked?: boolean | undefined
  /** Older than this saga. */
  readonly after?: string | undefined
  readonly limit: number
}

/** An attempt has a row from its first answer on, or from the moment at which its answer is missed. */
export interface AttemptRecord {
  readonly provider: string
  readonly attempt: number
  readonly status: string
  readonly provider_reference: string | null
  readonly code: string | null
  /** ms. */
  readonly started_at: number
  readonly updated_at: number
}

export interface BreakerRecord {
  readonly provider: string
  readonly state: string
  readonly forced: boolean
  readonly failures: number
  readonly reason: string | null
  /** ms. */
  readonly until: number | null
  readonly updated_at: number
}

export interface LagRecord {
  /** The service's number (shared/contract/envelope.ts). */
  readonly grp: number
  readonly lag: number
  /** RFC 3339; null where nothing waits. */
  readonly oldest: string | null
}

/** Things of one kind that an operator has to look at: how many, since when (ms), and some of their ids. */
export interface Concern {
  readonly name:
    | "compensation_failed"
    | "saga_parked"
    | "saga_stuck"
    | "refund_parked"
    | "attempt_review"
    | "dead_letters"
  readonly count: number
  readonly since: number
  readonly subjects: ReadonlyArray<string>
}

type Read<A> = Effect.Effect<A, StoreUnavailable>

export class OpsStore extends Context.Service<
  OpsStore,
  {
    /** Newest first. */
    readonly actions: (filter: ActionFilter) => Read<ReadonlyArray<ActionRecord>>
    /** Newest first. */
    readonly sagas: (filter: SagaFilter) => Read<ReadonlyArray<SagaRecord>>
    readonly saga: (tenant: string, id: string) => Read<SagaRecord | undefined>
    readonly attempts: (paymentId: string) => Read<ReadonlyArray<AttemptRecord>>
    /** Those that ever changed their state. */
    readonly breakers: Read<ReadonlyArray<BreakerRecord>>
    readonly lag: Read<ReadonlyArray<LagRecord>>
    /** Kinds of which there is none are left out. */
    readonly concerns: (tenant: string) => Read<ReadonlyArray<Concern>>
  }
>()("api/OpsStore") {}
