/**
 * All SQL of the checks. Every cell of a table is read as text, so that any table can be compared with any row; every
 * read is bounded by its caller.
 */
import { Effect } from "effect"
import type { Table } from "../../shared/runtime/decider.ts"
import { query, type Sql, type SqlFailure } from "../../shared/runtime/postgres.ts"

export type Asked<A> = Effect.Effect<A, SqlFailure, Sql>
export type TextRow = Readonly<Record<string, string | null>>

export interface StoredEvent {
  readonly stream: string
  readonly version: number
  readonly id: string
  readonly type: string
  readonly cause: string
  readonly body: string
}

export interface SnapshotRow {
  readonly stream: string
  readonly version: number
  readonly schema: number
  readonly state: string
}

export interface PostingRow {
  readonly payment_id: string
  readonly kind: string
  readonly ref: string
  readonly source: string
  readonly destination: string
  readonly amount: string
  readonly currency: string
  readonly stream: string
  readonly version: string
  readonly time: string
}

type Params = ReadonlyArray<string | number | ReadonlyArray<string | number>>
const ask = <R extends object>(text: string, params: Params = []): Asked<ReadonlyArray<R>> =>
  query((sql) => sql.unsafe<Array<R & Record<string, never>>>(text, params as Array<string>, { prepare: true }))

const EVENT = "e.stream, e.version, e.id::text as id, e.type, e.cause::text as cause, e.body"

export const eventsAfter = (tp: number, stream: string, version: number, limit: number) =>
  ask<StoredEvent>(
    `select ${EVENT} from journal.events e where e.tp = $1::smallint and (e.stream, e.version) > ($2, $3::int)
     order by e.stream, e.version limit $4::int`,
    [tp, stream, version, limit]
  )

export const headOf = (tp: number, stream: string) =>
  Effect.map(
    ask<{ version: number }>(
      `select e.version from journal.events e where e.tp = $1::smallint and e.stream = $2
       order by e.version desc limit 1`,
      [tp, stream]
    ),
    ([row]) => row?.version ?? 0
  )

interface Place {
  readonly tp: number
  readonly stream: string
  readonly version: number
}

/** The next events of each of these streams after its version, in order. */
export const eventsOfMany = (places: ReadonlyArray<Place>, each: number) =>
  ask<StoredEvent>(
    `select ${EVENT} from unnest($1::smallint[], $2::text[], $3::int[]) u(tp, stream, version) cross join lateral
       (select * from journal.events e where e.tp = u.tp and e.stream = u.stream and e.version > u.version
        order by e.version limit $4::int) e
     order by e.stream, e.version`,
    [places.map(({ tp }) => tp), places.map(({ stream }) => stream), places.map(({ version }) => version), each]
  )

/** Where each of these streams is, of those that are anywhere in these partitions. */
export const placesOf = (tps: ReadonlyArray<number>, streams: ReadonlyArray<string>) =>
  ask<{ tp: number; stream: string }>(
    `select p.tp::int as tp, u.stream from unnest($1::text[]) u(stream) cross join unnest($2::smallint[]) p(tp)
     cross join lateral (select 1 from journal.events e where e.tp = p.tp and e.stream = u.stream
       order by e.version limit 1) e`,
    [streams, tps]
  )

interface At {
  readonly stream: string
  readonly version: number
}
export interface EventAt extends StoredEvent {
  readonly i: number
  readonly tp: number
}

/** The event of that version of each stream, or the next one; wherever in these partitions the stream is. */
export const eventsAt = (tps: ReadonlyArray<number>, of: ReadonlyArray<At>) =>
  ask<EventAt>(
    `select u.i, p.tp::int as tp, ${EVENT} from unnest($1::int[], $2::text[], $3::int[]) u(i, stream, version)
     cross join unnest($4::smallint[]) p(tp) cross join lateral
       (select * from journal.events e where e.tp = p.tp and e.stream = u.stream and e.version >= u.version
        order by e.version limit 1) e`,
    [of.map((_, i) => i), of.map(({ stream }) => stream), of.map(({ version }) => version), tps]
  )

/** The first event of each stream, in the partition where it should be. */
export const firstEventsAt = (of: ReadonlyArray<{ readonly tp: number; readonly stream: string }>) =>
  ask<EventAt>(
    `select u.i, u.tp::int as tp, ${EVENT} from unnest($1::int[], $2::smallint[], $3::text[]) u(i, tp, stream)
     cross join lateral
       (select * from journal.events e where e.tp = u.tp and e.stream = u.stream order by e.version limit 1) e`,
    [of.map((_, i) => i), of.map(({ tp }) => tp), of.map(({ stream }) => stream)]
  )

export const snapshotsOf = (tp: number, streams: ReadonlyArray<string>) =>
  ask<SnapshotRow>(
    `select s.stream, s.version, s.schema, s.state from unnest($2::text[]) u(stream) cross join lateral
       (select * from journal.snapshots s where s.tp = $1::smallint and s.stream = u.stream limit 1) s`,
    [tp, streams]
  )

