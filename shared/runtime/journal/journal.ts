/**
 * The event store as services use it: `commit` folds a batch of messages and writes events, commands, projections,
 * postings, timers, snapshots and the consumer's offsets in one statement. What it survives, and how, is in README.md.
 */
import { Clock, Effect, Schedule, Schema } from "effect"
import type { Fact } from "../../contract/envelope.ts"
import { topicPartition } from "../../contract/topics.ts"
import { reach } from "../crashpoint.ts"
import type { Decider } from "../decider.ts"
import { Ids } from "../ids.ts"
import {
  type Context,
  Defect,
  type Folded,
  fold,
  fresh,
  type Item,
  type Loaded,
  type Outcome,
  type Performed
} from "./fold.ts"
import { messagesOf, recordsOf } from "./items.ts"
import { States } from "./states.ts"
import {
  type Bases,
  type LogRecord,
  type OffsetsMoved,
  Poison,
  type RowsMoved,
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

export type CommitFailure = OffsetsMoved | RowsMoved | Poison | Unavailable | Defect

export interface Journal<Effect> {
  readonly commit: (items: ReadonlyArray<Item>) => Effect.Effect<Committed<Effect>, CommitFailure>
  /** Forgets every state: another instance has written. */
  readonly forget: () => void
  readonly memory: Memory
}

/** What a journal remembers of its streams, for whoever compares it with the store. */
export interface Memory {
  readonly peek: (stream: string) => { readonly version: number; readonly state: unknown } | undefined
  /** The stream's next commit reads it from the store. */
  readonly evict: (stream: string) => void
}

/** Conflicts are other writers' progress: look again at once, then ever more slowly (MISSION 9, database_operation). */
export const CONFLICTS = { retriesMax: 8, firstMs: 5, growth: 1.8, withinMs: 3_000 } as const
const conflictBackoff = Schedule.exponential(CONFLICTS.firstMs, CONFLICTS.growth).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: CONFLICTS.retriesMax, duration: CONFLICTS.withinMs })
)

export const makeJournal = Effect.fnUntraced(function* <State, E extends Fact, Eff>(
  decider: Decider<State, E, Eff>,
  store: Store,
  settings: JournalSettings = defaultJournalSettings
) {
  const { next } = yield* Ids
  const book = new Book<State, E, Eff>(decider, store, settings, next)
  return {
    commit: (items) => book.commit(items),
    forget: () => book.forget(),
    memory: book.memory
  } satisfies Journal<Eff>
})

class Book<State, E extends Fact, Eff> {
  private readonly decider: Decider<State, E, Eff>
  private readonly store: Store
  private readonly states: States<Loaded<State>>
  private readonly replay: (stored: StoredStream | undefined) => Loaded<State>
  private readonly context: Omit<Context<State>, "now">
  readonly memory: Memory = {
    peek: (stream) => this.states.peek(stream),
    evict: (stream) => this.states.doubt(stream)
  }

  constructor(
    decider: Decider<State, E, Eff>,
    store: Store,
    { snapshotEvery, statesMax }: JournalSettings,
    nextId: (now: number) => string
  ) {
    this.decider = decider
    this.store = store
    this.states = new States(statesMax)
    this.replay = replayer(decider)
    this.context = { nextId, snapshotEvery, encodeState: Schema.encodeSync(decider.snapshot.codec) }
  }

  forget(): void {
    this.states.clear()
  }

  commit(items: ReadonlyArray<Item>): Effect.Effect<Committed<Eff>, CommitFailure> {
    let remaining = items
    let doubtful = false
    const attempt = Effect.suspend(() => this.once(remaining)).pipe(
      Effect.tapError((failure) => {
        this.doubt(this.streamsOf(items))
        doubtful = true
        if (!retryable(failure) && !isMoved(failure)) return Effect.void
        const rest = Effect.map(this.unfinished(remaining), (rest) => {
          remaining = rest
        })
        return Effect.ignore(rest)
      })
    )
    return attempt.pipe(
      Effect.retry({ while: retryable, schedule: conflictBackoff }),
      Effect.map((done) => ({ ...done, doubtful })),
      Effect.mapError(settle)
    )
  }

