/**
 * How services get each other's messages: per partition in order, at least once, in batches, with the position moved by
 * the journal in the commit of what was decided. One contract suite (bus.contract.ts) for every implementation.
 */
import { Context, type Effect, type Scope } from "effect"
import type { Service } from "../../contract/envelope.ts"
import type { Topic } from "../../contract/topics.ts"
import type { LogRecord, StoreFailure } from "../journal/store.ts"
import type { Signal } from "../signal.ts"

export interface Subscription {
  /**
   * Up to `max` records that are at hand, in order per partition; moves the reading position, not the committed
   * one.
   */
  readonly poll: (max: number) => ReadonlyArray<LogRecord>
  /** True where there is more than `poll` has at hand: `fetch` brings it. */
  readonly behind: () => boolean
  readonly fetch: Effect.Effect<void, StoreFailure>
  /** Back to the committed position: after a failed commit, or when another instance moved it. */
  readonly rewind: Effect.Effect<void, StoreFailure>
  /** Records between the reading position and the end of the log. */
  readonly lag: () => number
}

export class Bus extends Context.Service<
  Bus,
  {
    /** Raises `signal` whenever there may be something to poll. */
    readonly subscribe: (
      group: Service,
      topics: ReadonlyArray<Topic>,
      signal: Signal
    ) => Effect.Effect<Subscription, StoreFailure, Scope.Scope>
    /** Hands over what a commit has just written, so that nobody need read it back. */
    readonly publish: (records: ReadonlyArray<LogRecord>) => void
    /** The log may have grown without `publish`: look at its heads. */
    readonly refresh: Effect.Effect<void, StoreFailure>
  }
>()("shared/Bus") {}
