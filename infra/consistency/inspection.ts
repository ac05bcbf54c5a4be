/**
 * Streams against everything that was made of them, within one moment of the database: rows, postings, snapshots and
 * what processors remember. It only looks; what would mend a finding travels with it.
 */
import { Effect } from "effect"
import { topicOf, topicPartition } from "../../shared/contract/topics.ts"
import type { Table } from "../../shared/runtime/decider.ts"
import { type Book, bookFor } from "./book.ts"
import type { Desk, Shared, Source } from "./desk.ts"
import { asText, damage, difference, type Found, whole } from "./finding.ts"
import { moneyOf } from "./money.ts"
import { type ExpectedPosting, equal, Replay } from "./replay.ts"
import { type Expected, rowFindings } from "./rows.ts"
import { type Asked, eventsOfMany, type PostingRow, postingsBy, rowsBy, snapshotsOf, type TextRow } from "./store.ts"

export interface Counts {
  wallets: number
  payments: number
  sagas: number
  postings: number
  streams: number
  events: number
  rows: number
}
export const noCounts = (): Counts => ({
  wallets: 0,
  payments: 0,
  sagas: 0,
  postings: 0,
  streams: 0,
  events: 0,
  rows: 0
})

/** Keys of one look-up: a page's streams may have many more rows than that. */
const LOOKUP_MAX = 1_000
const EVENTS_EACH_MAX = 1_000

type Peek = Book["memory"]["peek"]

export class Inspection {
  readonly findings: Array<Found> = []
  readonly counts = noCounts()
  /** Streams whose remembered state is newer than this moment: they are looked at again, or judged by `finally`. */
  readonly unsettled: Array<Replay> = []
  /** Streams that were read to their end and can be told. */
  readonly closed: Array<Replay> = []
  private readonly desk: Desk

  constructor(desk: Desk) {
    this.desk = desk
  }

  /** Reads what stands beside the streams; what is remembered is taken now, the events may be read later. */
  open(
    book: Book,
    tp: number,
    streams: ReadonlyArray<string>,
    peek: Peek = book.memory.peek
  ): Asked<ReadonlyArray<Replay>> {
    if (streams.length === 0) return Effect.succeed([])
    return Effect.map(snapshotsOf(tp, streams), (rows) => {
      const snapshots = new Map(rows.map((row) => [row.stream, row]))
      return streams.map((stream) => {
        const remembered = peek(stream)
        const { accounts } = this.desk
        return new Replay(book, tp, stream, { snapshot: snapshots.get(stream), remembered, accounts })
      })
    })
  }

  /** Every event so far against its postings. */
  readonly compare = (replays: ReadonlyArray<Replay>): Asked<void> =>
    Effect.gen({ self: this }, function* (this: Inspection) {
      const expected = replays.flatMap((replay) => replay.drain())
      this.counts.postings += expected.length
      for (const part of chunks(expected)) this.judge(part, yield* postingsBy(part))
    })

  private judge(expected: ReadonlyArray<ExpectedPosting>, found: ReadonlyArray<PostingRow>): void {
    const rows = new Map(found.map((row) => [keyOf(row), row]))
    for (const posting of expected) {
      const { stream, version } = posting
      const row = rows.get(keyOf(posting))
      const shown = shownPosting(posting)
      const key = [posting.payment_id, posting.kind, posting.ref].join(" ").trim()
      if (row === undefined) {
        const detail = `posting ${key} is missing: no account shows what the event moved; post it by hand or restore it`
        const about = { stream, version, expected: whole(shown), detail }
        this.findings.push({ ...damage("stream", "posting_missing", about), key })
      } else if (!equal(shown, { ...row })) {
        const [wanted, is] = difference(shown, { ...row })
        const detail = `posting ${key} is not what its event says; find out which of the two was changed`
        const about = { stream, version, expected: wanted, found: is, detail }
        this.findings.push({ ...damage("stream", "posting_differs", about), key })
      }
    }
  }

  /** These streams have no more events at this moment: their rows, snapshots and remembered states can be judged. */
  readonly close = (replays: ReadonlyArray<Replay>): Asked<void> =>
    Effect.gen({ self: this }, function* (this: Inspection) {
      for (const replay of replays) {
        if (replay.close()) this.unsettled.push(replay)
        this.count(replay)
        this.findings.push(...replay.findings)
      }
      const told = replays.filter(({ halted }) => !halted)
      this.closed.push(...told)
      const shared = new Set(this.desk.shared.map(({ table }) => table))
      const byTable = new Map<Table, Array<Expected>>()
      for (const replay of told)
        for (const row of replay.rows())
          if (!shared.has(row.table)) add(byTable, row.table, { ...row, stream: replay.stream })
      for (const source of this.desk.sources)
        if (!shared.has(source.table)) yield* this.rows(source, byTable.get(source.table) ?? [], told)
      for (const of of this.desk.shared) yield* this.sharedRows(of, told)
      this.findings.push(...(yield* moneyOf(paymentsIn(byTable))))
    })

  private count({ book: { service }, version }: Replay): void {
    this.counts.streams++
    this.counts.events += version
    if (service === "wallet") this.counts.wallets++
    if (service === "payment") this.counts.payments++
    if (service === "saga") this.counts.sagas++
  }

