/**
 * Everything derived, made anew from the first event on, in place: each batch makes rows and snapshots truer and none
 * worse, so it may be interrupted anywhere and begun again, and a platform may be started on what it left.
 */
import { Clock, Effect } from "effect"
import { LISTED_MAX } from "../../shared/runtime/consistency.ts"
import type { Table } from "../../shared/runtime/decider.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { transaction } from "../../shared/runtime/postgres.ts"
import type { Desk } from "./desk.ts"
import type { Found } from "./finding.ts"
import { apply, type Changes, changesOf, eventsOf, listed, snapshotOf } from "./mend.ts"
import { type Replay, SNAPSHOTS } from "./replay.ts"
import { atOneMoment, Verification } from "./run.ts"
import { sums } from "./sums.ts"
import { type Page, Tour } from "./tour.ts"

export interface RebuildSettings {
  /** Events or rows of one batch, which is one transaction. */
  readonly batch: number
  /** Events of a stream from which on it has a snapshot. */
  readonly snapshotEvery: number
  /** Compares only. */
  readonly check: boolean
  readonly progress: (events: number, streams: number) => void
}

export interface Rebuilt {
  readonly streams: number
  readonly events: number
  readonly durationMs: number
  /** Table → rows that were written or removed, or would be. */
  readonly changed: ReadonlyMap<string, number>
  /** What no replay can mend: the first of them, and how many there are. */
  readonly damage: ReadonlyArray<Found>
  readonly damaged: number
}

export const rebuild = Effect.fnUntraced(function* (desk: Desk, settings: RebuildSettings) {
  const began = yield* Clock.currentTimeMillis
  const tour = new Tour(desk)
  const run = new Verification()
  const changed = new Map<string, number>()
  while (!tour.done()) {
    const page = yield* settings.check
      ? atOneMoment(tour.step(settings.batch))
      : transaction(mended(tour.step(settings.batch), settings.snapshotEvery), "isolation level read committed")
    for (const { table, repairable } of page.findings)
      if (repairable && table !== null) changed.set(table, (changed.get(table) ?? 0) + 1)
    run.add({ ...page, findings: page.findings.filter(({ repairable }) => !repairable) })
    settings.progress(run.counts.events, run.counts.streams)
  }
  for (const found of yield* sums) run.note(found)
  if (!settings.check && changed.size > 0) yield* tell(changed)
  const damage = [...run.findings.values()]
  return {
    streams: run.counts.streams,
    events: run.counts.events,
    durationMs: (yield* Clock.currentTimeMillis) - began,
    changed,
    damage: damage.slice(0, LISTED_MAX),
    damaged: damage.length + run.beyond
  } satisfies Rebuilt
})

/** A page, and in the same transaction what makes it right. */
const mended = <E, R>(look: Effect.Effect<Page, E, R>, snapshotEvery: number) =>
  Effect.gen(function* () {
    const page = yield* look
    const changes = changesOf(page.findings, [])
    for (const replay of page.closed) renewSnapshot(changes, replay, snapshotEvery)
    yield* apply(changes)
    return page
  })

/** One that is right stays, however old; a short stream needs none. */
const renewSnapshot = (changes: Changes, replay: Replay, snapshotEvery: number): void => {
  const { stream, tp, version, snapshotIsRight, beside } = replay
  if (snapshotIsRight) return
  if (version >= snapshotEvery) changes.snapshots.set(stream, snapshotOf(replay))
  else if (beside.snapshot !== undefined) listed(changes.removals, SNAPSHOTS as Table).push([String(tp), stream])
}

/** One event a table: after a restore there may be millions of rows. */
const tell = (changed: ReadonlyMap<string, number>) =>
  Effect.gen(function* () {
    const { next: nextId } = yield* Ids
    const now = yield* Clock.currentTimeMillis
    const corrections = [...changed].map(([table, rows]) => ({
      stream: "*",
      table,
      key: `${rows} rows`,
      before: null,
      after: null
    }))
    const told = { id: nextId(now), now, nextId, partitionkey: "default/nobody", actor: "operator:rebuild" }
    yield* apply(changesOf([], []), eventsOf(corrections, { ...told, reason: "npm run rebuild" }))
  })
