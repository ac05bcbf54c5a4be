/**
 * The way through everything, a page at a time: all streams of all services, then all rows of the read models, all
 * postings, and the sums. A full verification goes to the end; the periodic one goes on where it stopped.
 */
import { Effect, Result } from "effect"
import { partitionKey } from "../../shared/contract/codec.ts"
import { topicOf, topicPartition } from "../../shared/contract/topics.ts"
import type { Row, Table } from "../../shared/runtime/decider.ts"
import { type Book, bookFor, messageOf } from "./book.ts"
import type { Desk, Source } from "./desk.ts"
import { asText, damage, type Found, whole } from "./finding.ts"
import { type Counts, Inspection, noCounts, readAll } from "./inspection.ts"
import { cellsOf, Replay } from "./replay.ts"
import { extraRow } from "./rows.ts"
import {
  type Asked,
  type EventAt,
  eventsAfter,
  eventsAt,
  firstEventsAt,
  headOf,
  postingsAfter,
  rowsAfter,
  type TextRow
} from "./store.ts"

/** What a page found. */
export interface Page {
  readonly findings: ReadonlyArray<Found>
  /** A stream counts where its end is seen. */
  readonly counts: Counts
  /** Events or rows of this page, at most its limit. */
  readonly read: number
  /** Streams whose remembered state was newer than the page. */
  readonly unsettled: ReadonlyArray<Replay>
  /** Streams the page has judged. */
  readonly closed: ReadonlyArray<Replay>
}

/** True from `advance` while there is more of it. */
interface Leg {
  readonly name: string
  readonly advance: (limit: number) => Asked<{ readonly page: Page; readonly more: boolean }>
}

export class Tour {
  private readonly legs: ReadonlyArray<() => Leg>
  private at = 0
  private leg: Leg | undefined

  constructor(desk: Desk) {
    this.legs = [
      ...desk.books.flatMap((book) => book.tps.map((tp) => () => streamsLeg(desk, book, tp))),
      ...desk.sources.map((source) => () => rowsLeg(desk, source)),
      () => postingsLeg(desk)
    ]
  }

  done(): boolean {
    return this.at >= this.legs.length
  }

  /** The next page of at most `limit` events or rows, in one moment of the database where the caller says so. */
  readonly step = (limit: number): Asked<Page> =>
    Effect.suspend(() => {
      this.leg ??= this.legs[this.at]?.()
      if (this.leg === undefined) return Effect.succeed(NOTHING)
      return Effect.map(this.leg.advance(limit), ({ page, more }) => {
        if (!more) {
          this.leg = undefined
          this.at++
        }
        return page
      })
    })
}

const NOTHING: Page = { findings: [], read: 0, counts: noCounts(), unsettled: [], closed: [] }

/** A stream that grows faster than it is read is left after so many pages more; what was touched is judged anyway. */
const PATIENCE_PAGES = 10
/** Of Postgres' int. */
const VERSION_MAX = 2 ** 31 - 1

/** All streams of one partition. A stream may be longer than a page: it is judged when its end is seen. */
const streamsLeg = (desk: Desk, book: Book, tp: number): Leg => {
  let cursor = { stream: "", version: 0 }
  let open: Replay | undefined
  let enough = 0
  const advance: Leg["advance"] = (limit) =>
    Effect.gen(function* () {
      const inspection = new Inspection(desk)
      const events = yield* eventsAfter(tp, cursor.stream, cursor.version, limit)
      const begun = new Set(events.map(({ stream }) => stream))
      if (open !== undefined) begun.delete(open.stream)
      const mine = [...begun].filter((stream) => book.prefixes.some((prefix) => stream.startsWith(prefix)))
      const replays = new Map((yield* inspection.open(book, tp, mine)).map((replay) => [replay.stream, replay]))
      const before = open
      if (before !== undefined) replays.set(before.stream, before)
      for (const event of events) replays.get(event.stream)?.take(event)
      yield* inspection.compare([...replays.values()])
      const last = events.at(-1)
      const more = events.length >= limit
      const still = more && last !== undefined ? replays.get(last.stream) : undefined
      yield* inspection.close([...replays.values()].filter((replay) => replay !== still))
      if (still === undefined) open = undefined
      else if (still !== open) {
        open = still
        enough = (yield* headOf(tp, still.stream)) + PATIENCE_PAGES * limit
      }
      if (last !== undefined) cursor = { stream: last.stream, version: last.version }
      if (open !== undefined && open.version >= enough) {
        cursor = { stream: open.stream, version: VERSION_MAX }
        open = undefined
      }
      const { findings, counts, unsettled, closed } = inspection
      return { page: { findings, counts, unsettled, closed, read: events.length }, more }
    })
  return { name: `${book.service} ${tp}`, advance }
}

/** All rows of one table: each must come from a stream that there is. */
const rowsLeg = (desk: Desk, source: Source): Leg => {
  let after: ReadonlyArray<string> = []
  const advance: Leg["advance"] = (limit) =>
    Effect.gen(function* () {
      const rows = yield* rowsAfter(source.table, after, limit)
      const findings = yield* withoutStream(desk, source, rows)
      const last = rows.at(-1)
      if (last !== undefined) after = cellsOf(source.table, last)
      const counts = { ...noCounts(), rows: rows.length }
      return { page: { ...NOTHING, findings, counts, read: rows.length }, more: rows.length >= limit }
    })
  return { name: source.table.name, advance }
}