  private readonly rows = (source: Source, expected: ReadonlyArray<Expected>, told: ReadonlyArray<Replay>) =>
    Effect.gen({ self: this }, function* (this: Inspection) {
      const { table, by } = source
      // All rows of a stream can be judged only where all of its events were read.
      const whole = (stream: string) => by !== undefined && !partial.has(stream)
      const partial = new Set(told.flatMap(({ stream, partial }) => (partial ? [stream] : [])))
      for (const part of chunks(expected.filter(({ stream }) => !whole(stream)))) {
        const cells = part.map(({ cells }) => cells)
        this.compareRows(table, part, yield* rowsBy(table, table.key, cells))
      }
      if (by === undefined) return
      const start = source.streamOf({ [by]: "" })
      const streams = told.flatMap(({ stream }) => (stream.startsWith(start) && whole(stream) ? [stream] : []))
      for (const part of chunks(streams)) {
        const among = new Set(part)
        const names = part.map((stream) => [stream.slice(start.length)])
        const found = yield* rowsBy(table, [by], names)
        this.compareRows(
          table,
          expected.filter(({ stream }) => among.has(stream)),
          found,
          source
        )
      }
    })

  /** A row of several streams: from the leading one, with what the others make of it at the same moment. */
  private readonly sharedRows = ({ table, lead, others }: Shared, told: ReadonlyArray<Replay>) =>
    Effect.gen({ self: this }, function* (this: Inspection) {
      const leading = told.filter(({ stream }) => stream.startsWith(lead))
      for (const part of chunks(leading)) {
        const siblings = yield* Effect.forEach(others, (prefix) => this.siblings(part, lead, prefix))
        const halted = new Set(siblings.flat().flatMap((of) => (of.halted ? [leader(of.stream, lead)] : [])))
        const rows = new Map<string, Expected>()
        for (const replay of [...part, ...siblings.flat()]) {
          if (halted.has(leader(replay.stream, lead))) continue
          for (const row of rowsOf(table)(replay)) {
            const key = row.cells.join("\u0000")
            rows.set(key, higher(rows.get(key), row))
          }
        }
        const expected = [...rows.values()]
        this.compareRows(
          table,
          expected,
          yield* rowsBy(
            table,
            table.key,
            expected.map(({ cells }) => cells)
          )
        )
      }
    })

  /** The streams of the same payment in another service; their partition follows from the user's key. */
  private readonly siblings = (leading: ReadonlyArray<Replay>, lead: string, prefix: string) =>
    Effect.gen({ self: this }, function* (this: Inspection) {
      const book = bookFor(this.desk.books, prefix)
      if (book === undefined) return yield* Effect.die(new Error(`nobody owns ${prefix}`))
      const topic = topicOf(book.tps[0] ?? 0)
      const replays = leading.map(({ stream, partitionkey }) => {
        const tp = topicPartition(topic, partitionkey)
        return new Replay(book, tp, prefix + stream.slice(lead.length), { ...ALONE, accounts: this.desk.accounts })
      })
      return yield* readAll(replays)
    })

  private compareRows(table: Table, expected: ReadonlyArray<Expected>, found: ReadonlyArray<TextRow>, of?: Source) {
    this.counts.rows += expected.length
    this.findings.push(...rowFindings(table, expected, found, of))
  }
}

/** Reads streams to their end, long ones a page at a time. */
export const readAll = (replays: ReadonlyArray<Replay>): Asked<ReadonlyArray<Replay>> =>
  Effect.gen(function* () {
    let rest = replays
    while (rest.length > 0) {
      const read = new Map<string, number>()
      const byStream = new Map(rest.map((replay) => [replay.stream, replay]))
      for (const event of yield* eventsOfMany(rest, EVENTS_EACH_MAX)) {
        byStream.get(event.stream)?.take(event)
        read.set(event.stream, (read.get(event.stream) ?? 0) + 1)
      }
      rest = rest.filter(({ stream, halted }) => read.get(stream) === EVENTS_EACH_MAX && !halted)
    }
    return replays
  })

const ALONE = { snapshot: undefined, remembered: undefined }

const rowsOf =
  (table: Table) =>
  (replay: Replay): ReadonlyArray<Expected> =>
    replay.rows().flatMap((row) => (row.table === table ? [{ ...row, stream: replay.stream }] : []))

const higher = (a: Expected | undefined, b: Expected): Expected =>
  a === undefined || Number(b.row["rank"]) > Number(a.row["rank"]) ? b : a

const paymentsIn = (byTable: ReadonlyMap<Table, ReadonlyArray<Expected>>) =>
  [...byTable].flatMap(([table, rows]) => (table.name === "payment.payments" ? rows : []))

const add = <A>(lists: Map<Table, Array<A>>, table: Table, item: A): void => {
  const list = lists.get(table)
  if (list === undefined) lists.set(table, [item])
  else list.push(item)
}

const leader = (stream: string, lead: string): string => lead + stream.slice(prefixOf(stream).length)
const prefixOf = (stream: string): string => stream.slice(0, stream.indexOf("-") + 1)
const keyOf = ({ payment_id, kind, ref }: { payment_id: string; kind: string; ref: string }) =>
  [payment_id, kind, ref].join("\u0000")

const shownPosting = ({ stream, version, time, ...posting }: ExpectedPosting): TextRow => ({
  ...asText({ ...posting }),
  stream,
  version: String(version),
  time: String(time)
})

export function* chunks<A>(items: ReadonlyArray<A>): Iterable<ReadonlyArray<A>> {
  for (let at = 0; at < items.length; at += LOOKUP_MAX) yield items.slice(at, at + LOOKUP_MAX)
}
