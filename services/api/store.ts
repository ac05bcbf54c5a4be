/**
 * All SQL of the API: reads of the other services' read models and of the journal, and its own two tables. It writes
 * nothing but api keys; idempotency keys are written by the journal, with the event they stand for.
 */
import { Clock, Effect, Layer } from "effect"
import { uuidv7Bound } from "../../shared/runtime/journal/partitions.ts"
import { query, type Row, Sql, type SqlClient } from "../../shared/runtime/postgres.ts"
import { type HoldRow, holdById, holdOf, holdsMatching, lapsedAmount, lapsedThen } from "./holds/store.ts"
import { moneyReads } from "./money-reads.ts"
import { ms, msOrNull, unavailable } from "./reading.ts"
import {
  type ApiKeyRecord,
  ENDED,
  type EventRecord,
  type KeyRecord,
  OPEN,
  type PaymentFilter,
  type PaymentRecord,
  Store,
  type StoreUnavailable,
  type Unread,
  type WalletFilter,
  type WalletRecord,
  WITH_PROVIDER
} from "./records.ts"
import { refundedAmount, refundReads } from "./refunds/store.ts"

type Stored<Record, Times extends keyof Record> = Omit<Record, Times> & {
  readonly [T in Times]: null extends Record[T] ? bigint | null : bigint
}
type WalletRow = Stored<WalletRecord, "created_at" | "updated_at">
type PaymentRow = Stored<PaymentRecord, "created_at" | "completed_at" | "updated_at" | "since" | "deadline">

const wallet = (row: WalletRow): WalletRecord => ({
  ...row,
  available: row.available + row.lapsed,
  held: row.held - row.lapsed,
  created_at: ms(row.created_at),
  updated_at: ms(row.updated_at)
})
const payment = (row: PaymentRow): PaymentRecord => ({
  ...row,
  created_at: ms(row.created_at),
  completed_at: msOrNull(row.completed_at),
  updated_at: ms(row.updated_at),
  since: msOrNull(row.since),
  deadline: msOrNull(row.deadline ?? null)
})

const walletColumns = (sql: SqlClient, now: number) => sql`
  w.id, w.user_id, w.currency, w.balance, w.available, w.held, w.status, w.metadata, w.version, w.created_at,
  w.updated_at, ${lapsedAmount(sql, now)}`
const paymentColumns = (sql: SqlClient) => sql`
  p.id, p.user_id, p.wallet_id, p.merchant_id, p.amount, p.currency, p.status, p.provider, p.provider_reference,
  p.failure, p.description, p.metadata, p.version, p.created_at, p.completed_at, p.updated_at, ${refundedAmount(sql)}`
const paymentsWithProgress = (sql: SqlClient) => sql`
  select ${paymentColumns(sql)}, g.state as progress, g.reason, g.since
    from payment.payments p left join payment.progress g on g.payment_id = p.id`

const rows = <R extends Row>(build: Parameters<typeof query<R>>[0]) => unavailable(query<R>(build))
const first = <R extends Row>(build: Parameters<typeof query<R>>[0]) => Effect.map(rows<R>(build), (found) => found[0])

/** Of this moment: whether a hold has lapsed, the clock says. */
const walletRows = (build: (sql: SqlClient, now: number) => ReturnType<Parameters<typeof query<WalletRow>>[0]>) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.map(
      rows<WalletRow>((sql) => build(sql, now)),
      (found) => found.map(wallet)
    )
  )
const firstWallet = (build: Parameters<typeof walletRows>[0]) => Effect.map(walletRows(build), (found) => found[0])

/** One payment is told until when the platform waits for a provider. */
const paymentWithDeadline = (sql: SqlClient) => sql`
  select ${paymentColumns(sql)}, g.state as progress, g.reason, g.since, s.deadline
    from payment.payments p left join payment.progress g on g.payment_id = p.id
    left join saga.sagas s on s.payment_id = p.id`

/** The owners' key finds a user's wallets; all of a tenant's are read in the order of their ids. */
const walletsMatching = ({ tenant, user_id, after, limit }: WalletFilter) =>
  walletRows(
    (sql, now) => sql`select ${walletColumns(sql, now)} from wallet.wallets w
      ${
        user_id === undefined
          ? sql`where w.tenant = ${tenant}`
          : sql`join wallet.owners o on o.wallet_id = w.id where o.tenant = ${tenant} and o.user_id = ${user_id}`
      }
      ${after === undefined ? sql`` : sql`and w.id > ${after}`}
      order by w.id limit ${limit}`
  )

/** By so much at most a payment's id may be older than its `created_at`, or younger (ids run ahead under load). */
const ID_AROUND_MS = 3_600_000

/**
 * Newest first; ids are UUIDv7, so their order is the order of making and stays put while others are inserted. Times
 * are looked for by id as well: then an index finds them, and months outside of them are not opened.
 */