  private readonly once: (items: ReadonlyArray<Item>) => Effect.Effect<Committed<Eff>, StoreFailure | Defect> =
    Effect.fnUntraced({ self: this }, function* (this: Book<State, E, Eff>, items: ReadonlyArray<Item>) {
      const { loaded, remembered } = yield* this.load(items)
      const now = yield* Clock.currentTimeMillis
      const folded = yield* attemptFold(this.decider, items, loaded, { ...this.context, now })
      // What appends nothing writes nothing that could conflict, so what was decided on a remembered state is decided
      // again on a read one: another instance may have written the stream since.
      const unsure = this.idleIn(items, folded).filter((stream) => remembered.has(stream))
      if (unsure.length > 0) {
        this.doubt(unsure)
        return yield* this.once(items)
      }
      yield* reach("journal.before-write", () => this.streamsOf(items))
      const bases = yield* this.store.write(folded.write)
      yield* reach("journal.after-write")
      for (const [stream, state] of folded.states) this.states.set(stream, state)
      return committed(folded, bases)
    })

  /** The states the items need: from memory, by a safe guess where the message begins its stream, or from the store. */
  private readonly load = Effect.fnUntraced(
    { self: this },
    function* (this: Book<State, E, Eff>, items: ReadonlyArray<Item>) {
      const { decider, states } = this
      const loaded = new Map<string, Loaded<State>>()
      const remembered = new Set<string>()
      const missing = new Map<string, { readonly tp: number; readonly stream: string }>()
      for (const message of messagesOf(items)) {
        const stream = decider.route(message)
        if (stream === undefined || loaded.has(stream) || missing.has(stream)) continue
        const begins = decider.begins(message) && !states.doubted(stream)
        const known = states.get(stream) ?? (begins ? fresh(decider.initial) : undefined)
        if (known === undefined)
          missing.set(stream, { tp: topicPartition(decider.topic, message.partitionkey), stream })
        else {
          loaded.set(stream, known)
          remembered.add(stream)
        }
      }
      if (missing.size > 0) {
        const stored = yield* this.store.load([...missing.values()], decider.snapshot.schema)
        for (const stream of missing.keys()) loaded.set(stream, this.replay(stored.get(stream)))
      }
      return { loaded, remembered }
    }
  )

  /**
   * After a conflict or a lost answer: what has its events in the store is done, the rest is folded again. Of joined
   * halves one is asked about: they were written together.
   */
  private unfinished(items: ReadonlyArray<Item>): Effect.Effect<ReadonlyArray<Item>, StoreFailure> {
    const of = items.flatMap(({ message }) =>
      message === undefined ? [] : [{ tp: topicPartition(this.decider.topic, message.partitionkey), cause: message.id }]
    )
    return Effect.map(this.store.causes(of), (done) =>
      items.map((item) => (item.message !== undefined && done.has(item.message.id) ? { source: item.source } : item))
    )
  }

  /** Streams of messages from which nothing followed, where no event of the batch guards their version. */
  private idleIn(items: ReadonlyArray<Item>, { outcomes, write }: Folded<State, Eff>): ReadonlyArray<string> {
    return items.flatMap((item, index) => {
      const outcome = outcomes[index]
      const isIdle = outcome?._tag === "Applied" && outcome.events.length === 0
      if (outcome?._tag !== "Refused" && !isIdle) return []
      const guarded = (stream: string) => write.events.some((event) => event.message.subject === stream)
      return this.streamsOf([item]).filter((stream) => !(isIdle && guarded(stream)))
    })
  }

  private streamsOf(items: ReadonlyArray<Item>): ReadonlyArray<string> {
    return messagesOf(items).flatMap((message) => this.decider.route(message) ?? [])
  }

  /** What a state in memory says may be overtaken: the next commit reads these streams from the store. */
  private doubt(streams: ReadonlyArray<string>): void {
    for (const stream of streams) this.states.doubt(stream)
  }
}

const isMoved = (failure: StoreFailure | Defect): boolean =>
  !(failure instanceof Defect) && failure._tag === "OffsetsMoved"

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
  const records = [...recordsOf(write.events, bases), ...recordsOf(write.commands, bases)]
  return { outcomes, effects, records, doubtful: false }
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
