/**
 * Makes anew what is derived, in the one transaction that also records it: the partitions of the streams are held as a
 * commit holds them, so what is written is what their events say until the very end. Events and postings are never
 * touched; what is wrong with them is told to a person.
 */
import { Clock, Effect } from "effect"
import { topicPartitions } from "../../shared/contract/topics.ts"
import type { Correction, Repaired, RepairRequest } from "../../shared/runtime/consistency.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { query, transaction } from "../../shared/runtime/postgres.ts"
import { bookFor } from "./book.ts"
import type { Desk } from "./desk.ts"
import type { Found } from "./finding.ts"
import { apply, changesOf, correctionOf, eventsOf } from "./mend.ts"
import { holdPartitions } from "./store.ts"
import { familiesOf, inspect, locate, type Placed, peekAt } from "./streams.ts"
import type { Verifier } from "./verify.ts"

/** The payment path waits no longer than that for a repair, and a repair for it. */
const LOCK_WAIT_MS = 5_000
/** Payments and wallets one repair mends; the report names what is left. For a whole table there is the rebuild. */
const FAMILIES_MAX = 500
/** Where nothing says whose a row is. */
const NOBODY = "default/nobody"

export interface Repairing {
  readonly desk: Desk
  readonly verifier: Verifier
  /** Told how many events were replayed. */
  readonly replayed: (events: number) => void
  /** Corrections were committed: whoever listens to their topic may look. */
  readonly committed: Effect.Effect<void>
}

/** For whoever has the verifier's turn. */
export const repair = Effect.fnUntraced(function* (of: Repairing, request: RepairRequest) {
  const { desk, verifier } = of
  if (request.streams !== undefined) yield* verifier.look("streams", request.streams)
  const known = verifier.open().filter(({ repairable }) => repairable)
  const named = request.streams === undefined ? known.map(({ stream }) => stream) : request.streams
  const streams = familiesOf(named)
  const among = new Set(streams)
  const corrected: Array<Correction> = []
  const families = groups(yield* locate(desk, streams)).slice(0, FAMILIES_MAX)
  for (const family of families) corrected.push(...(yield* mendFamily(of, request, family)))
  const orphans = known.filter(({ pass, stream }) => pass === "row" && among.has(stream))
  for (const [stream, rows] of Map.groupBy(orphans, ({ stream }) => stream))
    corrected.push(...(yield* removeOrphans(of, request, stream, rows)))
  if (corrected.length > 0) yield* of.committed
  const report = yield* verifier.look("streams", streams)
  const refused = report.inconsistencies.filter(({ repairable }) => !repairable)
  return { corrected, refused, report } satisfies Repaired
})

/** Streams of one payment are mended together, because they write some rows together. */
const groups = (placed: ReadonlyArray<Placed>): ReadonlyArray<ReadonlyArray<Placed>> => [
  ...Map.groupBy(placed, ({ stream }) => familiesOf([stream])[0]).values()
]

const held = <A, E, R>(tps: ReadonlyArray<number>, work: Effect.Effect<A, E, R>) =>
  transaction(
    Effect.gen(function* () {
      yield* query((sql) => sql.unsafe(`set local lock_timeout = ${LOCK_WAIT_MS}`))
      yield* holdPartitions(tps)
      return yield* work
    }),
    // Each statement after the locks sees what the commits before them wrote.
    "isolation level read committed"
  )

const mendFamily = Effect.fnUntraced(function* (of: Repairing, request: RepairRequest, family: ReadonlyArray<Placed>) {
  const { nextId, now } = yield* moment
  const mended = yield* held(
    [...family.map(({ tp }) => tp), ...CORRECTIONS],
    Effect.gen(function* () {
      const { findings, unsettled, closed, counts } = yield* inspect(of.desk, family, peekAt(family))
      of.replayed(counts.events)
      const all = [...findings, ...unsettled.map((replay) => replay.memoryIsAhead())]
      const repairable = all.filter(({ change }) => change !== undefined)
      if (repairable.length === 0) return { corrections: [], evicted: new Set<string>() }
      const changes = changesOf(repairable, closed)
      const corrections = repairable.map(correctionOf)
      const partitionkey = closed[0]?.partitionkey ?? NOBODY
      yield* apply(changes, eventsOf(corrections, { ...request, id: nextId(now), now, nextId, partitionkey }))
      return { corrections, evicted: changes.evicted }
    })
  )
  for (const { book, stream } of family) if (mended.evicted.has(stream)) book.memory.evict(stream)
  return mended.corrections
})

/** Rows that no event made. Their stream might be begun just now, so all partitions where it could be are held. */
const removeOrphans = Effect.fnUntraced(function* (
  of: Repairing,
  request: RepairRequest,
  stream: string,
  rows: ReadonlyArray<Found>
) {
  const { nextId, now } = yield* moment
  const tps = bookFor(of.desk.books, stream)?.tps ?? []
  return yield* held(
    [...tps, ...CORRECTIONS],
    Effect.gen(function* () {
      const begun = yield* locate(of.desk, [stream])
      const first = rows.filter(({ table }) =>
        of.desk.sources.some((s) => s.made !== undefined && s.table.name === table)
      )
      const still = begun.length === 0 ? rows : first
      if (still.length === 0) return []
      const corrections = still.map(correctionOf)
      const told = { ...request, id: nextId(now), now, nextId, partitionkey: NOBODY }
      yield* apply(changesOf(still, []), eventsOf(corrections, told))
      return corrections
    })
  )
})

const moment = Effect.gen(function* () {
  const { next } = yield* Ids
  return { nextId: next, now: yield* Clock.currentTimeMillis }
})

/** Where correction events may go: taken with the others, in one order. */
const CORRECTIONS = topicPartitions("metrics-events")
