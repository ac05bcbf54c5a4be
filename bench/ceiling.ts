/**
 * What the same Postgres does with the same rows when nothing else is done: one connection inserts them in batches of
 * 128 events with the commands and read-model rows that belong to as many payments, unnested from text like the
 * journal's. No fold, no offsets, no counters, no timers, no HTTP, no provider.
 */
import postgres, { type Sql } from "postgres"
import { median } from "./numbers.ts"

const BATCH_EVENTS = 128
const PAYMENTS = 2_000
const ROUNDS = 7
const EVENTS_A_PAYMENT = 15
const SEPARATOR = "\u001e"
const NULL = "\u001d"

interface Source {
  readonly table: string
  readonly key: string
  /** Rows a payment has in it. */
  readonly rows: number
  /** Written when the payment begins and again when it ends. */
  readonly twice?: boolean
}
const SOURCES: ReadonlyArray<Source> = [
  { table: "journal.events", key: "tp, stream, version", rows: EVENTS_A_PAYMENT },
  { table: "bus.log", key: "tp, off", rows: 6 },
  { table: "ledger.postings", key: "payment_id, kind, ref", rows: 3 },
  { table: "wallet.wallets", key: "id", rows: 1 },
  { table: "payment.payments", key: "id", rows: 1, twice: true },
  { table: "payment.progress", key: "payment_id", rows: 1, twice: true },
  { table: "saga.sagas", key: "payment_id", rows: 1, twice: true },
  { table: "gateway.attempts", key: "payment_id, provider, attempt", rows: 1 },
  { table: "notification.notifications", key: "id", rows: 1 },
  { table: "api.idempotency_keys", key: "tenant, method, route, key", rows: 1 }
]

/** A section of the statement, and its columns' cells as text, row by row. */
interface Section {
  readonly source: Source
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: string }>
  readonly rows: ReadonlyArray<Readonly<Record<string, string | null>>>
}

const target = ({ table }: Source) => `ceiling.${table.replace(".", "_")}`

const prepare = async (sql: Sql, source: Source): Promise<Section> => {
  const { table, rows } = source
  const columns = await sql<Array<{ name: string; type: string }>>`
    select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = ${table}::regclass and attnum > 0 and not attisdropped order by attnum`
  const wanted = PAYMENTS * rows
  const cells = columns.map(({ name }) => `x."${name}"::text as "${name}"`).join(", ")
  const newest = `bus.partitions p cross join lateral (select * from ${table} e where e.tp = p.tp
    order by e.off desc limit (select ceil(p.next * ${wanted} / sum(next)) from bus.partitions)) x`
  const from = columns.some(({ name }) => name === "off") ? newest : `${table} x`
  const found = await sql.unsafe<Array<Record<string, string | null>>>(`select ${cells} from ${from} limit ${wanted}`)
  await sql.unsafe(`create table ${target(source)} (like ${table} including all)`)
  return { source, columns, rows: found }
}

const insertion = ({ source, columns }: Section, firstParameter: number): string => {
  const names = columns.map(({ name }) => `"${name}"`)
  const arrays = columns.map(({ type }, i) => `string_to_array($${firstParameter + i}, $1, $2)::${type}[]`)
  const keys = source.key.split(", ")
  const rest = columns.map(({ name }) => name).filter((name) => !keys.includes(name))
  const set = rest.map((name) => `"${name}" = excluded."${name}"`).join(", ")
  const conflict = source.twice === true || source.table === "wallet.wallets"
  return `insert into ${target(source)} (${names.join(", ")}) select * from unnest(${arrays.join(", ")})
    ${conflict ? `on conflict (${source.key}) do update set ${set}` : ""}`
}

const statementOf = (sections: ReadonlyArray<Section>): string => {
  let parameter = 3
  const ctes = sections.map((section, index) => {
    const text = `s${index} as (${insertion(section, parameter)})`
    parameter += section.columns.length
    return text
  })
  return `with ${ctes.join(",\n")} select 1`
}

/** The parameters of each batch, joined beforehand: the joining is not what is measured. */
const batchesOf = (sections: ReadonlyArray<Section>): ReadonlyArray<ReadonlyArray<string>> => {
  const count = Math.floor((PAYMENTS * EVENTS_A_PAYMENT) / BATCH_EVENTS)
  return Array.from({ length: count }, (_, batch) => [
    SEPARATOR,
    NULL,
    ...sections.flatMap(({ source, columns, rows }) => {
      const at = (n: number) => Math.floor((rows.length * n) / count)
      const slice = rows.slice(at(source.twice === true ? Math.max(0, batch - 1) : batch), at(batch + 1))
      return columns.map(({ name }) => slice.map((row) => row[name] ?? NULL).join(SEPARATOR))
    })
  ])
}

/** Payments' worth of rows a second. The schema it works in is removed again. */
export const measureCeiling = async (databaseUrl: string): Promise<number> => {
  const sql = postgres(databaseUrl, { max: 1, connection: { application_name: "ceiling" }, onnotice: () => {} })
  try {
    await sql`create schema ceiling`
    const sections: Array<Section> = []
    for (const source of SOURCES) sections.push(await prepare(sql, source))
    const statement = statementOf(sections)
    const batches = batchesOf(sections)
    const tables = sections.map(({ source }) => target(source)).join(", ")
    const rates: Array<number> = []
    for (let round = -1; round < ROUNDS; round++) {
      await sql.unsafe(`truncate ${tables}`)
      const began = performance.now()
      for (const parameters of batches) await sql.unsafe(statement, [...parameters], { prepare: true })
      const seconds = (performance.now() - began) / 1000
      if (round >= 0) rates.push((batches.length * BATCH_EVENTS) / EVENTS_A_PAYMENT / seconds)
    }
    return median(rates)
  } finally {
    await sql`drop schema if exists ceiling cascade`
    await sql.end()
  }
}
