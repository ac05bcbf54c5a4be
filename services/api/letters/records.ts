/** What the dead letters' routes read, and the port they read and ask through. */
import { Context, type Effect } from "effect"
import type { NotAccepted } from "../../../shared/runtime/commands.ts"
import type { LetterRow, UnitStatus } from "../../../shared/runtime/deadletter.ts"
import type { Addressed } from "../../../shared/runtime/sending.ts"
import type { EventRecord, StoreUnavailable, StreamAt } from "../records.ts"

export interface LetterRecord extends LetterRow {
  /** How its unit stands, while it is the letter that unit waits behind; null: it is dealt with. */
  readonly unit_status: UnitStatus | null
  /** Messages that wait behind it. */
  readonly waiting: number
}

export interface LetterFilter {
  readonly tenant: string
  readonly service?: string | undefined
  readonly status?: string | undefined
  readonly unit?: string | undefined
  readonly error_class?: string | undefined
  readonly ids?: ReadonlyArray<string> | undefined
  readonly order: "newest" | "oldest"
  /** Behind this letter, in that order. */
  readonly after?: string | undefined
  readonly limit: number
}

type Read<A> = Effect.Effect<A, StoreUnavailable>

export class Letters extends Context.Service<
  Letters,
  {
    readonly find: (filter: LetterFilter) => Read<ReadonlyArray<LetterRecord>>
    readonly one: (tenant: string, id: string) => Read<LetterRecord | undefined>
    /** A stream's last events, newest first. */
    readonly tail: (at: StreamAt, limit: number) => Read<ReadonlyArray<EventRecord>>
    /** Committed when it answers; done when the owner of the letters comes to it. */
    readonly ask: (asks: ReadonlyArray<Addressed>) => Effect.Effect<void, NotAccepted>
  }
>()("api/Letters") {}