export const paymentsMatching =
  ({ tenant, user_id, status, from, to, after, limit }: PaymentFilter) =>
  (sql: SqlClient) =>
    sql<Array<PaymentRow>>`${paymentsWithProgress(sql)} where p.tenant = ${tenant}
    ${user_id === undefined ? sql`` : sql`and p.user_id = ${user_id}`}
    ${status === undefined ? sql`` : statusIs(sql, status)}
    ${from === undefined ? sql`` : sql`and p.created_at >= ${from} and p.id >= ${idAt(from - ID_AROUND_MS)}`}
    ${to === undefined ? sql`` : sql`and p.created_at < ${to} and p.id < ${idAt(to + ID_AROUND_MS)}`}
    ${after === undefined ? sql`` : sql`and p.id < ${after}`}
    order by p.id desc limit ${limit}`

/** An ended payment shows its own status; the open ones are few, and show how far they have come. */
const statusIs = (sql: SqlClient, status: string) =>
  ENDED.some((ended) => ended === status)
    ? sql`and p.status = ${status}`
    : sql`and p.status = any(${[...OPEN]}) and coalesce(g.state, p.status) = ${status}`

/** A client may ask for times beyond what a UUIDv7 can hold. */
const ID_TIME_MAX = 2 ** 48 - 1
const idAt = (time: number): string => uuidv7Bound(Math.min(Math.max(time, 0), ID_TIME_MAX))

export const storeLayer: Layer.Layer<Store, never, Sql> = Layer.effect(
  Store,
  Effect.gen(function* () {
    const connections = yield* Sql
    const on = <A>(self: Effect.Effect<A, StoreUnavailable, Sql>) => Effect.provideService(self, Sql, connections)
    return Store.of({
      ...wallets(on),
      ...holds(on),
      ...payments(on),
      ...journal(on),
      ...keys(on),
      ...refundReads((self) => on(unavailable(self))),
      ...moneyReads((self) => on(unavailable(self)))
    })
  })
)

type On = <A>(self: Effect.Effect<A, StoreUnavailable, Sql>) => Effect.Effect<A, StoreUnavailable>

const eventColumns = (sql: SqlClient) => sql`j.id, j.stream, j.version, j.type, j.cause, j.body`

const wallets = (on: On): Pick<Store["Service"], "wallet" | "walletOf" | "wallets"> => ({
  wallet: (tenant, id) =>
    on(
      firstWallet(
        (sql, now) =>
          sql`select ${walletColumns(sql, now)} from wallet.wallets w where w.id = ${id} and w.tenant = ${tenant}`
      )
    ),
  walletOf: (tenant, userId, currency) =>
    on(
      firstWallet(
        (sql, now) => sql`select ${walletColumns(sql, now)} from wallet.owners o
            join wallet.wallets w on w.id = o.wallet_id
            where o.tenant = ${tenant} and o.user_id = ${userId} and o.currency = ${currency}`
      )
    ),
  wallets: (filter) => on(walletsMatching(filter))
})

const holds = (on: On): Pick<Store["Service"], "hold" | "holds" | "lapsedAt"> => ({
  hold: (tenant, id) => on(Effect.map(first<HoldRow>(holdById(tenant, id)), (row) => row && holdOf(row))),
  holds: (filter) => on(Effect.map(rows<HoldRow>(holdsMatching(filter)), (found) => found.map(holdOf))),
  lapsedAt: (walletId, at) => on(Effect.map(first(lapsedThen(walletId, at)), (row) => row?.lapsed ?? 0n))
})

const payments = (on: On): Pick<Store["Service"], "payment" | "payments" | "ended" | "atProvider"> => ({
  payment: (tenant, id) =>
    on(
      Effect.map(
        first<PaymentRow>((sql) => sql`${paymentWithDeadline(sql)} where p.id = ${id} and p.tenant = ${tenant}`),
        (row) => row && payment(row)
      )
    ),
  payments: (filter) => on(Effect.map(rows<PaymentRow>(paymentsMatching(filter)), (found) => found.map(payment))),
  ended: (ids) =>
    on(
      Effect.map(
        rows<PaymentRow>(
          (sql) => sql`select ${paymentColumns(sql)}, null as progress, null as reason, null::bigint as since
            from payment.payments p where p.id = any(${[...ids]}) and p.status = any(${[...ENDED]})`
        ),
        (found) => found.map(payment)
      )
    ),
  atProvider: (ids) =>
    on(
      Effect.map(
        rows<{ readonly payment_id: string }>(
          (sql) => sql`select g.payment_id
            from payment.progress g join saga.sagas s on s.payment_id = g.payment_id
            where g.payment_id = any(${[...ids]}) and g.state = any(${[...WITH_PROVIDER]})
              and s.status not in ('COMPENSATING', 'COMPENSATION_FAILED')`
        ),
        (found) => found.map(({ payment_id }) => payment_id)
      )
    )
})

