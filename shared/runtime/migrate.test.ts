import { afterEach, beforeEach, expect, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { type TestDatabase, testDatabase } from "../../infra/testing/postgres.ts"
import { migrate } from "./migrate.ts"
import { query, Sql } from "./postgres.ts"

let database: TestDatabase
let dir: string
beforeEach(async () => {
  database = await testDatabase()
  dir = await mkdtemp(join(tmpdir(), "migrations-"))
})
afterEach(async () => {
  await database.drop()
  await rm(dir, { recursive: true })
})

const run = <A, E>(effect: Effect.Effect<A, E, Sql>) =>
  Effect.runPromise(Effect.provide(effect, Sql.layerFrom({ url: database.url, max: 2 })))
const file = (name: string, sql: string) => writeFile(join(dir, name), sql)
const applied = async () => (await run(migrate([{ service: "pay", dir }]))).map(({ name }) => name)
const refused = () => run(Effect.flip(migrate([{ service: "pay", dir }])))

test("applies what is missing, in order, once", async () => {
  await file("0002_index.sql", "create index on t (n);")
  await file("0001_table.sql", "create table t (n int); insert into t values (1);\ninsert into t values (2);")
  expect(await applied()).toEqual(["0001_table.sql", "0002_index.sql"])
  await file("0003_row.sql", "insert into t values (3);")
  expect(await applied()).toEqual(["0003_row.sql"])
  expect(await applied()).toEqual([])
  expect((await run(query((sql) => sql`select n from t`))).length).toBe(3)
})

test("the time of application is the program's clock", async () => {
  await file("0001_table.sql", "create table t (n int)")
  const program = Effect.gen(function* () {
    yield* TestClock.setTime(Date.UTC(2030, 0, 2))
    yield* migrate([{ service: "pay", dir }])
    return yield* query((sql) => sql`select applied_at, sha256 from public.migrations`)
  })
  const [row] = await run(Effect.provide(program, TestClock.layer()))
  expect(row?.["applied_at"]).toEqual(new Date("2030-01-02T00:00:00Z"))
  expect(row?.["sha256"]).toMatch(/^[0-9a-f]{64}$/)
})

test("a changed file is refused, by name", async () => {
  await file("0001_table.sql", "create table t (n int)")
  await applied()
  await file("0001_table.sql", "create table t (n bigint)")
  const { message } = await refused()
  expect(message).toBe("migration pay/0001_table.sql was changed after it was applied: restore it and add a new file")
})

test("a file before an applied one is refused", async () => {
  await file("0002_table.sql", "create table t (n int)")
  await applied()
  await file("0001_late.sql", "create table u (n int)")
  expect((await refused()).message).toContain("0001_late.sql comes before 0002_table.sql")
})

test("two files of one number, a wrong name and a commit inside are refused", async () => {
  await file("0001_a.sql", "select 1")
  await file("0001_b.sql", "select 1")
  expect((await refused()).message).toContain("0001_a.sql and 0001_b.sql have the same number")
  await rm(join(dir, "0001_b.sql"))
  await file("2_b.sql", "select 1")
  expect((await refused()).message).toContain("2_b.sql: a migration is named NNNN_name.sql")
  await rm(join(dir, "2_b.sql"))
  await file("0002_c.sql", "select 1;\ncommit;")
  expect((await refused()).message).toContain("0002_c.sql: a migration is one transaction")
})

test("a file that fails leaves nothing of itself behind", async () => {
  await file("0001_table.sql", "create table t (n int)")
  await file("0002_broken.sql", "create table u (n int); select nothing from nowhere")
  expect(await refused()).toMatchObject({ _tag: "DbError", code: "42P01" })
  expect((await run(query((sql) => sql`select 1 from pg_tables where tablename = 'u'`))).length).toBe(0)
  await file("0002_broken.sql", "create table u (n int)")
  expect(await applied()).toEqual(["0002_broken.sql"])
})

test("several processes at once: each file is applied once", async () => {
  for (let i = 1; i <= 5; i++) await file(`000${i}_step.sql`, `create table t${i} (n int); select pg_sleep(0.02)`)
  const outcomes = await Promise.all([applied(), applied(), applied(), applied()])
  expect(outcomes.flat().sort()).toEqual([1, 2, 3, 4, 5].map((i) => `000${i}_step.sql`))
})

test("services keep apart, and a template holds what was migrated", async () => {
  await file("0001_table.sql", "create table t (n int)")
  const migrations = [{ service: "pay", dir }]
  const copies = await Promise.all([1, 2, 3].map(() => testDatabase({ migrations })))
  for (const copy of copies) {
    const rows = await Effect.runPromise(
      Effect.provide(
        query((sql) => sql`select service from public.migrations`),
        Sql.layerFrom({ url: copy.url, max: 1 })
      )
    )
    expect(rows.map(({ service }) => service)).toEqual(["pay"])
    await copy.drop()
  }
})
