/** Streams by name: where they are, what belongs together, and all that is to be said of them at one moment. */
import { Effect } from "effect"
import { isUuid } from "../../shared/runtime/ids.ts"
import { type Book, bookFor } from "./book.ts"
import type { Desk, Source } from "./desk.ts"
import { Inspection, readAll } from "./inspection.ts"
import type { Replay } from "./replay.ts"
import { type Asked, placesOf, rowsBy } from "./store.ts"
import { withoutStream } from "./tour.ts"

export interface Placed {
  readonly book: Book
  readonly tp: number
  readonly stream: string
}

/** A payment is several streams that write some rows together; a wallet stands alone. */
const FAMILY = ["payment-", "saga-", "gateway-", "notification-"]

export const familiesOf = (streams: Iterable<string>): ReadonlyArray<string> => [
  ...new Set(
    [...streams].flatMap((stream) => {
      const prefix = FAMILY.find((prefix) => stream.startsWith(prefix))
      return prefix === undefined ? [stream] : FAMILY.map((other) => other + stream.slice(prefix.length))
    })
  )
]

/** Of those that have events. */
export const locate = (desk: Desk, streams: ReadonlyArray<string>): Asked<ReadonlyArray<Placed>> =>
  Effect.gen(function* () {
    const placed: Array<Placed> = []
    for (const [book, names] of Map.groupBy(streams, (stream) => bookFor(desk.books, stream)))
      if (book !== undefined) for (const place of yield* placesOf(book.tps, names)) placed.push({ book, ...place })
    return placed
  })

/** Rows that name one of these streams as their own, though it may have no event. */
export const rowsNaming = (desk: Desk, source: Source, streams: ReadonlyArray<string>) => {
  const { table, streamOf } = source
  const prefix = streamOf({ ...NAMELESS })
  const column = table.key.find((name) => streamOf({ ...NAMELESS, [name]: "" }).length < prefix.length)
  if (column === undefined) return Effect.succeed([])
  const start = streamOf({ [column]: "" })
  const keys = streams.flatMap((stream) => (stream.startsWith(start) ? [stream.slice(start.length)] : []))
  const fit = table.columns[column] === "uuid" ? keys.filter(isUuid) : keys
  if (start === "" || fit.length === 0) return Effect.succeed([])
  return Effect.flatMap(
    rowsBy(
      table,
      [column],
      fit.map((key) => [key])
    ),
    (rows) => withoutStream(desk, source, rows)
  )
}
/** A row without any column: its stream's name ends in "undefined". */
const NAMELESS = {}

/** What processors remember must be taken before the moment of the database, or it may be newer. */
export const peekAt = (placed: ReadonlyArray<Placed>): Book["memory"]["peek"] => {
  const remembered = new Map(placed.map(({ book, stream }) => [stream, book.memory.peek(stream)]))
  return (stream) => remembered.get(stream)
}

/** `longFrom`: streams with a snapshot of that version or later are folded from it on. */
export const inspect = (
  desk: Desk,
  placed: ReadonlyArray<Placed>,
  peek: Book["memory"]["peek"],
  longFrom = Number.POSITIVE_INFINITY
): Asked<Inspection> =>
  Effect.gen(function* () {
    const inspection = new Inspection(desk)
    const replays: Array<Replay> = []
    for (const [, of] of Map.groupBy(placed, ({ book, tp }) => `${book.service} ${tp}`)) {
      const [first] = of
      if (first === undefined) continue
      const names = of.map(({ stream }) => stream)
      replays.push(...(yield* inspection.open(first.book, first.tp, names, peek)))
    }
    for (const replay of replays) replay.startAtSnapshot(longFrom)
    yield* readAll(replays)
    yield* inspection.compare(replays)
    yield* inspection.close(replays)
    return inspection
  })
