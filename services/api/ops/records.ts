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

type Read<A> = Effect.Effect<A, StoreUnavailable>

export class OpsStore extends Context.Service<
  OpsStore,
  {
    /** Newest first. */
    readonly actions: (filter: ActionFilter) => Read<ReadonlyArray<ActionRecord>>
  }
>()("api/OpsStore") {}
