/**
 * Records every committed event, once, in its tenant's chain. It reads the log some moments after the commits and takes
 * no part in them; what it has not recorded when it dies, the next one records.
 */
import { Cause, Clock, Effect } from "effect"
import { PARTITIONS, type Topic, topicPartitions } from "../../../shared/contract/topics.ts"
import { reach } from "../../../shared/runtime/crashpoint.ts"
import { DbError, type Sql, type SqlFailure } from "../../../shared/runtime/postgres.ts"
import {
  type Anchor,
  anchorBefore,
  type Chained,
  chained,
  GENESIS,
  type Head,
  type StoredEvent,
  type Unplaced,
  unplaced
} from "./entry.ts"
import { type Due, headsOf, type Recording, record, seedPositions, unrecorded } from "./store.ts"

export interface WriterSettings {
  /** Between two batches at least (ms). */
  readonly intervalMs: number
  /** Events of one batch at most, or one of each partition. */
  readonly batch: number
}

/** Of the time a batch took, the pause after it at least: payments come first, whatever waits to be recorded. */
const PAUSE_SHARE = 9
/** Hashed between two breaths of the event loop: less than a millisecond of work. */
const SLICE = 100
const BREATH_MS = 1
/** After a failure; also of the one of two writers whose batch had no effect. */
const STEP_BACK_MS = 5_000

/** Every topic of facts; letters of the dead-letter topics are copies of what stands elsewhere. */
const FACTS = (Object.keys(PARTITIONS) as ReadonlyArray<Topic>).filter((topic) => topic.endsWith("-events"))

export const positionsSeeded = Effect.suspend(() => seedPositions(FACTS.flatMap(topicPartitions)))

const isEvent = (due: Due): due is Due & StoredEvent => typeof due.off === "number"

/** Each partition's way: from where it stood to behind its last event of this batch. */
const positionsOf = (dues: ReadonlyArray<Due>): Recording["positions"] => {
  const to = new Map<number, { tp: number; from: number; to: number }>()
  for (const { tp, next, off } of dues)
    to.set(tp, { tp, from: next, to: typeof off === "number" ? off + 1 : (to.get(tp)?.to ?? next) })
  return [...to.values()]
}

/** One batch: how many events were recorded, and the anchors that were written with them. */
export const recordBatch = Effect.fnUntraced(function* (batch: number) {
  const dues = yield* unrecorded(batch)
  if (dues.length === 0) return { events: 0, anchors: [] }
  const events: Array<Unplaced> = []
  const stored = dues.filter(isEvent)
  for (let at = 0; at < stored.length; at += SLICE) {
    for (const event of stored.slice(at, at + SLICE)) events.push(unplaced(event))
    if (at + SLICE < stored.length) yield* Effect.sleep(BREATH_MS)
  }
  const tenants = [...new Set(events.map(({ tenant }) => tenant))]
  const known = new Map((tenants.length === 0 ? [] : yield* headsOf(tenants)).map((head) => [head.tenant, head]))
  const recording = yield* chainedAll(events, known, yield* Clock.currentTimeMillis)
  yield* reach("audit.before-write")
  yield* record({ ...recording, positions: positionsOf(dues) })
  yield* reach("audit.after-write")
  return { events: events.length, anchors: recording.anchors }
})

const chainedAll = Effect.fnUntraced(function* (
  events: ReadonlyArray<Unplaced>,
  known: ReadonlyMap<string, Head>,
  now: number
) {
  const heads = new Map<string, Head>()
  const entries: Array<Chained> = []
  const anchors: Array<Anchor> = []
  for (const event of events) {
    const { tenant } = event
    const head = heads.get(tenant) ?? known.get(tenant) ?? GENESIS
    const entry = chained(head, event, now)
    if (!heads.has(tenant)) anchors.push(...anchorBefore(tenant, head, entry.at))
    heads.set(tenant, entry)
    entries.push(entry)
    if (entries.length % SLICE === 0) yield* Effect.sleep(BREATH_MS)
  }
  const grown = [...heads].map(([tenant, head]) => ({ tenant, was: known.get(tenant)?.seq ?? 0, head }))
  return { entries, heads: grown, anchors }
})

/**
 * Works until it is interrupted. A store that is away, or another writer, is met again a little later. Not even a
 * defect of ours ends it, because a payment needs no trail to be right; the lag then grows, and says so.
 */
export const recording = ({ intervalMs, batch }: WriterSettings): Effect.Effect<never, never, Sql> => {
  const turn = Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const { anchors } = yield* recordBatch(batch)
    for (const { tenant, day, seq, hash } of anchors)
      yield* Effect.logInfo(`audit anchor: tenant ${tenant}, ${day}, entry ${seq}, ${hash}`)
    return Math.max(intervalMs, ((yield* Clock.currentTimeMillis) - began) * PAUSE_SHARE)
  })
  const steady = <A, R>(work: Effect.Effect<A, SqlFailure, R>) =>
    Effect.catchCause(work, (cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.as(said(cause), STEP_BACK_MS)
    )
  const seeded = Effect.repeat(steady(Effect.as(positionsSeeded, 0)).pipe(Effect.tap(Effect.sleep)), {
    until: (waited) => waited === 0
  })
  return Effect.andThen(seeded, Effect.forever(Effect.flatMap(steady(turn), Effect.sleep)))
}

/** Positions or chains have moved: another process records, and does so well. */
const ANOTHER_WRITES = /^WF00[15]$/

const said = (cause: Cause.Cause<SqlFailure>) => {
  const failure = Cause.squash(cause)
  return failure instanceof DbError && ANOTHER_WRITES.test(failure.code)
    ? Effect.logDebug("another process records the audit trail")
    : Effect.logWarning("nothing is recorded in the audit trail for now", cause)
}
