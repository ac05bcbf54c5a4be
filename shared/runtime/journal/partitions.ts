/**
 * Monthly partitions, made ahead, for tables that grow by time and have no key beyond their month (payments by UUIDv7,
 * notifications, audit). Months are UTC. Nothing is locked when nothing is missing; taking a month off is an operator's
 * `detach`.
 */
import { Effect } from "effect"
import { query, type Sql, type SqlFailure, transaction } from "../postgres.ts"

export interface MonthlyTable {
  /** With its schema; partitioned by range of one column. */
  readonly table: string
  /** What that column holds: a UUIDv7, or ms since the epoch. */
  readonly column: "uuidv7" | "ms"
  /** Any moment (ms) of the first month that must exist; usually now. */
  readonly from: number
  readonly monthsAhead: number
}

export interface MonthlyPartition {
  readonly name: string
  readonly sql: string
}

/** Ten years: further than this somebody has mistaken seconds for milliseconds. */
const MONTHS_MAX = 120
const LOCK_WAIT_MS = 2_000

export const monthsOf = ({ table, column, from, monthsAhead }: MonthlyTable): ReadonlyArray<MonthlyPartition> => {
  if (!/^[a-z_]+\.[a-z_]+$/.test(table)) throw new Error(`${table}: a table is named schema.table`)
  if (!(monthsAhead >= 0 && monthsAhead <= MONTHS_MAX)) throw new Error(`${monthsAhead} months ahead`)
  const first = new Date(from)
  const start = (month: number) => Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + month, 1)
  return Array.from({ length: monthsAhead + 1 }, (_, month) => {
    const name = `${table}_${new Date(start(month)).toISOString().slice(0, 7).replace("-", "_")}`
    const bound = (at: number) => (column === "ms" ? String(at) : `'${uuidv7Bound(at)}'`)
    const range = `from (${bound(start(month))}) to (${bound(start(month + 1))})`
    return { name, sql: `create table ${name} partition of ${table} for values ${range}` }
  })
}

/** Below every UUIDv7 of that millisecond, above every earlier one. */
export const uuidv7Bound = (ms: number): string => {
  const hex = ms.toString(16).padStart(12, "0")
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

/** Answers with the partitions it made. */
export const ensureMonths = (table: MonthlyTable): Effect.Effect<ReadonlyArray<string>, SqlFailure, Sql> =>
  Effect.gen(function* () {
    const months = monthsOf(table)
    if ((yield* missing(months)).length === 0) return []
    return yield* transaction(
      Effect.gen(function* () {
        // Another process may be doing the same; and a waiting `create table` would make every writer behind it wait.
        yield* query((sql) => sql`select pg_advisory_xact_lock(hashtext(${`months of ${table.table}`}))`)
        yield* query((sql) => sql.unsafe(`set local lock_timeout = ${LOCK_WAIT_MS}`))
        const made = yield* missing(months)
        for (const month of made) yield* query((sql) => sql.unsafe(month.sql))
        return made.map(({ name }) => name)
      }),
      "isolation level read committed"
    )
  })

/** By a scan of the catalogue: `to_regclass` may answer from a cache that has not heard of the other process yet. */
const missing = (months: ReadonlyArray<MonthlyPartition>) =>
  Effect.map(
    query<{ name: string }>((sql) => {
      const names = months.map(({ name }) => name).join(",")
      return sql`select n.nspname || '.' || c.relname as name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname || '.' || c.relname = any(string_to_array(${names}, ','))`
    }),
    (rows) => {
      const present = new Set(rows.map(({ name }) => name))
      return months.filter(({ name }) => !present.has(name))
    }
  )
