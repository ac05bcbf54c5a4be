/**
 * The bus inside one process: the log is in the store, its tail is in memory. A consumer takes records from the tail
 * where they stand at its position, and from the store where they do not (after a restart, or when it lags).
 */
import { Effect, Layer } from "effect"
import { topicPartitions } from "../../contract/topics.ts"
import { JournalStore, type LogRecord, type Store } from "../journal/store.ts"
import type { Signal } from "../signal.ts"
import { Bus, type Subscription } from "./bus.ts"

/** Records a partition keeps in memory for consumers that have not taken them yet. */
const TAIL_MAX = 1_024
/** Records one read from the store brings (MISSION 10.5: replay in batches of 1000). */
const FETCH_MAX = 1_000

/** The last records of one partition, in a ring: offsets are dense, so a record's place is known by arithmetic. */
class Tail {
  private readonly ring: Array<LogRecord | undefined> = []
  head: number
  constructor(head: number) {
    this.head = head
  }
  push(record: LogRecord): void {
    this.ring[record.off % TAIL_MAX] = record
    if (record.off >= this.head) this.head = record.off + 1
  }
  at(off: number): LogRecord | undefined {
    const record = this.ring[off % TAIL_MAX]
    return record?.off === off ? record : undefined
  }
}

class Reader {
  readonly tp: number
  readonly tail: Tail
  next: number
  fetched: ReadonlyArray<LogRecord> = []
  constructor(tp: number, tail: Tail, next: number) {
    this.tp = tp
    this.tail = tail
    this.next = next
  }
  /** False: there is no more at hand. */
  take(into: Array<LogRecord>, max: number): boolean {
    for (let taken = 0; taken < max; taken++) {
      const record = this.tail.at(this.next) ?? this.fromFetched()
      if (record === undefined) return false
      into.push(record)
      this.next++
    }
    return this.next < this.tail.head
  }
  private fromFetched(): LogRecord | undefined {
    const first = this.fetched[0]
    return first === undefined ? undefined : this.fetched[this.next - first.off]
  }
  lacks(): boolean {
    return this.next < this.tail.head && this.tail.at(this.next) === undefined && this.fromFetched() === undefined
  }
}

export const embeddedBus = Layer.effect(
  Bus,
  Effect.gen(function* () {
    const stores = yield* JournalStore
    const store = yield* stores.open("bus")
    const tails = new Map<number, Tail>()
    const listeners = new Map<number, Set<Signal>>()

    const tailsOf = Effect.fnUntraced(function* (tps: ReadonlyArray<number>) {
      const unknown = tps.filter((tp) => !tails.has(tp))
      if (unknown.length > 0) {
        const heads = yield* store.heads(unknown)
        for (const tp of unknown) if (!tails.has(tp)) tails.set(tp, new Tail(heads.get(tp) ?? 0))
      }
      return tps.map((tp) => tails.get(tp) as Tail)
    })

    const wake = (tps: Iterable<number>) => {
      const signals = new Set<Signal>()
      for (const tp of tps) for (const signal of listeners.get(tp) ?? []) signals.add(signal)
      for (const signal of signals) signal.raise()
    }

    const publish = (records: ReadonlyArray<LogRecord>) => {
      const touched = new Set<number>()
      for (const record of records) {
        const tail = tails.get(record.tp)
        if (tail === undefined) continue
        tail.push(record)
        touched.add(record.tp)
      }
      wake(touched)
    }

    const refresh = Effect.gen(function* () {
      const heads = yield* store.heads([...tails.keys()])
      for (const [tp, head] of heads) {
        const tail = tails.get(tp)
        if (tail !== undefined && head > tail.head) tail.head = head
      }
      wake(heads.keys())
    })

    const subscribe: Bus["Service"]["subscribe"] = Effect.fnUntraced(function* (group, topics, signal) {
      const tps = topics.flatMap(topicPartitions)
      const of = yield* tailsOf(tps)
      const offsets = yield* store.offsets(group, tps)
      const readers = tps.map((tp, index) => new Reader(tp, of[index] as Tail, offsets.get(tp) ?? 0))
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          for (const tp of tps) listeners.set(tp, (listeners.get(tp) ?? new Set()).add(signal))
        }),
        () =>
          Effect.sync(() => {
            for (const tp of tps) listeners.get(tp)?.delete(signal)
          })
      )
      return subscription(readers, store, () => store.offsets(group, tps))
    })
    return { subscribe, publish, refresh }
  })
)

const subscription = (
  readers: ReadonlyArray<Reader>,
  store: Store,
  committed: () => ReturnType<Store["offsets"]>
): Subscription => {
  let first = 0
  const poll = (max: number) => {
    const records: Array<LogRecord> = []
    // Each partition has its share, and what is left goes to those that have more: a busy one starves no other. Each
    // poll begins with the next one, so that rounding favours nobody.
    first = (first + 1) % readers.length
    let full = [...readers.slice(first), ...readers.slice(0, first)].filter((reader) => reader.next < reader.tail.head)
    while (full.length > 0 && records.length < max) {
      const share = Math.ceil((max - records.length) / full.length)
      full = full.filter((reader) => reader.take(records, Math.min(share, max - records.length)))
    }
    return records
  }
  const fetch = Effect.gen(function* () {
    for (const reader of readers) {
      if (reader.lacks()) reader.fetched = yield* store.read(reader.tp, reader.next, FETCH_MAX)
    }
  })
  const rewind = Effect.gen(function* () {
    const offsets = yield* committed()
    for (const reader of readers) {
      reader.next = offsets.get(reader.tp) ?? 0
      reader.fetched = []
    }
  })
  const lag = () => readers.reduce((sum, { tail, next }) => sum + Math.max(0, tail.head - next), 0)
  return { poll, behind: () => readers.some((reader) => reader.lacks()), fetch, rewind, lag }
}