/** Rows of a table by some of its columns, for many values at once. */
export const rowsBy = (table: Table, columns: ReadonlyArray<string>, values: ReadonlyArray<ReadonlyArray<string>>) => {
  const names = columns.map((_, i) => `k${i}`)
  const arrays = columns.map((column, i) => `$${i + 1}::text[]::${table.columns[column]}[]`)
  const on = columns.map((column, i) => `t."${column}" = u.k${i}`)
  return ask<TextRow>(
    `select ${cells(table)} from (select distinct * from unnest(${arrays.join(", ")}) v(${names.join(", ")})) u
     join ${table.name} t on ${on.join(" and ")}`,
    columns.map((_, i) => values.map((of) => of[i] as string))
  )
}

/** A page of a table in the order of its key; `after` empty: from the beginning. */
export const rowsAfter = (table: Table, after: ReadonlyArray<string>, limit: number) => {
  const key = table.key.map((name) => `t."${name}"`).join(", ")
  const from = table.key.map((name, i) => `$${i + 2}::text::${table.columns[name]}`).join(", ")
  return ask<TextRow>(
    `select ${cells(table)} from ${table.name} t ${after.length > 0 ? `where (${key}) > (${from})` : ""}
     order by ${key} limit $1::int`,
    [limit, ...after]
  )
}

const cells = (table: Table): string =>
  Object.keys(table.columns)
    .map((name) => `t."${name}"::text as "${name}"`)
    .join(", ")

const POSTING = `l.payment_id, l.kind, l.ref, l.source, l.destination, l.amount::text as amount, l.currency, l.stream,
  l.version::text as version, l.time::text as time`

export const postingsBy = (
  keys: ReadonlyArray<{ readonly payment_id: string; readonly kind: string; readonly ref: string }>
) =>
  ask<PostingRow>(
    `select ${POSTING} from unnest($1::text[], $2::text[], $3::text[]) u(payment_id, kind, ref) cross join lateral
       (select * from ledger.postings l where l.payment_id = u.payment_id and l.kind = u.kind and l.ref = u.ref
        limit 1) l`,
    [keys.map(({ payment_id }) => payment_id), keys.map(({ kind }) => kind), keys.map(({ ref }) => ref)]
  )

export const postingsAfter = (after: ReadonlyArray<string>, limit: number) =>
  ask<PostingRow>(
    `select ${POSTING} from ledger.postings l
     ${after.length > 0 ? "where (l.payment_id, l.kind, l.ref) > ($2, $3, $4)" : ""}
     order by l.payment_id, l.kind, l.ref limit $1::int`,
    [limit, ...after]
  )

/** What moved for each payment, by kind of posting, and what the gateway is giving back just now. */
export const movedFor = (payments: ReadonlyArray<string>) =>
  ask<{ payment_id: string; kind: string; n: number; total: string; currencies: string }>(
    `select u.payment_id, m.kind, m.n, m.total, m.currencies from unnest($1::text[]) u(payment_id) cross join lateral (
       select l.kind, count(*)::int as n, sum(l.amount)::text as total,
         string_agg(distinct l.currency, ' ') as currencies
       from ledger.postings l where l.payment_id = u.payment_id group by l.kind
       union all
       select 'reversing', count(*)::int, coalesce(sum(a.amount), 0)::text, string_agg(distinct a.currency, ' ')
       from gateway.attempts a where a.payment_id = u.payment_id and a.status = 'REVERSING' having count(*) > 0) m`,
    [payments]
  )

/** Streams of the log's last records in one partition, newest first. */
export const touched = (tp: number, from: number, limit: number) =>
  ask<{ stream: string }>(
    `select distinct stream from (select e.stream from journal.events e
       where e.tp = $1::smallint and e.off >= $2::bigint order by e.off desc limit $3::int) latest`,
    [tp, from, limit]
  )

export const heads = (tps: ReadonlyArray<number>) =>
  ask<{ tp: number; next: string }>(
    "select tp::int as tp, next::text as next from bus.partitions where tp = any($1::smallint[])",
    [tps]
  )

/** Holds the partitions as a commit does, in the same order: until the end nobody appends to their streams. */
export const holdPartitions = (tps: ReadonlyArray<number>) =>
  ask("select 1 from bus.partitions where tp = any($1::smallint[]) order by tp for update", [tps])

export const remove = (table: Table, keys: ReadonlyArray<ReadonlyArray<string>>) => {
  const arrays = table.key.map((name, i) => `$${i + 1}::text[]::${table.columns[name]}[]`)
  const on = table.key.map((name, i) => `t."${name}" = u.k${i}`)
  return ask(
    `delete from ${table.name} t using unnest(${arrays.join(", ")}) u(${table.key.map((_, i) => `k${i}`).join(", ")})
     where ${on.join(" and ")}`,
    table.key.map((_, i) => keys.map((key) => key[i] as string))
  )
}

export const execute = (text: string, params: ReadonlyArray<string>) => ask<{ bases: string | null }>(text, params)

/** Journals that work on this database now: of a platform that runs. */
export const journals = ask<{ pid: number; name: string }>(
  `select pid, application_name as name from pg_stat_activity
   where datname = current_database() and application_name like 'journal-%' order by pid limit 1`
)
