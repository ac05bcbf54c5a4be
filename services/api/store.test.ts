/** The store's SQL against the real tables, filled by hand. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { Effect, Layer, ManagedRuntime } from "effect"
import { type TestDatabase, testDatabase } from "../../infra/testing/postgres.ts"
import { EXAMPLE } from "../../shared/contract/catalogue.ts"
import { encodeEvent } from "../../shared/contract/codec.ts"
import { type Currency, MAX_MINOR, minor } from "../../shared/contract/money.ts"
import { timeOfUuidv7, uuidv5 } from "../../shared/runtime/ids.ts"
import { query, Sql } from "../../shared/runtime/postgres.ts"
import { ensureDevelopmentKey, hashOf } from "./auth.ts"
import { balanceAt } from "./history.ts"
import { Store } from "./records.ts"
import { forgetIdempotencyKeys, storeLayer } from "./store.ts"

const at = (folder: string) => join(import.meta.dir, "../..", folder, "migrations")
const migrations = ["payment", "wallet", "saga", "api"].map((service) => ({ service, dir: at(`services/${service}`) }))

let database: TestDatabase
let runtime: ManagedRuntime.ManagedRuntime<Store | Sql, unknown>
const run = <A, E>(effect: Effect.Effect<A, E, Store | Sql>) => runtime.runPromise(effect)
const read = <A>(f: (store: Store["Service"]) => Effect.Effect<A, unknown>) => run(Effect.flatMap(Store, f))

const walletId = EXAMPLE.wallet
const id = (n: number) => `01935d6e-7c3a-7b1e-9a44-00000000000${n}`
const cause = (n: number) => `01935d6e-0000-7b1e-9a44-00000000000${n}`
const T = timeOfUuidv7(id(1))

beforeAll(async () => {
  const journal = { service: "journal", dir: at("shared/runtime/journal") }
  database = await testDatabase({ migrations: [journal, ...migrations] })
  runtime = ManagedRuntime.make(storeLayer.pipe(Layer.provideMerge(Sql.layerFrom({ url: database.url, max: 4 }))))
  await run(Effect.all([wallets, payments, ...events]))
})
afterAll(async () => {
  await runtime.dispose()
  await database.drop()
})

const wallets = Effect.all([
  query(
    (sql) => sql`insert into wallet.wallets values
      (${walletId}, 'default', 'ana', 'USD', ${MAX_MINOR}, ${MAX_MINOR}, 0, 'active', '{"a":"b"}', 3,
        ${T}, ${T + 5}),
      (${EXAMPLE.other}, 'other', 'ana', 'USD', 0, 0, 0, 'locked', null, 1, ${T}, ${T})`
  ),
  query(
    (sql) => sql`insert into wallet.owners values
      ('default', 'ana', 'USD', ${walletId}), ('other', 'ana', 'USD', ${EXAMPLE.other})`
  )
])

const payments = Effect.all([
  query(
    (sql) => sql`insert into payment.payments (id, tenant, user_id, wallet_id, merchant_id, amount, currency, status,
        version, created_at, completed_at, updated_at) values
      (${id(1)}, 'default', 'ana', ${walletId}, 'm', 5, 'USD', 'COMPLETED', 3, ${T}, ${T + 9}, ${T + 9}),
      (${id(2)}, 'default', 'ana', ${walletId}, 'm', 5, 'USD', 'INITIATED', 1, ${T + 1}, null, ${T + 1}),
      (${id(3)}, 'default', 'ben', ${walletId}, 'm', 5, 'USD', 'INITIATED', 1, ${T + 2}, null, ${T + 2}),
      (${id(4)}, 'other', 'ana', ${walletId}, 'm', 5, 'USD', 'FAILED', 2, ${T + 3}, ${T + 4}, ${T + 4})`
  ),
  query(
    (sql) => sql`insert into payment.progress values
      (${id(2)}, 101, 'GATEWAY_PROCESSING', 'provider_outcome_unknown', ${T + 3}),
      (${id(1)}, 2, 'WALLET_DEDUCTED', null, ${T + 3}), (${id(3)}, 2, 'WALLET_DEDUCTED', null, ${T + 3})`
  ),
  query(
    (sql) => sql`insert into saga.sagas (payment_id, tenant, user_id, status, step, deadline, parked, version,
        started_at, updated_at) values
      (${id(2)}, 'default', 'ana', 'PROCESSING', 'ProcessWithGateway', ${T}, false, 1, ${T}, ${T}),
      (${id(3)}, 'default', 'ben', 'COMPENSATING', 'DeductWalletBalance', ${T}, false, 1, ${T}, ${T})`
  )
])

const event = (version: number, time: number, type: string, data: object) => {
  const shared = { time, tenant: "default", partitionkey: "default/ana", correlationid: walletId, actor: "key:k" }
  const columns = { id: id(version), subject: `wallet-${walletId}`, causationid: cause(version), schema: 1 }
  const body = encodeEvent({ ...columns, ...shared, type, data })
  return query(
    (sql) => sql`insert into journal.events values
      (${id(version)}, ${columns.subject}, ${version}, ${type}, ${cause(version)}, 0, 70, ${version}, ${body})`
  )
}
const movement = { wallet_id: walletId, currency: "USD" as Currency }
const after = (amount: bigint) => ({ balance: minor(amount), available: minor(amount) })
const events = [
  event(1, T, "WalletCreated", { ...movement, user_id: "ana" }),
  event(2, T + 10, "WalletCredited", {
    ...movement,
    credit_id: cause(2),
    amount: minor(7n),
    reference: "r",
    ...after(7n)
  }),
  event(3, T + 20, "WalletLocked", { wallet_id: walletId, reason: "r" }),
  event(4, T + 30, "WalletCredited", {
    ...movement,
    credit_id: cause(4),
    amount: minor(1n),
    reference: "r",
    ...after(8n)
  })
]
const stream = { tp: 70, stream: `wallet-${walletId}` }

test("a wallet, exact to the last unit, and only the own tenant's", async () => {
  expect(await read((store) => store.wallet("default", walletId))).toEqual({
    id: walletId,
    user_id: "ana",
    currency: "USD",
    balance: 2n ** 53n - 1n,
    available: 2n ** 53n - 1n,
    held: 0n,
    lapsed: 0n,
    status: "active",
    metadata: '{"a":"b"}',
    version: 3,
    created_at: T,
    updated_at: T + 5
  })
  expect(await read((store) => store.wallet("other", walletId))).toBeUndefined()
  expect(await read((store) => store.walletOf("other", "ana", "USD"))).toMatchObject({ id: EXAMPLE.other })
  expect(await read((store) => store.walletOf("default", "ben", "USD"))).toBeUndefined()
})

test("wallets of a user and of a tenant, after one", async () => {
  const list = (filter: { user_id?: string; after?: string }) =>
    read((store) => store.wallets({ tenant: "default", limit: 10, ...filter }))
  expect((await list({})).map((wallet) => wallet.id)).toEqual([walletId])
  expect((await list({ user_id: "ana" })).map((wallet) => wallet.id)).toEqual([walletId])
  expect(await list({ user_id: "ben" })).toEqual([])
  expect(await list({ user_id: "ana", after: walletId })).toEqual([])
})

test("a payment with its progress", async () => {
  expect(await read((store) => store.payment("default", id(2)))).toMatchObject({
    id: id(2),
    amount: 5n,
    status: "INITIATED",
    completed_at: null,
    progress: "GATEWAY_PROCESSING",
    reason: "provider_outcome_unknown",
    since: T + 3
  })
  expect(await read((store) => store.payment("other", id(2)))).toBeUndefined()
})

test("payments by user, shown status, time, and page", async () => {
  const list = async (filter: object) =>
    (await read((store) => store.payments({ tenant: "default", limit: 10, ...filter }))).map((payment) => payment.id)
  expect(await list({})).toEqual([id(3), id(2), id(1)])
  expect(await list({ limit: 2 })).toEqual([id(3), id(2)])
  expect(await list({ after: id(2) })).toEqual([id(1)])
  expect(await list({ user_id: "ana" })).toEqual([id(2), id(1)])
  expect(await list({ status: "COMPLETED" })).toEqual([id(1)])
  expect(await list({ status: "WALLET_DEDUCTED" })).toEqual([id(3)])
  expect(await list({ status: "GATEWAY_PROCESSING" })).toEqual([id(2)])
  expect(await list({ status: "WALLET_DEDUCTED", user_id: "ben" })).toEqual([id(3)])
  expect(await list({ from: T + 1, to: T + 2 })).toEqual([id(2)])
})

test("which have ended and which are with a provider, in one query each", async () => {
  const all = [1, 2, 3, 4].map(id)
  expect((await read((store) => store.ended(all))).map((payment) => payment.id).sort()).toEqual([id(1), id(4)])
  expect(await read((store) => store.ended([]))).toEqual([])
  expect(await read((store) => store.atProvider(all))).toEqual([id(2)])
})

test("a stream's events, the last of some types, and the one a command caused", async () => {
  expect((await read((store) => store.events(stream, 1, 2))).map(({ version }) => version)).toEqual([2, 3])
  expect(await read((store) => store.lastEvent(stream, 3, ["WalletCredited"]))).toMatchObject({ version: 2 })
  expect(await read((store) => store.eventOf(70, cause(4), "WalletCredited"))).toMatchObject({
    version: 4,
    type: "WalletCredited"
  })
  expect(await read((store) => store.eventOf(71, cause(4), "WalletCredited"))).toBeUndefined()
})

test("what readers have not seen: of streams after a version, of a wallet what some commands caused", async () => {
  const caused = { tp: 70, causes: [cause(2), cause(4), uuidv5("nothing", "caused")], after: 0 }
  const lists = await read((store) =>
    store.unread(
      [
        { streams: [{ ...stream, after: 2 }], caused: { ...caused, after: 9 } },
        { streams: [{ tp: 71, stream: stream.stream, after: 0 }], caused },
        { streams: [{ ...stream, after: 0 }], caused: { ...caused, after: 3 } }
      ],
      2
    )
  )
  expect(lists.map((list) => list.map(({ version }) => version))).toEqual([
    [3, 4],
    [2, 4],
    [1, 2, 4]
  ])
  expect(lists[0]?.[1]).toEqual((await read((store) => store.eventOf(70, cause(4), "WalletCredited"))) as never)
  expect(await read((store) => store.unread([], 2))).toEqual([])
})

test("the balance at any moment", async () => {
  const then = (time: number) => read((store) => balanceAt(store, stream, 4, time))
  expect(await then(T - 1)).toEqual({ balance: 0n, available: 0n, version: 0 })
  expect(await then(T)).toEqual({ balance: 0n, available: 0n, version: 1 })
  expect(await then(T + 9)).toMatchObject({ balance: 0n, version: 1 })
  expect(await then(T + 10)).toMatchObject({ balance: 7n, version: 2 })
  expect(await then(T + 29)).toMatchObject({ balance: 7n, available: 7n, version: 3 })
  expect(await then(T + 1_000)).toMatchObject({ balance: 8n, version: 4 })
})

test("the development key is the one given last; a revoked one is none", async () => {
  await run(ensureDevelopmentKey("first"))
  await run(ensureDevelopmentKey("second"))
  await run(ensureDevelopmentKey("second"))
  expect(await read((store) => store.apiKey(hashOf("first")))).toBeUndefined()
  expect(await read((store) => store.apiKey(hashOf("second")))).toMatchObject({ id: "development", tenant: "default" })
  await run(query((sql) => sql`update api.api_keys set revoked_at = 1`))
  expect(await read((store) => store.apiKey(hashOf("second")))).toBeUndefined()
})

test("what went back of a payment is the sum of its refunds that are done", async () => {
  const [whole, part] = [id(1), id(4)]
  const put = (n: number, payment: string, amount: number, status: string) =>
    query(
      (sql) => sql`insert into payment.refunds (id, payment_id, tenant, user_id, amount, currency, status, created_at,
        updated_at) values (${cause(n)}, ${payment}, 'default', 'ana', ${amount}, 'USD', ${status}, ${T}, ${T})`
    )
  const set = (status: string, payment: string) =>
    query((sql) => sql`update payment.payments set status = ${status} where id = ${payment} returning 1`)
  const refunded = async (tenant: string, payment: string) =>
    (await read((store) => store.payment(tenant, payment)))?.refunded_amount
  expect(await refunded("default", whole)).toBe(0n)
  await run(Effect.all([put(1, part, 1, "succeeded"), put(2, part, 2, "succeeded"), put(3, part, 1, "pending")]))
  await run(Effect.all([put(4, part, 1, "failed"), set("PARTIALLY_REFUNDED", part), set("REFUNDED", whole)]))
  expect(await Promise.all([refunded("default", whole), refunded("other", part)])).toEqual([5n, 3n])
  const list = await read((store) => store.refunds({ tenant: "default", payment_id: part, after: cause(1), limit: 2 }))
  expect(list.map(({ id, status }) => [id, status])).toEqual([
    [cause(2), "succeeded"],
    [cause(3), "pending"]
  ])
  expect(await read((store) => store.refunds({ tenant: "other", payment_id: part, limit: 9 }))).toEqual([])
  expect((await read((store) => store.refundsEnded([3, 4].map(cause)))).map(({ id }) => id)).toEqual([cause(4)])
  await run(Effect.all([set("FAILED", part), set("COMPLETED", whole)]))
})

test("F59 old keys are forgotten, never one whose payment is open or whose refund is pending", async () => {
  const scope = (key: string) => ({ tenant: "default", method: "POST", route: "/api/v1/payments", key })
  const put = (key: string, resource: string, created: number) =>
    query(
      (sql) => sql`insert into api.idempotency_keys values
        ('default', 'POST', '/api/v1/payments', ${key}, 'f', ${resource}, ${T}, ${created})`
    )
  await run(
    Effect.all([put("ended", id(1), 1), put("open", id(2), 1), put("young", id(1), 10), put("credit", cause(9), 1)])
  )
  await run(put("refund", cause(3), 1))
  expect(await read((store) => store.idempotencyKey(scope("ended")))).toEqual({
    fingerprint: "f",
    resource_id: id(1),
    lease_until: T,
    created_at: 1
  })
  expect(await run(forgetIdempotencyKeys(5, 100))).toBe(2)
  const left = await Promise.all(
    ["ended", "credit", "open", "young", "refund"].map((key) => read((store) => store.idempotencyKey(scope(key))))
  )
  expect(left.map((found) => found !== undefined)).toEqual([false, false, true, true, true])
})
