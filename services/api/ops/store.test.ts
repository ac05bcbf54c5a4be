/** The operators' SQL against the real tables, filled by hand. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { join } from "node:path"
import { Effect, Layer, ManagedRuntime } from "effect"
import { type TestDatabase, testDatabase } from "../../../infra/testing/postgres.ts"
import { query, Sql } from "../../../shared/runtime/postgres.ts"
import { OpsStore } from "./records.ts"
import { lagView } from "./resources.ts"
import { opsStoreLayer } from "./store.ts"

const SERVICES = ["payment", "wallet", "gateway", "saga", "audit"]
const at = (folder: string) => join(import.meta.dir, "../../..", folder, "migrations")

let database: TestDatabase
let runtime: ManagedRuntime.ManagedRuntime<OpsStore | Sql, unknown>
const run = <A, E>(effect: Effect.Effect<A, E, OpsStore | Sql>) => runtime.runPromise(effect)
const read = <A>(f: (store: OpsStore["Service"]) => Effect.Effect<A, unknown>) => run(Effect.flatMap(OpsStore, f))

const id = (n: number) => `01935d6e-7c3a-7b1e-9a44-00000000000${n}`

beforeAll(async () => {
  database = await testDatabase({
    migrations: ["shared/runtime/journal", ...SERVICES.map((service) => `services/${service}`)].map((dir) => ({
      service: dir,
      dir: at(dir)
    }))
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

const T = Date.parse("2026-11-25T09:30:00.000Z")

interface Row {
  readonly n: number
  readonly tenant?: string
  readonly status?: string
  readonly parked?: boolean
  readonly stuck?: number
}
const SAGAS: ReadonlyArray<Row> = [
  { n: 1, status: "COMPLETED" },
  { n: 2, status: "PROCESSING" },
  { n: 3, status: "AWAITING_GATEWAY", stuck: T + 3 },
  { n: 4, status: "PROCESSING", parked: true },
  { n: 5, status: "COMPENSATION_FAILED", parked: true, stuck: T + 5 },
  { n: 6, status: "COMPENSATION_FAILED", parked: true, tenant: "other" },
  { n: 7, status: "FAILED" }
]

const addSaga = ({ n, tenant = "default", status = "PROCESSING", parked = false, stuck }: Row) =>
  query(
    (
      sql
    ) => sql`insert into saga.sagas (payment_id, tenant, user_id, status, step, deadline, stuck_since, parked, waits,
        version, started_at, updated_at)
      values (${id(n)}, ${tenant}, 'ana', ${status}, 'ValidatePayment', ${T + 300_000}, ${stuck ?? null}, ${parked},
        ${parked ? '{"recoveries":3,"closing":false}' : null}, 4, ${T}, ${T + n})`
  )

describe("sagas", () => {
  beforeAll(async () => {
    await run(Effect.all(SAGAS.map(addSaga)))
    await run(
      query(
        (sql) => sql`insert into payment.progress (payment_id, rank, state, reason, since)
          values (${id(3)}, 105, 'GATEWAY_PROCESSING', 'provider_outcome_unknown', ${T + 1})`
      )
    )
  })
  const filters: ReadonlyArray<readonly [object, ReadonlyArray<number>]> = [
    [{}, [7, 5, 4, 3, 2, 1]],
    [{ limit: 2, after: id(5) }, [4, 3]],
    [{ status: "PROCESSING" }, [4, 2]],
    [{ status: "FAILED" }, [7]],
    [{ stuck: true }, [5, 3]],
    [{ parked: true }, [5, 4]],
    [{ parked: true, stuck: false }, [4]],
    [{ parked: true, status: "COMPENSATION_FAILED" }, [5]],
    [{ parked: false, stuck: false }, [7, 2, 1]],
    [{ tenant: "nobody" }, []]
  ]
  test.each(filters)("%j", async (filter, ids) => {
    const found = await read((store) => store.sagas({ tenant: "default", limit: 50, ...filter }))
    expect(found.map((saga) => saga.id)).toEqual(ids.map(id))
  })

  test("one, with how far its payment has come; another tenant's is not there", async () => {
    const saga = await read((store) => store.saga("default", id(3)))
    expect(saga).toMatchObject({ stuck_since: T + 3, progress: "GATEWAY_PROCESSING", since: T + 1, updated_at: T + 3 })
    expect(await read((store) => store.saga("other", id(3)))).toBeUndefined()
  })
})

test("what a person has to look at: by kind, since when, each tenant its own", async () => {
  const attempt = (n: number, status: string, provider: string) =>
    query(
      (sql) => sql`insert into gateway.attempts (payment_id, provider, attempt, status, key, amount, currency,
          started_at, updated_at) values (${id(n)}, ${provider}, 1, ${status}, 'k', 1, 'USD', ${T + n}, ${T})`
    )
  const payment = (n: number, tenant: string) =>
    query(
      (sql) => sql`insert into payment.payments (id, tenant, user_id, wallet_id, merchant_id, amount, currency, status,
          version, created_at, updated_at) values
          (${id(n)}, ${tenant}, 'ana', 'w', 'm', 1, 'USD', 'VALIDATED', 1, 0, 0)`
    )
  const letter = query(
    (sql) => sql`insert into bus.dead_letters values (${id(9)}, 'wallet', 'wallet-w', 't', 1, 1, 'm', 'T', 'data', 'e',
      '[]', '{', 'dead', ${T + 9}, ${T + 9})`
  )
  await run(Effect.all([payment(3, "default"), payment(6, "other")]))
  await run(
    Effect.all([attempt(3, "REVIEW", "stripe"), attempt(3, "FENCED", "paypal"), attempt(6, "REVIEW", "stripe")])
  )
  await run(letter)
  const refund = (n: number, tenant: string, parked: boolean) =>
    query(
      (sql) => sql`insert into saga.refunds (refund_id, payment_id, tenant, user_id, status, step, parked, started_at,
          updated_at) values (${id(n)}, ${id(1)}, ${tenant}, 'ana', 'PROCESSING', 'CreditRefund', ${parked}, 0, ${T})`
    )
  await run(Effect.all([refund(1, "default", true), refund(2, "default", false), refund(3, "other", true)]))
  expect(await read((store) => store.concerns("default"))).toEqual([
    { name: "attempt_review", count: 1, since: T + 3, subjects: [id(3)] },
    { name: "compensation_failed", count: 1, since: T + 5, subjects: [id(5)] },
    { name: "dead_letters", count: 1, since: T + 9, subjects: [id(9)] },
    { name: "refund_parked", count: 1, since: T, subjects: [id(1)] },
    { name: "saga_parked", count: 1, since: T + 4, subjects: [id(4)] },
    { name: "saga_stuck", count: 2, since: T + 3, subjects: [id(3), id(5)] }
  ])
  expect(await read((store) => store.attempts(id(3)))).toMatchObject([
    { provider: "paypal", status: "FENCED", started_at: T + 3 },
    { provider: "stripe", status: "REVIEW", updated_at: T }
  ])
})

test("the lag of each service, and since when its oldest record waits, whatever stands in it", async () => {
  const body = (time: string) => JSON.stringify({ id: "m", time, type: "T" })
  const command = (tp: number, off: number, text: string) =>
    query((sql) => sql`insert into bus.log (tp, off, body) values (${tp}, ${off}, ${text})`)
  const at = (grp: number, tp: number, next: number, head: number) =>
    Effect.andThen(
      query((sql) => sql`insert into bus.partitions values (${tp}, ${head}) on conflict do nothing`),
      query((sql) => sql`insert into bus.offsets values (${grp}, ${tp}, ${next})`)
    )
  await run(Effect.all([at(0, 384, 5, 7), at(0, 385, 2, 2), at(3, 384, 7, 7), at(1, 386, 0, 1)]))
  await run(
    Effect.all([
      command(384, 5, body("2026-11-25T09:30:00.000Z")),
      command(384, 6, body("2026-11-25T09:29:00.000Z")),
      command(386, 0, "no JSON at all")
    ])
  )
  expect((await read((store) => store.lag)).map(lagView)).toEqual([
    { service: "payment", lag: 2, oldest_waiting: "2026-11-25T09:30:00.000Z" },
    { service: "wallet", lag: 1, oldest_waiting: null },
    { service: "saga", lag: 0, oldest_waiting: null }
  ])
})

test("breakers as they stand; times are numbers", async () => {
  await run(
    query(
      (sql) => sql`insert into gateway.breakers (provider, state, failures, until, forced, reason, updated_at) values
        ('stripe', 'open', 5, ${T}, true, 'by hand', ${T}), ('paypal', 'closed', 0, null, false, null, ${T})`
    )
  )
  expect(await read((store) => store.breakers)).toMatchObject([
    { provider: "paypal", state: "closed", until: null },
    { provider: "stripe", state: "open", until: T, forced: true, reason: "by hand" }
  ])
})
