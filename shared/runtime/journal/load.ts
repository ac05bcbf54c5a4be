/** What the journal reads. Each is one prepared statement; a lookup is `lateral … order by …
 * limit`: the order names the index, whatever the planner thinks of a table that was empty when it looked. */
import { Result } from "effect"
import { decode, type Undecodable } from "../../contract/codec.ts"
import { SERVICES, type Service } from "../../contract/envelope.ts"
import { parameters, unfold } from "./columns.ts"
import type { LogRecord, StoredStream, TimerRow } from "./store.ts"

export interface Query {
  readonly text: string
  readonly params: ReadonlyArray<string>
}

interface EventColumns {
  readonly id: string | null
  readonly type: string | null
  readonly stream: string | null
  readonly cause: string | null
  readonly body: string
}

/** A stored event that this version cannot read: its stream halts, it is never skipped. */
export class UnreadableEvent extends Error {
  readonly undecodable: Undecodable
  constructor(undecodable: Undecodable) {
    super(`event ${undecodable.id} (${undecodable.type}) of ${undecodable.subject}: ${undecodable.error}`)
    this.undecodable = undecodable
  }
}

/** A stream's head and the events after its snapshot, together: one statement sees one moment. */
const LOAD = `with heads as materialized (
  select u.i, u.tp, u.stream, s.version, s.time, s.state, t.due_at
  from unnest(${unfold(3, "int")}, ${unfold(4, "smallint")}, ${unfold(5, "text")}) u(i, tp, stream)
  left join lateral (select version, time, state from journal.snapshots s
    where s.tp = u.tp and s.stream = u.stream and s.schema = $6::int limit 1) s on true
  left join lateral (select due_at from journal.timers t where t.stream = u.stream limit 1) t on true)
select i, version, time, due_at, null::uuid as id, null::text as type, null::uuid as cause, state as body from heads
union all
select h.i, e.version, null, null, e.id, e.type, e.cause, e.body from heads h cross join lateral
  (select version, id, type, cause, body from journal.events e
   where e.tp = h.tp and e.stream = h.stream and e.version > coalesce(h.version, 0) order by e.version limit 1000000) e`

export interface LoadRow {
  readonly i: number
  readonly version: number | null
  readonly time: bigint | null
  readonly due_at: bigint | null
  readonly id: string | null
  readonly type: string | null
  readonly cause: string | null
  readonly body: string | null
}

type Streams = ReadonlyArray<{ readonly tp: number; readonly stream: string }>

export const loadQuery = (streams: Streams, schema: number): Query => ({
  text: LOAD,
  params: [
    ...parameters([
      { type: "int", cells: streams.map((_, index) => index) },
      { type: "smallint", cells: streams.map(({ tp }) => tp) },
      { type: "text", cells: streams.map(({ stream }) => stream) }
    ]),
    String(schema)
  ]
})

export const storedStreams = (streams: Streams, rows: ReadonlyArray<LoadRow>): ReadonlyMap<string, StoredStream> => {
  const found = streams.map(() => ({
    snapshot: undefined as StoredStream["snapshot"],
    events: [] as Array<StoredStream["events"][number]>,
    armed: undefined as number | undefined
  }))
  for (const row of rows) {
    const stored = found[row.i]!
    const { version, time, due_at, id, type, cause, body } = row
    if (id !== null) {
      const message = readable({ id, type, stream: streams[row.i]!.stream, cause, body: body ?? "" })
      stored.events.push({ version: version ?? 0, message })
      continue
    }
    if (version !== null) stored.snapshot = { version, time: Number(time), state: JSON.parse(body ?? "null") }
    if (due_at !== null) stored.armed = Number(due_at)
  }
  for (const { events } of found) events.sort((a, b) => a.version - b.version)
  return new Map(streams.map(({ stream }, index) => [stream, found[index]!]))
}

const decoded = ({ id, type, stream, cause, body }: EventColumns) =>
  id === null ? decode(body) : decode(body, { id, type: type ?? "", subject: stream ?? "", causationid: cause ?? "" })

const readable = (columns: EventColumns) => {
  const result = decoded(columns)
  if (Result.isFailure(result)) throw new UnreadableEvent(result.failure)
  return result.success
}

