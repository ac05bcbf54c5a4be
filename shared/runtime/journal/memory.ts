/**
 * The store in memory: the simulation's and the unit tests'. It refuses what Postgres refuses, by the same names, and
 * keeps everything, so that a test may look at all of it. One `Memory` outlives the simulated processes that use it.
 */
import { Effect, Layer, Result } from "effect"
import { decode, encodeCommand, encodeEvent } from "../../contract/codec.ts"
import type { Message, Service } from "../../contract/envelope.ts"
import type { LetterRow, ParkedRow, Unit } from "../deadletter.ts"
import type { Row, Table } from "../decider.ts"
import type { Queue } from "../redrive.ts"
import {
  type Bases,
  Conflict,
  type EventRow,
  JournalStore,
  type LogRecord,
  OffsetsMoved,
  type PostingRow,
  RowsMoved,
  type SnapshotRow,
  type Store,
  type StoreFailure,
  type TimerRow,
  type Write
} from "./store.ts"

interface StoredEvent {
  readonly version: number
  readonly message: Message
}

interface StoredRecord {
  /** What Postgres would keep in the body's column. */
  readonly body: string
  readonly message: Message
  readonly event: boolean
}

class Recorded implements StoredRecord {
  readonly message: Message
  readonly event: boolean
  private text: string | undefined
  constructor(message: Message, event: boolean) {
    this.message = message
    this.event = event
  }
  get body(): string {
    this.text ??= this.event ? encodeEvent(this.message) : encodeCommand(this.message)
    return this.text
  }
}

export class Memory {
  /** tp → records; the index is the offset. */
  readonly log = new Map<number, Array<StoredRecord>>()
  readonly streams = new Map<string, Array<StoredEvent>>()
  readonly causes = new Set<string>()
  readonly positions = new Map<string, number>()
  readonly postings = new Map<string, PostingRow>()
  readonly tables = new Map<string, Map<string, Row>>()
  readonly timers = new Map<string, TimerRow>()
  readonly snapshots = new Map<string, SnapshotRow>()
  private readonly encoded: boolean

  /** `encoded: false`: messages are handed on as they are, and become text only where somebody looks at it. */
  constructor({ encoded = true }: { readonly encoded?: boolean } = {}) {
    this.encoded = encoded
  }

  head(tp: number): number {
    return this.log.get(tp)?.length ?? 0
  }

  rows(table: string): ReadonlyArray<Row> {
    return [...(this.tables.get(table)?.values() ?? [])]
  }

  write(write: Write): Result.Result<Bases, StoreFailure> {
    const refusal = this.refuse(write)
    if (refusal !== undefined) return Result.fail(refusal)
    const bases = new Map<number, number>()
    for (const { tp } of write.events) if (!bases.has(tp)) bases.set(tp, this.head(tp))
    for (const { tp } of write.commands) if (!bases.has(tp)) bases.set(tp, this.head(tp))
    for (const row of write.events) this.append(row)
    for (const { message, tp } of write.commands) this.record(tp, message, false)
    for (const { tp, to } of write.offsets) this.positions.set(`${write.group}/${tp}`, to)
    for (const posting of write.postings) this.postings.set(once(posting), posting)
    for (const { table, rows } of write.tables) for (const row of rows) this.put(table, row)
    for (const { stream } of write.fired) this.timers.delete(stream)
    for (const stream of write.disarmed) this.timers.delete(stream)
    for (const timer of write.armed) this.timers.set(timer.stream, timer)
    for (const snapshot of write.snapshots) this.snapshots.set(snapshot.stream, snapshot)
    return Result.succeed(bases)
  }

  private refuse(write: Write): StoreFailure | undefined {
    const moved = write.offsets.some(({ tp, from }) => (this.positions.get(`${write.group}/${tp}`) ?? 0) !== from)
    if (moved) return new OffsetsMoved({})
    const conflict = (kind: Conflict["kind"], constraint: string) => new Conflict({ kind, constraint })
    const next = new Map<string, number>()
    for (const { message, version, cause, n } of write.events) {
      const expected = next.get(message.subject) ?? (this.streams.get(message.subject)?.length ?? 0) + 1
      if (version !== expected) return conflict("version", "events_pkey")
      next.set(message.subject, version + 1)
      if (this.causes.has(`${cause}/${n}`)) return conflict("cause", "events_cause")
    }
    if (write.postings.some((posting) => this.postings.has(once(posting)))) return conflict("key", "postings_once")
    for (const { table, rows } of write.tables) {
      const taken = table.write === "insert" && rows.some((row) => this.tables.get(table.name)?.has(keyOf(table, row)))
      if (taken) return conflict("key", `${table.name.split(".").at(-1)}_pkey`)
      if (rows.some((row) => this.moved(table, row))) return new RowsMoved({})
    }
    const gone = write.fired.some(({ stream, due_at }) => this.timers.get(stream)?.due_at !== due_at)
    return gone ? conflict("timer", "timers") : undefined
  }

