/** All SQL of the trail. One statement reads a batch, one writes it whole; a verification reads page by page. */
import { Effect } from "effect"
import { SERVICES } from "../../../shared/contract/envelope.ts"
import type { Cell } from "../../../shared/runtime/decider.ts"
import { type Column, parameters, unfold } from "../../../shared/runtime/journal/columns.ts"
import { query, type Sql, type SqlFailure } from "../../../shared/runtime/postgres.ts"
import type { Anchor, Chained, Head, StoredEvent } from "./entry.ts"

export type Asked<A> = Effect.Effect<A, SqlFailure, Sql>

type Params = ReadonlyArray<string | number>
const ask = <R extends object>(text: string, params: Params = []): Asked<ReadonlyArray<R>> =>
  query((sql) => sql.unsafe<Array<R & Record<string, never>>>(text, params as Array<string>, { prepare: true }))

const GROUP = SERVICES.indexOf("audit")

/** The columns' cells as parameters from `$3` on, then the counts that are expected. */
const params = (columns: ReadonlyArray<Column>, ...counts: ReadonlyArray<number>) => [
  ...parameters(columns),
  ...counts.map(String)
]
const column = (type: string, cells: ReadonlyArray<Cell>): Column => ({ type, cells })
const unnested = (from: number, types: ReadonlyArray<string>) =>
  `unnest(${types.map((type, i) => unfold(from + i, type)).join(", ")})`

/** A partition that the trail has never read begins at its beginning. */
export const seedPositions = (tps: ReadonlyArray<number>) =>
  ask(
    `insert into audit.positions (tp, next) select u.tp, 0 from ${unnested(3, ["smallint"])} u(tp)
     on conflict do nothing`,
    params([column("smallint", tps)])
  )

/** A partition with something to record. Without an event its position is only to be shown anew. */
export interface Due extends Partial<StoredEvent> {
  readonly tp: number
  readonly next: number
}

/** Each partition has its share of the limit, so that a busy one starves no other. */
const UNRECORDED = `with due as materialized (
    select a.tp, a.next, count(*) filter (where p.next > a.next) over () as busy
    from audit.positions a join bus.partitions p on p.tp = a.tp
    left join bus.offsets o on o.grp = ${GROUP} and o.tp = a.tp
    where p.next > a.next or o.next is distinct from a.next)
  select due.tp::int as tp, due.next::float8 as next, e.off::float8 as off, e.id::text as id, e.stream,
    e.version, e.type, e.cause::text as cause, e.n::int as n, e.body
  from due left join lateral (select * from journal.events e where e.tp = due.tp and e.off >= due.next
    order by e.off limit greatest(1, $1::int / greatest(1, due.busy))) e on true
  order by due.tp, e.off`

export const unrecorded = (limit: number) => ask<Due>(UNRECORDED, [limit])

const HEAD = "c.tenant, c.seq::float8 as seq, encode(c.hash, 'hex') as hash, c.at::float8 as at"

export const headsOf = (tenants: ReadonlyArray<string>) =>
  ask<Head & { readonly tenant: string }>(
    `select ${HEAD} from ${unnested(3, ["text"])} u(tenant) join audit.chains c on c.tenant = u.tenant`,
    params([column("text", tenants)])
  )

export interface Recording {
  readonly positions: ReadonlyArray<{ readonly tp: number; readonly from: number; readonly to: number }>
  readonly entries: ReadonlyArray<Chained>
  readonly heads: ReadonlyArray<{ readonly tenant: string; readonly was: number; readonly head: Head }>
  readonly anchors: ReadonlyArray<Anchor>
}

const POSITIONS = ["smallint", "bigint", "bigint"]
const HEADS = ["text", "bigint", "bigint", "text", "bigint"]
const ENTRIES = ["text", "bigint", "bigint", "bigint", "smallint", "bigint", "uuid", "text", "int", "text", "text"]
const ANCHORS = ["text", "date", "bigint", "text"]
const COLUMNS = [...POSITIONS, ...HEADS, ...ENTRIES, "text", "text", ...ANCHORS]
const COUNTS = 3 + COLUMNS.length

/** All or nothing, and nothing where positions or chains are not as they were read: another writer was here. */
const RECORD = `with positions as materialized (select * from ${unnested(3, POSITIONS)} u(tp, a, b)),
  heads as materialized (select * from ${unnested(6, HEADS)} u(tenant, was, seq, hash, at)),
  moved as (update audit.positions p set next = u.b from positions u where p.tp = u.tp and p.next = u.a returning 1),
  shown as (insert into bus.offsets (grp, tp, next) select ${GROUP}, u.tp, u.b from positions u
    on conflict (grp, tp) do update set next = excluded.next),
  begun as (insert into audit.chains (tenant, seq, hash, at)
    select u.tenant, u.seq, decode(u.hash, 'hex'), u.at from heads u where u.was = 0
    on conflict do nothing returning 1),
  grown as (update audit.chains c set seq = u.seq, hash = decode(u.hash, 'hex'), at = u.at from heads u
    where u.was > 0 and c.tenant = u.tenant and c.seq = u.was returning 1),
  written as (insert into audit.entries
    (tenant, seq, at, time, tp, off, event_id, stream, version, type, actor, event_sha256, hash)
    select u.tenant, u.seq, u.at, u.time, u.tp, u.off, u.id, u.stream, u.version, u.type, u.actor,
      decode(u.event, 'hex'), decode(u.hash, 'hex')
    from ${unnested(11, [...ENTRIES, "text", "text"])}
      u(tenant, seq, at, time, tp, off, id, stream, version, type, actor, event, hash) returning 1),
  anchored as (insert into audit.anchors (tenant, day, seq, hash)
    select u.tenant, u.day, u.seq, decode(u.hash, 'hex') from ${unnested(24, ANCHORS)} u(tenant, day, seq, hash)
    on conflict do nothing)
  select bus.expect('offsets', (select count(*) from moved), $${COUNTS}::bigint),
    bus.expect('guarded rows', (select count(*) from begun) + (select count(*) from grown), $${COUNTS + 1}::bigint),
    bus.expect('entries', (select count(*) from written), $${COUNTS + 2}::bigint)`

