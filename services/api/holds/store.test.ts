/** Reads of holds against the real table: found by an index, and lapsed by the clock, whatever the rows still say. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { Effect, Layer, ManagedRuntime } from "effect"
import { type TestDatabase, testDatabase } from "../../../infra/testing/postgres.ts"
import { query, Sql, type SqlClient } from "../../../shared/runtime/postgres.ts"
import { Store } from "../records.ts"
import { storeLayer } from "../store.ts"
import { holdsMatching, lapsedAmount, lapsedThen } from "./store.ts"

const WALLETS = 100
const A_WALLET = 200
const FAR = 8_000_000_000_000

let database: TestDatabase
let runtime: ManagedRuntime.ManagedRuntime<Store | Sql, unknown>
const run = <A, E>(effect: Effect.Effect<A, E, Store | Sql>) => runtime.runPromise(effect)
const read = <A>(f: (store: Store["Service"]) => Effect.Effect<A, unknown>) => run(Effect.flatMap(Store, f))

/** Wallet w1 has three open holds (of 3, one of them lapsed at 1000), one that expired at 2000 and was told at 2500. */
const filled = Effect.all([
  query(
    (sql) => sql`insert into wallet.wallets
      select 'w' || n, 'default', 'ana', 'USD', 100, 91, 9, 'active', null, 5, 1, 1
      from generate_series(1, ${WALLETS}) n`
  ),
  query(
    (sql) => sql`insert into wallet.holds
      select 'w' || w || '-' || lpad(n::text, 3, '0'), 'default', 'w' || w, 'ana', 'hotel', 'USD', 3,
        case when n > 4 then 3 else 0 end, case when n < 4 then 3 else 0 end, case when n = 4 then 3 else 0 end,
        case when n < 4 then 'held' when n = 4 then 'expired' else 'captured' end,
        case when n = 1 then 1000 when n = 4 then 2000 when n < 4 then ${FAR}::bigint else 500 end, n, 1,
        case when n = 4 then 2500 else 1 end
      from generate_series(1, ${WALLETS}) w, generate_series(1, ${A_WALLET}) n`
  ),
  query((sql) => sql.unsafe("vacuum analyze wallet.holds"))
])

beforeAll(async () => {
  const services = ["payment", "wallet", "saga", "api"]
  const migrations = ["shared/runtime/journal", ...services.map((name) => `services/${name}`)]
  database = await testDatabase({
    migrations: migrations.map((folder) => ({
      service: folder,
      dir: join(import.meta.dir, "../../..", folder, "migrations")
    }))
  })
  runtime = ManagedRuntime.make(storeLayer.pipe(Layer.provideMerge(Sql.layerFrom({ url: database.url, max: 1 }))))
  await run(filled)
})
afterAll(async () => {
  await runtime.dispose()
  await database.drop()
})

test("a hold of the own tenant, and nobody else's", async () => {
  expect(await read((store) => store.hold("default", "w1-001"))).toMatchObject({ status: "held", expires_at: 1000 })
  expect(await read((store) => store.hold("other", "w1-001"))).toBeUndefined()
})

test("a wallet's holds, newest first, page by page", async () => {
  const page = (after?: string) => read((store) => store.holds({ tenant: "default", wallet_id: "w1", after, limit: 2 }))
  expect((await page()).map(({ id }) => id)).toEqual(["w1-200", "w1-199"])
  expect((await page("w1-003")).map(({ id }) => id)).toEqual(["w1-002", "w1-001"])
  expect(await read((store) => store.holds({ tenant: "other", wallet_id: "w1", limit: 2 }))).toEqual([])
})

test("what has lapsed is available, although the wallet's row still holds it", async () => {
  const seen = { balance: 100n, available: 94n, held: 6n, lapsed: 3n }
  expect(await read((store) => store.wallet("default", "w1"))).toMatchObject(seen)
  expect((await read((store) => store.wallets({ tenant: "default", limit: 1 })))[0]).toMatchObject(seen)
})

test("what had lapsed at a moment: not yet told then, or not to this day", async () => {
  const at = (time: number) => read((store) => store.lapsedAt("w1", time))
  expect([await at(999), await at(1000), await at(2000), await at(2500)]).toEqual([0n, 3n, 6n, 3n])
})

interface Plan {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Rows Removed by Filter"?: number
  readonly Plans?: ReadonlyArray<Plan>
}
const nodes = (plan: Plan): ReadonlyArray<Plan> => [plan, ...(plan.Plans ?? []).flatMap(nodes)]
const planOf = async (statement: (sql: SqlClient) => unknown) => {
  const explain = (sql: SqlClient) => sql<Array<{ readonly "QUERY PLAN": ReadonlyArray<{ readonly Plan: Plan }> }>>`
    explain (analyze, format json) ${statement(sql) as ReturnType<SqlClient>}`
  const [row] = await run(query(explain))
  return nodes(row?.["QUERY PLAN"][0]?.Plan as Plan)
}

const STATEMENTS: ReadonlyArray<readonly [string, (sql: SqlClient) => unknown]> = [
  ["a page", holdsMatching({ tenant: "default", wallet_id: "w1", after: "w1-100", limit: 50 })],
  ["what lapsed", (sql) => sql`select ${lapsedAmount(sql, 1500)} from wallet.wallets w where w.id = 'w1'`]
]
test.each(STATEMENTS)("%s is found by an index, and no hold is read for nothing", async (_, statement) => {
  const holds = (await planOf(statement)).filter((node) => node["Relation Name"] === "holds")
  expect(holds.length).toBeGreaterThan(0)
  expect(holds.filter((node) => node["Node Type"] === "Seq Scan")).toEqual([])
  expect(holds.reduce((sum, node) => sum + (node["Rows Removed by Filter"] ?? 0), 0)).toBe(0)
})

test("what had lapsed at a moment is found by the wallet", async () => {
  const holds = (await planOf(lapsedThen("w1", 1500))).filter((node) => node["Relation Name"] === "holds")
  expect(holds.map((node) => node["Node Type"])).not.toContain("Seq Scan")
})
