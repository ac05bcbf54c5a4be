/**
 * What a stateful service is: a pure decider and what follows from its events. The journal folds messages through it
 * and writes everything that follows in one statement; nothing here may look at a clock, draw a random number or
 * wait.
 */
import type { Schema } from "effect"
import type { Fact, Message, Recorded, Service } from "../contract/envelope.ts"
import type { Currency, Minor } from "../contract/money.ts"
import type { Topic } from "../contract/topics.ts"

/**
 * A refusal is an expected answer to whoever asked, a value: `details` are facts that belong into the problem's
 * body.
 */
export interface Refusal {
  readonly code: string
  readonly reason: string
  readonly details?: Readonly<Record<string, string | number | bigint | boolean>>
}

/** Events to append, in order (none: the message changes nothing), or why not. */
export type Decision<E extends Fact> =
  | { readonly events: ReadonlyArray<E>; readonly refusal?: undefined }
  | { readonly events?: undefined; readonly refusal: Refusal }

/** A command for another stream (or a later one for the own stream). */
export interface Outgoing<C extends Fact = Fact> {
  readonly topic: Topic
  readonly subject: string
  readonly command: C
  /**
   * The command's id is uuidv5(stream, name): the same name is the same command, applied once. Default: unique per
   * event.
   */
  readonly name?: string | undefined
}

/** One row: money moves from source to destination, so it is balanced by construction (DECISIONS D1). */
export interface Posting {
  readonly source: string
  readonly destination: string
  readonly amount: Minor
  readonly currency: Currency
  readonly kind: string
  /** (payment_id, kind, ref) is unique: the last guard against doing anything twice. */
  readonly payment_id: string
  readonly ref: string
}

/** Values of a projection row, by column. */
export type Cell = string | number | bigint | boolean | null
export type Row = Readonly<Record<string, Cell>>

/** A table the journal writes: whole final rows per key, folded in memory (one statement cannot touch a row twice). */
export interface Table {
  readonly name: string
  /** Column → Postgres type, in order. */
  readonly columns: Readonly<Record<string, string>>
  readonly key: ReadonlyArray<string>
  /**
   * `replace` upserts; `insert` fails on a second row; `rank` replaces only where `rank` grows; `guarded` replaces only
   * the row whose `version` is the new one's `was`, and `delete` only what is there: else the whole commit is refused.
   */
  readonly write: "replace" | "insert" | "rank" | "guarded" | "delete"
}

export interface Projected {
  readonly table: Table
  readonly row: Row
}

export interface Decider<State, E extends Fact, Effect = never> {
  readonly service: Service
  /** Where its events travel. */
  readonly topic: Topic
  readonly initial: State
  /** The stream a message addresses; undefined: none of ours. */
  readonly route: (message: Message) => string | undefined
  /**
   * True where the message begins its stream, so that nothing need be read first; (stream, version) guards the
   * guess.
   */
  readonly begins: (message: Message) => boolean
  /** `now`: ms, the batch's time, never before the stream's last event. */
  readonly decide: (state: State, message: Message, now: number) => Decision<E>
  readonly evolve: (state: State, event: Recorded<E>) => State
  /** What follows from an event: commands that are committed with it, and effects that run after the commit. */
  readonly react: (state: State, event: Recorded<E>) => Reaction<Effect>
  /** The next moment (ms) at which the stream wants a TimerFired, read from its state. */
  readonly wakeAt: (state: State) => number | undefined
  readonly postings: (event: Recorded<E>) => ReadonlyArray<Posting>
  /** Read-model rows after the event; `lineage` carries tenant, user and trace. */
  readonly project: (state: State, event: Recorded<E>, cause: Message) => ReadonlyArray<Projected>
  /** Snapshots: a state under another schema version is ignored and replayed (DECISIONS D8). */
  readonly snapshot: { readonly schema: number; readonly codec: Schema.Codec<State, unknown> }
  /**
   * What of an encoded state follows from the events alone, for comparisons: neither moments that settings have a say
   * in, nor what a bounded memory may have forgotten while `beside` remembers it. Default: all of it.
   */
  readonly facts?: (encoded: Encoded, beside: Encoded) => unknown
  /** Entries in the state, so that snapshots of a large state are rarer; default 0. */
  readonly size?: (state: State) => number
}

/** A state as its codec writes it: JSON. */
export type Encoded = Readonly<Record<string, unknown>>

export interface Reaction<Effect = never> {
  readonly commands?: ReadonlyArray<Outgoing>
  readonly effects?: ReadonlyArray<Effect>
}

export const NOTHING: Reaction<never> = {}