const keys = (on: On): Pick<Store["Service"], "idempotencyKey" | "apiKey"> => ({
  idempotencyKey: ({ tenant, method, route, key }) =>
    on(
      Effect.map(
        first<Stored<KeyRecord, "lease_until" | "created_at">>(
          (sql) => sql`select fingerprint, resource_id, lease_until, created_at from api.idempotency_keys
            where tenant = ${tenant} and method = ${method} and route = ${route} and key = ${key}`
        ),
        (row) => row && { ...row, lease_until: ms(row.lease_until), created_at: ms(row.created_at) }
      )
    ),
  apiKey: (hash) =>
    on(
      first<ApiKeyRecord & Row>(
        (sql) => sql`select id, tenant, scopes from api.api_keys where hash = ${hash} and revoked_at is null`
      )
    )
})

/** Columns for unnest: `asked` says for whom a row was found. */
const streamsOf = (of: ReadonlyArray<Unread>) =>
  of.flatMap(({ streams }, asked) => streams.map((stream) => ({ ...stream, asked })))
const causesOf = (of: ReadonlyArray<Unread>) =>
  of.flatMap(({ caused: { causes, ...rest } }, asked) => causes.map((cause) => ({ ...rest, cause, asked })))

type UnreadRow = EventRecord & { readonly asked: number }

/** One statement, so one moment: whoever sees an event sees what led to it. */
export const unreadOf = (of: ReadonlyArray<Unread>, limit: number) => (sql: SqlClient) => {
  const streams = streamsOf(of)
  const causes = causesOf(of)
  return sql<Array<UnreadRow>>`
      select u.asked, e.* from unnest(${streams.map(({ asked }) => asked)}::int[],
          ${streams.map(({ tp }) => tp)}::smallint[], ${streams.map(({ stream }) => stream)}::text[],
          ${streams.map(({ after }) => after)}::int[]) as u(asked, tp, stream, after)
        cross join lateral (select ${eventColumns(sql)} from journal.events j
          where j.tp = u.tp and j.stream = u.stream and j.version > u.after order by j.version limit ${limit}) e
      union all
      select u.asked, e.* from unnest(${causes.map(({ asked }) => asked)}::int[],
          ${causes.map(({ tp }) => tp)}::smallint[], ${causes.map(({ cause }) => cause)}::uuid[],
          ${causes.map(({ after }) => after)}::int[]) as u(asked, tp, cause, after)
        cross join lateral (select ${eventColumns(sql)} from journal.events j
          where j.tp = u.tp and j.cause = u.cause and j.version > u.after order by j.n limit ${limit}) e`
}

const journal = (on: On): Pick<Store["Service"], "events" | "unread" | "lastEvent" | "eventOf"> => ({
  events: ({ tp, stream }, after, limit) =>
    on(
      rows<EventRecord & Row>(
        (sql) => sql`select ${eventColumns(sql)} from journal.events j
          where tp = ${tp} and stream = ${stream} and version > ${after} order by version limit ${limit}`
      )
    ),
  unread: (of, limit) =>
    on(
      Effect.map(rows<UnreadRow>(unreadOf(of, limit)), (found) => {
        const lists: Array<Array<EventRecord>> = of.map(() => [])
        for (const { asked, ...event } of found) lists[asked]?.push(event)
        return lists
      })
    ),
  lastEvent: ({ tp, stream }, version, types) =>
    on(
      first<EventRecord & Row>(
        (sql) => sql`select ${eventColumns(sql)} from journal.events j
          where tp = ${tp} and stream = ${stream} and version <= ${version} and type = any(${[...types]})
          order by version desc limit 1`
      )
    ),
  eventOf: (tp, cause, type) =>
    on(
      first<EventRecord & Row>(
        (sql) => sql`select ${eventColumns(sql)} from journal.events j
          where tp = ${tp} and cause = ${cause} and type = ${type} order by n limit 1`
      )
    )
})

/** Makes the key valid, whatever it was before: the embedded platform's, fixed by API_KEY or printed at its start. */
export const putApiKey = (key: ApiKeyRecord & { readonly name: string; readonly hash: string }) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    query(
      (sql) => sql`insert into api.api_keys (id, tenant, name, hash, scopes, created_at)
        values (${key.id}, ${key.tenant}, ${key.name}, ${key.hash}, ${key.scopes}, ${now})
        on conflict (id) do update set tenant = excluded.tenant, name = excluded.name, hash = excluded.hash,
          scopes = excluded.scopes, revoked_at = null`
    )
  )

/** Keys older than that whose payment or refund is not open; answers with how many it removed, at most `limit`. */
export const forgetIdempotencyKeys = (before: number, limit: number) =>
  Effect.map(
    query(
      (sql) => sql`delete from api.idempotency_keys where ctid in (
        select k.ctid from api.idempotency_keys k where k.created_at < ${before} and not exists (
          select 1 from payment.payments p where p.id = k.resource_id::uuid and p.status <> all(${[...ENDED]}))
          and not exists (
          select 1 from payment.refunds r where r.id = k.resource_id::uuid and r.status = 'pending')
        limit ${limit}) returning 1`
    ),
    (removed) => removed.length
  )