  private moved(table: Table, row: Row): boolean {
    const earlier = this.tables.get(table.name)?.get(keyOf(table, row))
    if (table.write === "delete") return earlier === undefined
    return table.write === "guarded" && earlier !== undefined && earlier["version"] !== row["was"]
  }

  private append({ message, version, cause, n, tp }: EventRow): void {
    const stream = this.streams.get(message.subject)
    if (stream === undefined) this.streams.set(message.subject, [{ version, message }])
    else stream.push({ version, message })
    this.causes.add(`${cause}/${n}`)
    this.record(tp, message, true)
  }

  private record(tp: number, message: Message, event: boolean): void {
    let log = this.log.get(tp)
    if (log === undefined) {
      log = []
      this.log.set(tp, log)
    }
    const record = new Recorded(message, event)
    if (this.encoded) void record.body // what cannot be encoded is a defect here and now, as in Postgres
    log.push(record)
  }

  private put(table: Table, row: Row): void {
    const rows = this.tables.get(table.name) ?? new Map<string, Row>()
    this.tables.set(table.name, rows)
    const key = keyOf(table, row)
    const earlier = rows.get(key)
    if (table.write === "rank" && earlier !== undefined && Number(earlier["rank"]) >= Number(row["rank"])) return
    if (table.write === "delete") rows.delete(key)
    else rows.set(key, row)
  }

  /** A service's units that wait, by their names, or the named ones. */
  units(service: Service, named?: ReadonlyArray<string>): ReadonlyArray<Unit> {
    const units = this.rows("bus.parked_units").filter((row) => row["service"] === service) as unknown as Array<Unit>
    return units
      .filter(({ unit, status }) => (named === undefined ? status !== "open" : named.includes(unit)))
      .sort((a, b) => (a.unit < b.unit ? -1 : 1))
  }

  queue(service: Service, { unit, letter }: Unit, limit: number): Queue {
    const letters = this.tables.get("bus.dead_letters")
    const parked = this.rows("bus.parked_messages").filter((row) => row["service"] === service && row["unit"] === unit)
    return {
      letter: letter === null ? undefined : (letters?.get(letter) as unknown as LetterRow | undefined),
      parked: (parked as unknown as Array<ParkedRow>).sort((a, b) => a.seq - b.seq).slice(0, limit)
    }
  }

  /** As a reader after a restart sees it: decoded from the stored text. */
  read(tp: number, from: number, limit: number): ReadonlyArray<LogRecord> {
    const records = (this.log.get(tp) ?? []).slice(from, from + limit)
    if (!this.encoded)
      return records.map(({ message }, index) => ({ tp, off: from + index, message, undecodable: undefined }))
    return records.map(({ body, message, event }, index) => {
      const { id, type, subject, causationid } = message
      const decoded = event ? decode(body, { id, type, subject, causationid }) : decode(body)
      return Result.match(decoded, {
        onSuccess: (message) => ({ tp, off: from + index, message, undecodable: undefined }),
        onFailure: (undecodable) => ({ tp, off: from + index, message: undefined, undecodable })
      })
    })
  }
}

const once = ({ payment_id, kind, ref }: PostingRow) => `${payment_id}/${kind}/${ref}`
const keyOf = (table: Table, row: Row) => table.key.map((column) => String(row[column])).join("\u0000")

export const memoryOf = (memory: Memory): Store => ({
  load: (streams, schema) =>
    Effect.sync(() => {
      const loaded = streams.map(({ stream }) => {
        const stored = memory.snapshots.get(stream)
        const snapshot = stored?.schema === schema ? stored : undefined
        const events = (memory.streams.get(stream) ?? []).slice(snapshot?.version ?? 0)
        return [stream, { snapshot, events, armed: memory.timers.get(stream)?.due_at }] as const
      })
      return new Map(loaded)
    }),
  write: (write) => Effect.suspend(() => Effect.fromResult(memory.write(write))),
  causes: (of) =>
    Effect.sync(() => new Set(of.flatMap(({ cause }) => (memory.causes.has(`${cause}/0`) ? [cause] : [])))),
  read: (tp, from, limit) => Effect.sync(() => memory.read(tp, from, limit)),
  heads: (tps) => Effect.sync(() => new Map(tps.map((tp) => [tp, memory.head(tp)]))),
  offsets: (group, tps) =>
    Effect.sync(() => new Map(tps.map((tp) => [tp, memory.positions.get(`${group}/${tp}`) ?? 0]))),
  units: (service, named) => Effect.sync(() => memory.units(service, named)),
  queue: (service, unit, limit) => Effect.sync(() => memory.queue(service, unit, limit)),
  due: (now, limit) =>
    Effect.sync(() =>
      [...memory.timers.values()]
        .filter(({ due_at }) => due_at <= now)
        .sort((a, b) => a.due_at - b.due_at || (a.stream < b.stream ? -1 : 1))
        .slice(0, limit)
    )
})

/** A memory of its own for each build; pass one to look inside, or to let it outlive a process. */
export const memoryStore = (memory = new Memory()) =>
  Layer.succeed(JournalStore, { open: () => Effect.succeed(memoryOf(memory)) })