export const record = ({ positions, entries, heads, anchors }: Recording) => {
  const cells: ReadonlyArray<ReadonlyArray<Cell>> = [
    positions.map(({ tp }) => tp),
    positions.map(({ from }) => from),
    positions.map(({ to }) => to),
    heads.map(({ tenant }) => tenant),
    heads.map(({ was }) => was),
    heads.map(({ head }) => head.seq),
    heads.map(({ head }) => head.hash),
    heads.map(({ head }) => head.at),
    entries.map(({ tenant }) => tenant),
    entries.map(({ seq }) => seq),
    entries.map(({ at }) => at),
    entries.map(({ time }) => time),
    entries.map(({ tp }) => tp),
    entries.map(({ off }) => off),
    entries.map(({ event_id }) => event_id),
    entries.map(({ stream }) => stream),
    entries.map(({ version }) => version),
    entries.map(({ type }) => type),
    entries.map(({ actor }) => actor),
    entries.map(({ event_sha256 }) => event_sha256),
    entries.map(({ hash }) => hash),
    anchors.map(({ tenant }) => tenant),
    anchors.map(({ day }) => day),
    anchors.map(({ seq }) => seq),
    anchors.map(({ hash }) => hash)
  ]
  const columns = cells.map((of, i) => column(COLUMNS[i] as string, of))
  return ask(RECORD, params(columns, positions.length, heads.length, entries.length))
}

/** Chains whose ends are held in memory at most. */
export const CHAINS_MAX = 100_000

/** Where chains end. Absent: every tenant's. */
export const endsOf = (tenants: ReadonlyArray<string> | undefined, limit: number) =>
  ask<Head & { readonly tenant: string }>(
    `select ${HEAD} from audit.chains c where $1::text[] is null or c.tenant = any($1::text[])
     order by c.tenant limit $2::int`,
    [tenants === undefined ? null : tenants, limit] as never
  )

export const positions = ask<{ readonly tp: number; readonly next: number; readonly head: number }>(
  `select a.tp::int as tp, a.next::float8 as next, p.next::float8 as head
   from audit.positions a join bus.partitions p on p.tp = a.tp order by a.tp`
)

/** An entry as it stands, with the event that stands at its place in the log. */
export interface Walked extends Chained {
  readonly e_id: string | null
  readonly e_stream: string
  readonly e_version: number
  readonly e_type: string
  readonly e_cause: string
  readonly e_n: number
  readonly e_body: string
}

export const pageOf = (tenant: string, after: { readonly seq: number; readonly at: number }, limit: number) =>
  ask<Walked>(
    `select x.tenant, x.seq::float8 as seq, x.at::float8 as at, x.time::float8 as time, x.tp::int as tp,
       x.off::float8 as off, x.event_id::text as event_id, x.stream, x.version, x.type, x.actor,
       encode(x.event_sha256, 'hex') as event_sha256, encode(x.hash, 'hex') as hash,
       e.id::text as e_id, e.stream as e_stream, e.version as e_version, e.type as e_type, e.cause::text as e_cause,
       e.n::int as e_n, e.body as e_body
     from (select * from audit.entries where tenant = $1 and (seq, at) > ($2::bigint, $3::bigint)
       order by seq, at limit $4::int) x
     left join lateral (select * from journal.events e where e.tp = x.tp and e.off = x.off order by e.off limit 1) e
       on true
     order by x.seq, x.at`,
    [tenant, after.seq, after.at, limit]
  )

const ANCHOR = "a.tenant, to_char(a.day, 'YYYY-MM-DD') as day, a.seq::float8 as seq, encode(a.hash, 'hex') as hash"

export const anchorsOf = (tenant: string, from: number, to: number) =>
  ask<Anchor>(
    `select ${ANCHOR} from audit.anchors a where a.tenant = $1 and a.seq between $2::bigint and $3::bigint
     order by a.seq`,
    [tenant, from, to]
  )

/** Whether there is a partition of that month (`YYYY-MM`), so that its entries should be there as well. */
export const monthIsKept = (month: string) =>
  Effect.map(
    ask<{ readonly kept: boolean }>("select to_regclass($1) is not null as kept", [
      `audit.entries_${month.replace("-", "_")}`
    ]),
    ([row]) => row?.kept === true
  )
