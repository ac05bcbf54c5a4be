/**
 * What the journal asks of a store. Two implementations, one contract suite: `postgres.ts`, and `memory.ts` for the
 * simulation. The event row is store, dedupe record and log record at once.
 */
import { Context, type Effect, Schema, type Scope } from "effect"
import type { Undecodable } from "../../contract/codec.ts"
import type { Message, Service } from "../../contract/envelope.ts"
import type { Unit } from "../deadletter.ts"
import type { Posting, Row, Table } from "../decider.ts"
import type { Queue } from "../redrive.ts"

export interface EventRow {
  readonly message: Message
  readonly version: number
  /** The message that caused it and its index among that message's events: unique together, the record of dedupe. */
  readonly cause: string
  readonly n: number
  /** Place in the log: topic partition, and ordinal within this batch; the store adds the partition's base offset. */
  readonly tp: number
  readonly ordinal: number
}

export interface CommandRow {
  readonly message: Message
  readonly tp: number
  readonly ordinal: number
}

export interface PostingRow extends Posting {
  readonly id: string
  readonly stream: string
  readonly version: number
  readonly time: number
}

export interface TimerRow {
  readonly stream: string
  /** Where its TimerFired goes: the partition of the owner's command topic. */
  readonly tp: number
  readonly due_at: number
  readonly partitionkey: string
  readonly correlationid: string
}

export interface SnapshotRow {
  readonly stream: string
  readonly tp: number
  readonly version: number
  readonly schema: number
  readonly time: number
  readonly state: unknown
}

/** The consumer's own position: it moves in the same write, and only from where it was expected to stand. */
export interface OffsetMove {
  readonly tp: number
  readonly from: number
  readonly to: number
}

/** Everything one commit writes, all or nothing. */
export interface Write {
  readonly group: Service
  readonly offsets: ReadonlyArray<OffsetMove>
  readonly events: ReadonlyArray<EventRow>
  readonly commands: ReadonlyArray<CommandRow>
  readonly postings: ReadonlyArray<PostingRow>
  readonly tables: ReadonlyArray<{ readonly table: Table; readonly rows: ReadonlyArray<Row> }>
  readonly armed: ReadonlyArray<TimerRow>
  readonly disarmed: ReadonlyArray<string>
  /** Timers this write turns into messages: exactly these rows must still be there. */
  readonly fired: ReadonlyArray<{ readonly stream: string; readonly due_at: number }>
  readonly snapshots: ReadonlyArray<SnapshotRow>
}

export const emptyWrite = (group: Service): Write => ({
  group,
  offsets: [],
  events: [],
  commands: [],
  postings: [],
  tables: [],
  armed: [],
  disarmed: [],
  fired: [],
  snapshots: []
})

/** topic partition → offset of the batch's first record there. */
export type Bases = ReadonlyMap<number, number>

export interface StoredStream {
  readonly snapshot: { readonly version: number; readonly time: number; readonly state: unknown } | undefined
  readonly events: ReadonlyArray<{ readonly version: number; readonly message: Message }>
  readonly armed: number | undefined
}

/** A record of the log as consumers get it. */
export interface LogRecord {
  readonly tp: number
  readonly off: number
  readonly message: Message | undefined
  readonly undecodable: Undecodable | undefined
}

/** Somebody else wrote first: reload, drop what is already done, fold again. */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", {
  kind: Schema.Literals(["version", "cause", "key", "timer"]),
  constraint: Schema.String
}) {}
/** The consumer's position is not where this process believed: another instance works on the partition. */
export class OffsetsMoved extends Schema.TaggedError<OffsetsMoved>()("OffsetsMoved", {}) {}
/** A guarded row is not as this process read it: another one has parked, drained or redriven. */
export class RowsMoved extends Schema.TaggedError<RowsMoved>()("RowsMoved", {}) {}
/** The data itself cannot be stored (SQLSTATE class 22 or 23): retrying changes nothing. */
export class Poison extends Schema.TaggedError<Poison>()("Poison", { code: Schema.String, detail: Schema.String }) {}
/** The connection died before the answer: the write may have happened. */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>()("OutcomeUnknown", { detail: Schema.String }) {}
/** The store cannot work now (down, full, out of connections, deadlock): wait and try again. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", { detail: Schema.String }) {
  override get message() {
    return `the store cannot work now: ${this.detail}`
  }
}
export type StoreFailure = Conflict | OffsetsMoved | RowsMoved | Poison | OutcomeUnknown | Unavailable

export interface Store {
  readonly load: (
    streams: ReadonlyArray<{ readonly tp: number; readonly stream: string }>,
    schema: number
  ) => Effect.Effect<ReadonlyMap<string, StoredStream>, StoreFailure>
  readonly write: (write: Write) => Effect.Effect<Bases, StoreFailure>
  /** Which of these causes have events already, by topic partition of the event. */
  readonly causes: (
    of: ReadonlyArray<{ readonly tp: number; readonly cause: string }>
  ) => Effect.Effect<ReadonlySet<string>, StoreFailure>
  readonly read: (tp: number, from: number, limit: number) => Effect.Effect<ReadonlyArray<LogRecord>, StoreFailure>
  /** Next free offset per topic partition. */
  readonly heads: (tps: ReadonlyArray<number>) => Effect.Effect<ReadonlyMap<number, number>, StoreFailure>
  /** Next offset the group will process, per topic partition. */
  readonly offsets: (
    group: Service,
    tps: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyMap<number, number>, StoreFailure>
  /** Units (streams or keys) of a service that wait behind a dead letter; or those named, in whatever state. */
  readonly units: (service: Service, named?: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Unit>, StoreFailure>
  /** A unit's letter, and the oldest messages that wait behind it. */
  readonly queue: (service: Service, unit: Unit, limit: number) => Effect.Effect<Queue, StoreFailure>
  /** Timers due at `now`, oldest first; nothing is changed. */
  readonly due: (now: number, limit: number) => Effect.Effect<ReadonlyArray<TimerRow>, StoreFailure>
}

/** Makes one store per caller: each has its own connection and at most one write in flight. */
export class JournalStore extends Context.Service<
  JournalStore,
  { readonly open: (name: string) => Effect.Effect<Store, StoreFailure, Scope.Scope> }
>()("shared/JournalStore") {}
