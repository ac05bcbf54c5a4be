/** The tables as they are in Postgres: the columns the journal writes, and the last guard against two charges. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { Effect } from "effect"
import { type TestDatabase, testDatabase } from "../../infra/testing/postgres.ts"
import { query, Sql } from "../../shared/runtime/postgres.ts"
import { Breaker } from "./breakers.ts"
import { gateway } from "./index.ts"
import { FOREVER } from "./operator.ts"
import { breakerRules } from "./settings.ts"
import { tables } from "./store.ts"

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase({ migrations: [{ service: "gateway", dir: join(import.meta.dir, "migrations") }] })
})
afterAll(() => database.drop())

const run = <A, E>(effect: Effect.Effect<A, E, Sql>) =>
  Effect.runPromise(Effect.provide(effect, Sql.layerFrom({ url: database.url, max: 1 })))

const TYPES: Readonly<Record<string, string>> = { integer: "int" }

for (const table of tables)
  test(`${table.name} has the columns and the key that are written`, async () => {
    const [schema, name] = table.name.split(".") as [string, string]
    const columns = await run(
      query(
        (sql) => sql`select column_name, data_type from information_schema.columns
          where table_schema = ${schema} and table_name = ${name} order by ordinal_position`
      )
    )
    const found = columns.map((row) => [row["column_name"], TYPES[String(row["data_type"])] ?? row["data_type"]])
    expect(Object.fromEntries(found)).toEqual(table.columns)
    const key = await run(
      query(
        (sql) => sql`select a.attname from pg_index i
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
          where i.indrelid = ${table.name}::regclass and i.indisprimary
          order by array_position(i.indkey::int2[], a.attnum)`
      )
    )
    expect(key.map((row) => row["attname"])).toEqual([...table.key])
  })

const insert = (provider: string, status: string) =>
  query(
    (sql) => sql`insert into gateway.attempts
      (payment_id, provider, attempt, status, key, amount, currency, started_at, updated_at)
      values ('p', ${provider}, 1, ${status}, 'k', 1, 'USD', 0, 0)`
  )

test("two attempts of a payment that may take money cannot both be stored", async () => {
  await run(insert("stripe", "FENCED"))
  await run(insert("paypal", "UNKNOWN"))
  expect(await run(Effect.flip(insert("adyen", "SUCCEEDED")))).toMatchObject({
    _tag: "UniqueViolation",
    constraint: "attempts_one_that_may_charge"
  })
})

test("a breaker that was open when the platform stopped is open again, a forced one for good", async () => {
  const row = (provider: string, state: string, until: number | null, forced: boolean) =>
    query(
      (sql) => sql`insert into gateway.breakers (provider, state, failures, until, forced, updated_at)
        values (${provider}, ${state}, 5, ${until}, ${forced}, 0)`
    )
  await run(Effect.all([row("stripe", "open", FOREVER, true), row("paypal", "half_open", null, false)]))
  const allowed = Effect.gen(function* () {
    yield* gateway.restore
    const breaker = yield* Breaker
    const now = 1_000_000_000_000
    return yield* Effect.all([breaker.allow("stripe", now), breaker.allow("paypal", now), breaker.allow("adyen", now)])
  })
  const [stripe, paypal, adyen] = await run(Effect.provide(allowed, Breaker.memory(breakerRules(undefined))))
  expect(stripe).toEqual({ allowed: false, retry_at: 1_000_000_060_000 })
  expect(paypal).toMatchObject({ allowed: true, transition: { to: "half_open" } })
  expect(adyen).toEqual({ allowed: true })
})
