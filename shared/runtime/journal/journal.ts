/**
 * The event store as services use it: `commit` folds a batch of messages and writes events, commands, projections,
 * postings, timers, snapshots and the consumer's offsets in one statement. What it survives, and how, is in README.md.
 */
import { Clock, Effect, Schedule, Schema } from "effect"
import type { Fact, Message } from "../../contract/envelope.ts"
import { topicPartition } from "../../contract/topics.ts"
import { reach } from "../crashpoint.ts"
import type { Decider } from "../decider.ts"
import { Ids } from "../ids.ts"
import { Defect, type Folded, fold, fresh, type Item, type Loaded, type Outcome, type Performed } from "./fold.ts"
import { States } from "./states.ts"
import {
  type Bases,
  type LogRecord,
  type OffsetsMoved,
  Poison,
  type Store,
  type StoredStream,
  type StoreFailure,
  Unavailable
} from "./store.ts"

export interface Committed<Effect> {
  readonly outcomes: ReadonlyArray<Outcome>
  readonly effects: ReadonlyArray<Performed<Effect>>
  /** What the commit put into the log, in order per partition; empty when only the store knows (lost answer). */
  readonly records: ReadonlyArray<LogRecord>
  /** True after a lost answer: the log may hold more than `records` says. */
  readonly doubtful: boolean
}

export interface JournalSettings {
  /** Events of a stream between two snapshots. */
  readonly snapshotEvery: number
  /** Streams whose state is kept in memory. */
  readonly statesMax: number
}

export const defaultJournalSettings: JournalSettings = { snapshotEvery: 100, statesMax: 100_000 }

export type CommitFailure = OffsetsMoved | Poison | Unavailable | Defect

export interface Journal<Effect> {
  readonly commit: (items: ReadonlyArray<Item>) => Effect.Effect<Committed<Effect>, CommitFailure>
  /** Forgets every state: another instance has written. */
  readonly forget: () => void
}

/** Conflicts are other writers' progress: look again at once, then ever more slowly (MISSION 9, database_operation). */
const CONFLICT_RETRIES_MAX = 8
const conflictBackoff = Schedule.exponential("5 millis", 1.8).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: CONFLICT_RETRIES_MAX, duration: "3 seconds" })
)

export const makeJournal = Effect.fnUntraced(function* <State, E extends Fact, Eff>(
  decider: Decider<State, E, Eff>,
  store: Store,
  settings: JournalSettings = defaultJournalSettings
) {
  const ids = yield* Ids
  const states = new States<Loaded<State>>(settings.statesMax)
  const replay = replayer(decider)
  const encodeState = Schema.encodeSync(decider.snapshot.codec)

  const loadMissing = Effect.fnUntraced(function* (items: ReadonlyArray<Item>) {
    const loaded = new Map<string, Loaded<State>>()
    const missing = new Map<string, { readonly tp: number; readonly stream: string }>()
    for (const { message } of items) {
      const stream = message && decider.route(message)
      if (message === undefined || stream === undefined || loaded.has(stream) || missing.has(stream)) continue
      const known =
        states.get(stream) ?? (decider.begins(message) && !states.doubted(stream) ? fresh(decider.initial) : undefined)
      if (known !== undefined) loaded.set(stream, known)
      else missing.set(stream, { tp: topicPartition(decider.topic, message.partitionkey), stream })
    }
    if (missing.size > 0) {
      const stored = yield* store.load([...missing.values()], decider.snapshot.schema)
      for (const stream of missing.keys()) loaded.set(stream, replay(stored.get(stream)))
    }
    return loaded
  })

  const once = Effect.fnUntraced(function* (items: ReadonlyArray<Item>) {
    const loaded = yield* loadMissing(items)
    const now = yield* Clock.currentTimeMillis
    const folded = yield* attemptFold(decider, items, loaded, {
      now,
      nextId: ids.next,
      snapshotEvery: settings.snapshotEvery,
      encodeState
    })
    yield* reach("journal.before-write")
    const bases = yield* store.write(folded.write)
    yield* reach("journal.after-write")
    for (const [stream, state] of folded.states) states.set(stream, state)
    return committed(folded, bases)
  })

  /** After a conflict or a lost answer: whose causes are in the store already? They are done; the rest is folded again. */
  const unfinished = Effect.fnUntraced(function* (items: ReadonlyArray<Item>) {
    const of = items.flatMap(({ message }) =>
      message === undefined ? [] : [{ tp: topicPartition(decider.topic, message.partitionkey), cause: message.id }]
    )
    const done = yield* store.causes(of)
    return items.map((item): Item => {
      if (item.message === undefined || !done.has(item.message.id)) return item
      return { source: item.source }
    })
  })

  const evict = (items: ReadonlyArray<Item>) => {
    for (const { message } of items) {
      const stream = message && decider.route(message)
      if (stream !== undefined) states.doubt(stream)
    }
  }

  const commit = (items: ReadonlyArray<Item>): Effect.Effect<Committed<Eff>, CommitFailure> => {
    let remaining = items
    let doubtful = false
    const attempt = Effect.suspend(() => once(remaining)).pipe(
      Effect.tapError((failure) => {
        evict(items)
        doubtful = true
        if (failure instanceof Defect || failure._tag === "Poison" || failure._tag === "Unavailable") return Effect.void
        return Effect.matchEffect(unfinished(remaining), {
          onFailure: () => Effect.void,
          onSuccess: (rest) =>
            Effect.sync(() => {
              remaining = rest
            })
        })
      })
    )
    return attempt.pipe(
      Effect.retry({ while: retryable, schedule: conflictBackoff }),
      Effect.map((done) => ({ ...done, doubtful })),
      Effect.mapError(settle)
    )
  }
  return { commit, forget: () => states.clear() } satisfies Journal<Eff>
})