const CAUSES = `select distinct u.cause from unnest(${unfold(3, "smallint")}, ${unfold(4, "uuid")}) u(tp, cause)
  cross join lateral
  (select 1 from journal.events e where e.tp = u.tp and e.cause = u.cause order by e.n limit 1) x`

export const causesQuery = (of: ReadonlyArray<{ readonly tp: number; readonly cause: string }>): Query => ({
  text: CAUSES,
  params: parameters([
    { type: "smallint", cells: of.map(({ tp }) => tp) },
    { type: "uuid", cells: of.map(({ cause }) => cause) }
  ])
})

/**
 * Facts and commands share a partition's offsets; whatever a topic is for, its records are in one of the two
 * tables.
 */
const READ = `select off, id, type, stream, cause, body from (
  (select off, id, type, stream, cause, body from journal.events
    where tp = $1::smallint and off >= $2::bigint order by off limit $3::int)
  union all
  (select off, null::uuid, null::text, null::text, null::uuid, body from bus.log
    where tp = $1::smallint and off >= $2::bigint order by off limit $3::int)) r
order by off limit $3::int`

export interface ReadRow extends EventColumns {
  readonly off: bigint
}

export const readQuery = (tp: number, from: number, limit: number): Query => ({
  text: READ,
  params: [String(tp), String(from), String(limit)]
})

export const logRecord = (tp: number, row: ReadRow): LogRecord =>
  Result.match(decoded(row), {
    onSuccess: (message) => ({ tp, off: Number(row.off), message, undecodable: undefined }),
    onFailure: (undecodable) => ({ tp, off: Number(row.off), message: undefined, undecodable })
  })

export interface PositionRow {
  readonly tp: number
  readonly next: bigint
}

const smallints = (values: ReadonlyArray<number>) => parameters([{ type: "smallint", cells: values }])

export const headsQuery = (tps: ReadonlyArray<number>): Query => ({
  text: `select tp, next from bus.partitions where tp = any(${unfold(3, "smallint")})`,
  params: smallints(tps)
})

export const offsetsQuery = (group: Service, tps: ReadonlyArray<number>): Query => ({
  text: `select tp, next from bus.offsets where grp = $4::smallint and tp = any(${unfold(3, "smallint")})`,
  params: [...smallints(tps), String(SERVICES.indexOf(group))]
})

/** A group without a position begins with the oldest record there is: of commands, the first may be pruned. */
export const seedOffsets = (group: Service, tps: ReadonlyArray<number>): Query => ({
  text: `insert into bus.offsets (grp, tp, next)
  select $4::smallint, u.tp, coalesce(e.off, l.off, p.next, 0) from unnest(${unfold(3, "smallint")}) u(tp)
  left join bus.partitions p on p.tp = u.tp
  left join lateral (select off from journal.events e where e.tp = u.tp order by off limit 1) e on true
  left join lateral (select off from bus.log l where l.tp = u.tp order by off limit 1) l on true
  on conflict do nothing`,
  params: [...smallints(tps), String(SERVICES.indexOf(group))]
})

/** A row that is missing though its partition has records (a partial restore) must not hand out an offset again. */
export const seedPartitions = (tps: ReadonlyArray<number>): Query => ({
  text: `insert into bus.partitions (tp, next)
  select u.tp, greatest(0, e.off + 1, l.off + 1, o.next) from unnest(${unfold(3, "smallint")}) u(tp)
  left join lateral (select off from journal.events e where e.tp = u.tp order by off desc limit 1) e on true
  left join lateral (select off from bus.log l where l.tp = u.tp order by off desc limit 1) l on true
  left join lateral (select max(next) as next from bus.offsets o where o.tp = u.tp) o on true
  where not exists (select 1 from bus.partitions p where p.tp = u.tp)
  on conflict do nothing`,
  params: smallints(tps)
})

const DUE = `select stream, tp, due_at, partitionkey, correlationid from journal.timers
  where due_at <= $1::bigint order by due_at, stream limit $2::int`

export type DueRow = Omit<TimerRow, "due_at"> & { readonly due_at: bigint }

export const dueQuery = (now: number, limit: number): Query => ({ text: DUE, params: [String(now), String(limit)] })
