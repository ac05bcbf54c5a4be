/** Monthly partitions against a real server. */
import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { query, Sql } from "../postgres.ts"
import type { Database } from "./database.contract.ts"
import { ensureMonths, monthsOf, uuidv7Bound } from "./partitions.ts"

const december = Date.UTC(2026, 11, 31, 23, 59, 59, 999)
const byId = { table: "trial.payments", column: "uuidv7", from: december, monthsAhead: 2 } as const
const byTime = { table: "trial.audit", column: "ms", from: december, monthsAhead: 0 } as const

const onDatabase = async (database: Database, body: Effect.Effect<void, unknown, Sql>) => {
  try {
    await Effect.runPromise(body.pipe(Effect.provide(Sql.layerFrom({ url: database.url, max: 4 }))))
  } finally {
    await database.drop()
  }
}
const run = (text: string) => query<{ partition: string }>((sql) => sql.unsafe(text))
const createTables = Effect.gen(function* () {
  yield* run("create schema trial")
  yield* run("create table trial.payments (id uuid primary key) partition by range (id)")
  yield* run("create table trial.audit (at bigint not null, note text) partition by range (at)")
})

export const partitionContract = (makeDatabase: () => Promise<Database>): void => {
  describe("monthly partitions", () => {
    test("are named by their month and follow each other over the end of a year", () => {
      expect(monthsOf(byId).map(({ name }) => name)).toEqual([
        "trial.payments_2026_12",
        "trial.payments_2027_01",
        "trial.payments_2027_02"
      ])
      expect(monthsOf(byTime)).toEqual([
        {
          name: "trial.audit_2026_12",
          sql: `create table trial.audit_2026_12 partition of trial.audit
            for values from (${Date.UTC(2026, 11, 1)}) to (${Date.UTC(2027, 0, 1)})`.replace(/\s+/g, " ")
        }
      ])
      expect(() => monthsOf({ ...byId, table: "payments; drop table x" })).toThrow("schema.table")
      expect(() => monthsOf({ ...byId, monthsAhead: 1e9 })).toThrow("months ahead")
    })

    test("are made once, also by several processes at once, and take what belongs to them", async () =>
      onDatabase(
        await makeDatabase(),
        Effect.gen(function* () {
          yield* createTables
          const made = yield* Effect.all([ensureMonths(byId), ensureMonths(byId), ensureMonths(byTime)], {
            concurrency: 3
          })
          expect(made.map(({ length }) => length).sort()).toEqual([0, 1, 3])
          expect(yield* ensureMonths(byId)).toEqual([])
          expect(yield* ensureMonths({ ...byId, monthsAhead: 3 })).toEqual(["trial.payments_2027_03"])
          const january = Date.UTC(2027, 0, 1)
          const last = `${uuidv7Bound(january - 1).slice(0, 13)}-7fff-bfff-ffffffffffff`
          const first = `${uuidv7Bound(january).slice(0, 13)}-7000-8000-000000000000`
          yield* run(`insert into trial.payments values ('${last}'), ('${first}')`)
          const rows = yield* run("select tableoid::regclass::text as partition from trial.payments order by id")
          expect(rows.map(({ partition }) => partition)).toEqual(["trial.payments_2026_12", "trial.payments_2027_01"])
          yield* run(`insert into trial.audit values (${december}, '')`)
        })
      ))
  })
}