const retryable = (failure: StoreFailure | Defect): boolean =>
  !(failure instanceof Defect) &&
  (failure._tag === "OutcomeUnknown" || (failure._tag === "Conflict" && failure.kind !== "key"))

/** What is left after the retries: conflicts that do not end are a busy store, not bad data. */
const settle = (failure: StoreFailure | Defect): CommitFailure => {
  if (failure instanceof Defect) return failure
  switch (failure._tag) {
    case "Conflict":
      return failure.kind === "key"
        ? new Poison({ code: "23505", detail: failure.constraint })
        : new Unavailable({ detail: `conflicts on ${failure.constraint} did not end` })
    case "OutcomeUnknown":
      return new Unavailable({ detail: failure.detail })
    default:
      return failure
  }
}

const attemptFold = <State, E extends Fact, Eff>(
  ...args: Parameters<typeof fold<State, E, Eff>>
): Effect.Effect<Folded<State, Eff>, Defect> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(fold(...args))
    } catch (error) {
      return error instanceof Defect ? Effect.fail(error) : Effect.die(error)
    }
  })

const committed = <State, Eff>({ outcomes, effects, write }: Folded<State, Eff>, bases: Bases): Committed<Eff> => {
  const records: Array<LogRecord> = []
  for (const { message, tp, ordinal } of write.events) records.push(record(message, tp, ordinal, bases))
  for (const { message, tp, ordinal } of write.commands) records.push(record(message, tp, ordinal, bases))
  return { outcomes, effects, records, doubtful: false }
}

const record = (message: Message, tp: number, ordinal: number, bases: Bases): LogRecord => {
  const base = bases.get(tp)
  if (base === undefined) throw new Error(`the store gave no base offset for partition ${tp}`)
  return { tp, off: base + ordinal, message, undecodable: undefined }
}

/** Rebuilds a stream's state from its snapshot and the events after it. */
const replayer = <State, E extends Fact, Eff>(decider: Decider<State, E, Eff>) => {
  const decode = Schema.decodeUnknownSync(decider.snapshot.codec)
  return (stored: StoredStream | undefined): Loaded<State> => {
    const start = fresh(decider.initial)
    if (stored === undefined) return start
    const { snapshot, events, armed } = stored
    let { state, version, time } = snapshot ? { ...snapshot, state: decode(snapshot.state) } : start
    for (const { version: next, message } of events) {
      if (next !== version + 1) throw new Error(`${message.subject}: version ${next} follows ${version}`)
      const event = { type: message.type, data: message.data, id: message.id, time: message.time, version: next }
      state = decider.evolve(state, event as unknown as Parameters<typeof decider.evolve>[1])
      version = next
      time = message.time
    }
    return { state, version, time, armed, snapshotted: snapshot?.version ?? 0 }
  }
}
