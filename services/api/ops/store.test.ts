/** The operators' SQL against the real tables, filled by hand. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { Effect, Layer, ManagedRuntime } from "effect"
import { type TestDatabase, testDatabase } from "../../../infra/testing/postgres.ts"
import { query, Sql } from "../../../shared/runtime/postgres.ts"
import { OpsStore } from "./records.ts"
import { opsStoreLayer } from "./store.ts"

const at = (folder: string) => join(import.meta.dir, "../../..", folder, "migrations")

let database: TestDatabase
let runtime: ManagedRuntime.ManagedRuntime<OpsStore | Sql, unknown>
const run = <A, E>(effect: Effect.Effect<A, E, OpsStore | Sql>) => runtime.runPromise(effect)
const read = <A>(f: (store: OpsStore["Service"]) => Effect.Effect<A, unknown>) => run(Effect.flatMap(OpsStore, f))

const id = (n: number) => `01935d6e-7c3a-7b1e-9a44-00000000000${n}`

beforeAll(async () => {
  database = await testDatabase({
    migrations: ["shared/runtime/journal", "services/audit"].map((dir) => ({ service: dir, dir: at(dir) }))
  })
  runtime = ManagedRuntime.make(opsStoreLayer.pipe(Layer.provideMerge(Sql.layerFrom({ url: database.url, max: 4 }))))
  await run(
    query(
      (sql) => sql`insert into audit.operator_actions (id, tenant, action, target, reason, actor, parameters, before,
          outcome, requested_at, completed_at) values
        (${id(1)}, 'default', 'saga.resume', 'saga-p', 'r', 'operator:a', '{}', '{"a":1}', 'applied', 5, 6),
        (${id(2)}, 'default', 'saga.resume', 'saga-q', 'r', 'operator:b', '{}', '{}', null, 7, null),
        (${id(3)}, 'other', 'saga.resume', 'saga-p', 'r', 'operator:a', '{}', '{}', null, 8, null)`
    )
  )
})
afterAll(async () => {
  await runtime.dispose()
  await database.drop()
})

const filters: ReadonlyArray<readonly [object, ReadonlyArray<number>]> = [
  [{}, [2, 1]],
  [{ limit: 1 }, [2]],
  [{ after: id(2) }, [1]],
  [{ target: "saga-p" }, [1]],
  [{ actor: "operator:b" }, [2]],
  [{ action: "saga.resume", target: "saga-q", actor: "operator:b" }, [2]],
  [{ action: "saga.compensate" }, []]
]
test.each(filters)("actions of %j", async (filter, ids) => {
  const found = await read((store) => store.actions({ tenant: "default", limit: 50, ...filter }))
  expect(found.map((action) => action.id)).toEqual(ids.map(id))
})

test("an action's times are numbers, and what it lacks is null", async () => {
  const [open, done] = await read((store) => store.actions({ tenant: "default", limit: 50 }))
  expect(done).toMatchObject({ requested_at: 5, completed_at: 6, outcome: "applied", before: '{"a":1}' })
  expect(open).toMatchObject({ requested_at: 7, completed_at: null, outcome: null, code: null, after: null })
})
