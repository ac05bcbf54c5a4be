/** From findings to the writes that mend them: whole rows, snapshots and removals, in the journal's own statement. */
import { Effect, Schema } from "effect"
import type { Message } from "../../shared/contract/envelope.ts"
import type { Correction } from "../../shared/runtime/consistency.ts"
import type { Row, Table } from "../../shared/runtime/decider.ts"
import { fold, fresh } from "../../shared/runtime/journal/fold.ts"
import { statementOf } from "../../shared/runtime/journal/statement.ts"
import { emptyWrite, type SnapshotRow, type Write } from "../../shared/runtime/journal/store.ts"
import { correctionDecider } from "./correction.ts"
import type { Found } from "./finding.ts"
import type { Replay } from "./replay.ts"
import { type Asked, execute, remove } from "./store.ts"

export interface Changes {
  readonly rows: Map<Table, Array<Row>>
  readonly removals: Map<Table, Array<ReadonlyArray<string>>>
  readonly snapshots: Map<string, SnapshotRow>
  readonly evicted: Set<string>
}

/** `closed`: the streams as they are now, of which a snapshot may be made. */
export const changesOf = (findings: ReadonlyArray<Found>, closed: ReadonlyArray<Replay>): Changes => {
  const replays = new Map(closed.map((replay) => [replay.stream, replay]))
  const changes: Changes = { rows: new Map(), removals: new Map(), snapshots: new Map(), evicted: new Set() }
  for (const { change, stream } of findings) {
    const replay = replays.get(stream)
    if (change?._tag === "Write") listed(changes.rows, change.table).push(change.row)
    if (change?._tag === "Remove") listed(changes.removals, change.table).push(change.key)
    if (change?._tag === "Evict") changes.evicted.add(stream)
    if (change?._tag === "Snapshot" && replay !== undefined) changes.snapshots.set(stream, snapshotOf(replay))
  }
  return changes
}

export const snapshotOf = (replay: Replay): SnapshotRow => ({
  stream: replay.stream,
  tp: replay.tp,
  version: replay.version,
  schema: replay.book.schema,
  time: replay.time,
  state: replay.encoded()
})

export const listed = <A>(lists: Map<Table, Array<A>>, table: Table): Array<A> => {
  const list = lists.get(table) ?? []
  lists.set(table, list)
  return list
}

/** In the caller's transaction. */
export const apply = (changes: Changes, events: Pick<Write, "events">["events"] = []): Asked<void> =>
  Effect.gen(function* () {
    for (const [table, keys] of changes.removals) yield* remove(table, keys)
    const statement = statementOf({
      ...emptyWrite("metrics"),
      events,
      tables: [...changes.rows].map(([table, rows]) => ({ table, rows })),
      snapshots: [...changes.snapshots.values()]
    })
    if (statement !== undefined) yield* execute(statement.text, statement.params)
  })

interface Told {
  readonly id: string
  readonly now: number
  readonly nextId: (now: number) => string
  readonly partitionkey: string
  readonly actor: string
  readonly reason: string
  readonly traceparent?: string | undefined
}

const encodeState = Schema.encodeSync(correctionDecider.snapshot.codec)

/** The correction events of one repair's stream, as the journal would write them. */
export const eventsOf = (corrections: ReadonlyArray<Correction>, told: Told): Write["events"] => {
  const { id, now, nextId, partitionkey, actor, reason, traceparent } = told
  const subject = `correction-${id}`
  const message: Message = {
    id,
    type: "RecordCorrections",
    subject,
    time: now,
    tenant: partitionkey.slice(0, partitionkey.indexOf("/")),
    partitionkey,
    correlationid: id,
    causationid: id,
    ...(traceparent === undefined ? {} : { traceparent }),
    actor,
    schema: 1,
    data: { corrections, reason }
  }
  const context = { now, nextId, snapshotEvery: Number.MAX_SAFE_INTEGER, encodeState }
  const begun = new Map([[subject, fresh(correctionDecider.initial)]])
  return fold(correctionDecider, [{ message }], begun, context).write.events
}

export const correctionOf = ({ stream, table, key, found, expected }: Found): Correction => ({
  stream,
  table: table ?? "",
  key: key ?? "",
  before: found,
  after: expected
})
