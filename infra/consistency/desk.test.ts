/** Nothing that services keep is left out: a table or a decider that nobody compares would drift in silence. */
import { afterAll, expect, test } from "bun:test"
import postgres from "postgres"
import { migrations } from "../embedded/schema.ts"
import { testDatabase } from "../testing/postgres.ts"
import { SOURCES } from "./desk.ts"

const database = await testDatabase({ migrations })
const sql = postgres(database.url, { max: 1, onnotice: () => {} })
afterAll(async () => {
  await sql.end()
  await database.drop()
})

/** Not made of events: keys and what operators asked for by other means. */
const NOT_DERIVED = ["api", "journal", "ledger", "bus", "public"]
/** What others told us, kept as it came; and the audit trail, which is verified by its own chain. */
const JUDGED_ELSEWHERE = ["audit.anchors", "audit.chains", "audit.entries", "audit.positions", "gateway.webhooks"]

test("every table of the read models has a source", async () => {
  const tables = await sql<Array<{ name: string }>>`
    select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname <> all(${NOT_DERIVED})
      and n.nspname not like 'pg_%' and n.nspname <> 'information_schema' order by 1`
  const known = SOURCES.map(({ table }) => table.name).filter((name) => name !== "journal.snapshots")
  expect([...known, ...JUDGED_ELSEWHERE].toSorted()).toEqual(tables.map(({ name }) => name))
})

test("every column of them is compared", async () => {
  for (const { table } of SOURCES.filter(({ table }) => table.name !== "journal.snapshots")) {
    const columns = await sql<Array<{ name: string }>>`
      select attname as name from pg_attribute where attrelid = ${table.name}::regclass and attnum > 0
        and not attisdropped order by 1`
    expect([table.name, Object.keys(table.columns).toSorted()]).toEqual([table.name, columns.map(({ name }) => name)])
  }
})