export const withoutStream = (desk: Desk, source: Source, rows: ReadonlyArray<TextRow>) =>
  Effect.gen(function* () {
    const findings: Array<Found> = []
    for (const [book, of] of Map.groupBy(rows, (row) => bookFor(desk.books, source.streamOf(row)))) {
      if (book === undefined) continue
      const found = yield* firstEvents(book, source, of)
      const made = source.made === "any" ? yield* foldsOf(book, [...found.values()]) : new Map<string, Replay>()
      for (const [i, row] of of.entries())
        if (!comesFrom(book, source, row, found.get(i), made)) findings.push(extraRow(source, row, "row"))
    }
    return findings
  })

/** Most rows say whose they are, and so in which partition their stream is; the others are looked for in all. */
const firstEvents = (book: Book, { streamOf }: Source, rows: ReadonlyArray<TextRow>) =>
  Effect.gen(function* () {
    const topic = topicOf(book.tps[0] ?? 0)
    const guesses = rows.flatMap((row, i) => {
      const { tenant, user_id } = row
      if (typeof tenant !== "string" || typeof user_id !== "string") return []
      return [{ i, stream: streamOf(row), tp: topicPartition(topic, partitionKey(tenant, user_id)) }]
    })
    const found = new Map<number, EventAt>()
    for (const event of yield* firstEventsAt(guesses)) found.set(guesses[event.i]?.i ?? -1, event)
    const rest = rows.flatMap((row, i) => (found.has(i) ? [] : [{ i, stream: streamOf(row), version: 1 }]))
    if (rest.length === 0) return found
    for (const event of yield* eventsAt(book.tps, rest)) found.set(rest[event.i]?.i ?? -1, event)
    return found
  })

const foldsOf = (book: Book, first: ReadonlyArray<EventAt>) => {
  const places = new Map(first.map(({ stream, tp }) => [stream, tp]))
  const beside = { snapshot: undefined, remembered: undefined, accounts: () => undefined }
  const replays = [...places].map(([stream, tp]) => new Replay(book, tp, stream, beside))
  return Effect.map(readAll(replays), (read) => new Map(read.map((replay) => [replay.stream, replay])))
}

const comesFrom = (
  book: Book,
  { table, made }: Source,
  row: TextRow,
  event: EventAt | undefined,
  folds: ReadonlyMap<string, Replay>
): boolean => {
  if (event === undefined) return false
  const key = cellsOf(table, row).join("\u0000")
  const isIt = (of: { readonly table: Table; readonly row: Row }) =>
    of.table === table && cellsOf(table, of.row).join("\u0000") === key
  // What cannot be read is told of its stream.
  const replay = folds.get(event.stream)
  if (made === "any") return replay === undefined || replay.halted || replay.rows().some(isIt)
  if (made !== "first" || event.version !== 1) return true
  const message = messageOf(event)
  return Result.isFailure(message) || book.fold().take(message.success, 1).rows.some(isIt)
}

/** All postings: each must be what the event it names makes of it. */
const postingsLeg = (desk: Desk): Leg => {
  let after: ReadonlyArray<string> = []
  const advance: Leg["advance"] = (limit) =>
    Effect.gen(function* () {
      const rows = yield* postingsAfter(after, limit)
      const findings = yield* withoutEvent(desk, rows)
      const last = rows.at(-1)
      if (last !== undefined) after = [last.payment_id, last.kind, last.ref]
      const counts = { ...noCounts(), rows: rows.length }
      return { page: { ...NOTHING, findings, counts, read: rows.length }, more: rows.length >= limit }
    })
  return { name: "ledger.postings", advance }
}

type Postings = Effect.Success<ReturnType<typeof postingsAfter>>

export const withoutEvent = (desk: Desk, rows: Postings) =>
  Effect.gen(function* () {
    const findings: Array<Found> = []
    const byBook = Map.groupBy(rows, ({ stream }) => bookFor(desk.books, stream))
    for (const [book, of] of byBook) {
      const events = book === undefined ? [] : yield* eventsAt(book.tps, of.map(claim))
      const found = new Map(events.map((event) => [event.i, event]))
      for (const [i, row] of of.entries()) {
        const event = found.get(i)
        const message = event?.version === Number(row.version) ? messageOf(event) : undefined
        // What cannot be read is told of its stream.
        if (message !== undefined && Result.isFailure(message)) continue
        const made = message === undefined ? [] : (book?.postingsOf(message.success, Number(row.version)) ?? [])
        const { payment_id, kind, ref } = row
        if (made.some((p) => p.payment_id === payment_id && p.kind === kind && p.ref === ref)) continue
        const about = { stream: row.stream, version: Number(row.version), found: whole(asText({ ...row })) }
        const key = [payment_id, kind, ref]
        const what = `posting ${key.join(" ").trim()} has no event`
        const detail = `${what}; take it back by a posting of its own once it is explained`
        findings.push({ ...damage("posting", "posting_extra", { ...about, detail }), key: key.join(" "), cells: key })
      }
    }
    return findings
  })

const claim = ({ stream, version }: { stream: string; version: string }) => ({ stream, version: Number(version) })
