/** The lists' and the stories' plans on filled tables: found by an index, whatever is asked for. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { Effect, ManagedRuntime } from "effect"
import { type TestDatabase, testDatabase } from "../../infra/testing/postgres.ts"
import { allTopicPartitions } from "../../shared/contract/topics.ts"
import { query, Sql, type SqlClient } from "../../shared/runtime/postgres.ts"
import type { PaymentFilter } from "./records.ts"
import { paymentsMatching, unreadOf } from "./store.ts"
import { START, Telling } from "./telling.ts"

const at = (folder: string) => join(import.meta.dir, "../..", folder, "migrations")
const PAYMENTS = 20_000
const START_MS = 1_800_000_000_000
const id = (n: number) => `${(START_MS + n * 60_000).toString(16).padStart(12, "0")}7000800000000000000f`
const uuid = (hex: string) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")

let database: TestDatabase
let runtime: ManagedRuntime.ManagedRuntime<Sql, unknown>
const run = <A, E>(effect: Effect.Effect<A, E, Sql>) => runtime.runPromise(effect)

beforeAll(async () => {
  const sources = ["services/payment", "shared/runtime/journal"].map((dir) => ({ service: dir, dir: at(dir) }))
  database = await testDatabase({ migrations: sources.reverse() })
  runtime = ManagedRuntime.make(Sql.layerFrom({ url: database.url, max: 1 }))
  const ids = Array.from({ length: PAYMENTS }, (_, n) => uuid(id(n)))
  await run(
    Effect.all([
      query(
        (sql) => sql`insert into payment.payments (id, tenant, user_id, wallet_id, merchant_id, amount, currency,
            status, version, created_at, updated_at)
          select i, 't' || n % 200, 'u' || n % 1000, 'w', 'm', 5, 'USD',
            case when n % 1000 = 1 then 'FAILED' when n > ${PAYMENTS - 200} then 'INITIATED' else 'COMPLETED' end, 1,
            ${START_MS}::bigint + n * 60000, 1
          from unnest(${ids}::uuid[]) with ordinality as x(i, n)`
      ),
      query(
        (sql) => sql`insert into journal.events
          select gen_random_uuid(), 'saga-' || n % 200, n / 200, 'T', gen_random_uuid(), 0, tp, n, '{}'
          from generate_series(1, 2000) n, unnest(${allTopicPartitions()}::smallint[]) tp`
      ),
      query((sql) => sql.unsafe("vacuum analyze"))
    ])
  )
}, 60_000)
afterAll(async () => {
  await runtime.dispose()
  await database.drop()
})

interface Plan {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Actual Loops": number
  readonly "Rows Removed by Filter"?: number
  readonly Plans?: ReadonlyArray<Plan>
}
const nodes = (plan: Plan): ReadonlyArray<Plan> => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

/** Nodes that read a table as a whole, and how many rows were read for nothing. */
const costOf = async (statement: (sql: SqlClient) => ReturnType<ReturnType<typeof paymentsMatching>>) => {
  const explain = (sql: SqlClient) => sql<Array<{ readonly "QUERY PLAN": ReadonlyArray<{ readonly Plan: Plan }> }>>`
    explain (analyze, format json) ${statement(sql)}`
  const [row] = await run(query(explain))
  const all = nodes(row?.["QUERY PLAN"][0]?.Plan as Plan)
  return {
    scans: all
      .filter((node) => node["Node Type"] === "Seq Scan" && node["Actual Loops"] > 0)
      .map((node) => node["Relation Name"]),
    wasted: all.reduce((sum, node) => sum + (node["Rows Removed by Filter"] ?? 0), 0)
  }
}

const day = START_MS + 86_400_000 * 7
const filters: ReadonlyArray<readonly [string, Partial<PaymentFilter>, number]> = [
  ["all", {}, 0],
  ["the next page", { after: uuid(id(10_000)) }, 0],
  ["completed", { status: "COMPLETED" }, 0],
  ["failed, which are rare", { status: "FAILED" }, 0],
  ["cancelled, of which there are none", { status: "CANCELLED" }, 0],
  ["open, which are few", { status: "INITIATED" }, 0],
  ["with a provider, of which there are none", { status: "GATEWAY_PROCESSING" }, 4],
  ["of a day", { from: day, to: day + 86_400_000 }, 4],
  ["failed, of a day", { status: "FAILED", from: day, to: day + 86_400_000 }, 2],
  ["of a user", { user_id: "u1" }, 0],
  ["of a user, the next page", { user_id: "u1", after: uuid(id(10_000)) }, 0]
]

test.each(filters)("payments: %s", async (_name, filter, wasted) => {
  const cost = await costOf(paymentsMatching({ tenant: "t1", limit: 50, ...filter }))
  expect(cost.scans.filter((table) => table !== "progress")).toEqual([])
  expect(cost.wasted).toBeLessThanOrEqual(wasted)
})

test.each([1, 50])("the stories of %i payments", async (count) => {
  const telling = (n: number) => new Telling("t1", { id: String(n), user_id: "u1", wallet_id: "w" })
  const asked = Array.from({ length: count }, (_, n) => telling(n + 1).unread(START))
  const cost = await costOf(unreadOf(asked, 200) as never)
  expect(cost.scans).toEqual([])
  expect(cost.wasted).toBe(0)
})
