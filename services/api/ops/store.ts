/** The SQL of the operators' routes: reads of the services' read models and of the log's positions. */
import { Effect, Layer } from "effect"
import { query, type Row, Sql, type SqlClient } from "../../../shared/runtime/postgres.ts"
import { ms, msOrNull, unavailable } from "../reading.ts"
import type { StoreUnavailable } from "../records.ts"
import {
  type ActionFilter,
  type ActionRecord,
  type AttemptRecord,
  type BreakerRecord,
  type Concern,
  OpsStore,
  type SagaFilter,
  type SagaRecord
} from "./records.ts"

/** Times are bigint in the database. */
type Stored<Record, Times extends keyof Record> = Omit<Record, Times> &
  Row & { readonly [T in Times]: null extends Record[T] ? bigint | null : bigint }
type ActionRow = Stored<ActionRecord, "requested_at" | "completed_at">
type SagaRow = Stored<SagaRecord, "deadline" | "stuck_since" | "started_at" | "updated_at" | "since">

/** Newest first: ids are UUIDv7, so a page stays put while others are inserted. */
export const actionsMatching =
  ({ tenant, target, actor, action, after, limit }: ActionFilter) =>
  (sql: SqlClient) =>
    sql<Array<ActionRow>>`
      select id, action, target, reason, actor, parameters, before, outcome, code, detail, after, requested_at,
          completed_at
        from audit.operator_actions where tenant = ${tenant}
        ${target === undefined ? sql`` : sql`and target = ${target}`}
        ${actor === undefined ? sql`` : sql`and actor = ${actor}`}
        ${action === undefined ? sql`` : sql`and action = ${action}`}
        ${after === undefined ? sql`` : sql`and id < ${after}`}
        order by id desc limit ${limit}`

/** In these words the index of open sagas is asked. */
const open = (sql: SqlClient) => sql`s.status not in ('COMPLETED', 'FAILED')`
const ENDED = new Set(["COMPLETED", "FAILED"])

const sagasWithProgress = (sql: SqlClient) => sql`
  select s.payment_id as id, s.user_id, s.status, s.step, s.failure, s.parked, s.waits, s.version, s.deadline,
      s.stuck_since, s.started_at, s.updated_at, g.state as progress, g.reason, g.since
    from saga.sagas s left join payment.progress g on g.payment_id = s.payment_id`

export const sagasMatching =
  ({ tenant, status, stuck, parked, after, limit }: SagaFilter) =>
  (sql: SqlClient) => {
    const onlyOpen = stuck === true || parked === true || (status !== undefined && !ENDED.has(status))
    return sql<Array<SagaRow>>`${sagasWithProgress(sql)} where s.tenant = ${tenant}
      ${onlyOpen ? sql`and ${open(sql)}` : sql``}
      ${status === undefined ? sql`` : sql`and s.status = ${status}`}
      ${stuck === undefined ? sql`` : stuck ? sql`and s.stuck_since is not null` : sql`and s.stuck_since is null`}
      ${parked === undefined ? sql`` : sql`and s.parked = ${parked}`}
      ${after === undefined ? sql`` : sql`and s.payment_id < ${after}`}
      order by s.payment_id desc limit ${limit}`
  }

const saga = (row: SagaRow): SagaRecord => ({
  ...row,
  deadline: ms(row.deadline),
  stuck_since: msOrNull(row.stuck_since),
  started_at: ms(row.started_at),
  updated_at: ms(row.updated_at),
  since: msOrNull(row.since)
})

const attemptsOf = (paymentId: string) => (sql: SqlClient) =>
  sql<Array<Stored<AttemptRecord, "started_at" | "updated_at">>>`
  select provider, attempt, status, provider_reference, code, started_at, updated_at
    from gateway.attempts where payment_id = ${paymentId} order by started_at, provider, attempt`

const allBreakers = (sql: SqlClient) => sql<Array<Stored<BreakerRecord, "until" | "updated_at">>>`
  select provider, state, forced, failures, reason, until, updated_at from gateway.breakers order by provider`

/** The first record a group has not taken is in one of two tables; its time stands in its body, JSON or not. */
export const lagOfGroups = (sql: SqlClient) => sql<
  Array<{ readonly grp: number; readonly lag: bigint; readonly oldest: string | null }>
>`
  select o.grp, sum(p.next - o.next)::bigint as lag, min(substring(w.body from '"time":"([^"]+)"')) as oldest
    from bus.offsets o join bus.partitions p on p.tp = o.tp
    left join lateral (
      select e.body from journal.events e where e.tp = o.tp and e.off = o.next and p.next > o.next
      union all
      select l.body from bus.log l where l.tp = o.tp and l.off = o.next and p.next > o.next limit 1) w on true
    group by o.grp order by o.grp`

type ConcernRow = Omit<Concern, "count" | "since"> & Row & { readonly count: bigint; readonly since: bigint | null }

/** Ids that one alert names at most. */
const SUBJECTS_MAX = 10

export const concernsOf = (tenant: string) => (sql: SqlClient) => {
  const few = sql`(array_agg(subject order by since, subject))[1:${SUBJECTS_MAX}]`
  return sql<Array<ConcernRow>>`
    select name, count(*) as count, min(since) as since, ${few} as subjects from (
      select unnest(array_remove(array[
            case when s.status = 'COMPENSATION_FAILED' then 'compensation_failed'
                 when s.parked then 'saga_parked' end,
            case when s.stuck_since is not null then 'saga_stuck' end], null)) as name,
          s.payment_id::text as subject, coalesce(s.stuck_since, s.updated_at) as since
        from saga.sagas s where s.tenant = ${tenant} and ${open(sql)} and (s.parked or s.stuck_since is not null)
      union all
      select 'refund_parked', r.payment_id::text, r.updated_at
        from saga.refunds r where r.tenant = ${tenant} and r.status not in ('COMPLETED', 'FAILED') and r.parked
      union all
      select 'attempt_review', a.payment_id, a.started_at
        from gateway.attempts a join payment.payments p on p.id = a.payment_id::uuid
        where a.status = 'REVIEW' and p.tenant = ${tenant}
      union all
      select 'dead_letters', d.id::text, d.created_at from bus.dead_letters d where d.status = 'dead') x
    group by name order by name`
}

export const opsStoreLayer: Layer.Layer<OpsStore, never, Sql> = Layer.effect(
  OpsStore,
  Effect.map(Sql, (connections) => {
    const read = <R extends Row, A>(
      build: Parameters<typeof query<R>>[0],
      to: (row: R) => A
    ): Effect.Effect<ReadonlyArray<A>, StoreUnavailable> =>
      Effect.provideService(
        Effect.map(unavailable(query<R>(build)), (rows) => rows.map(to)),
        Sql,
        connections
      )
    return OpsStore.of({
      actions: (filter) =>
        read(actionsMatching(filter), (row) => ({
          ...row,
          requested_at: ms(row.requested_at),
          completed_at: msOrNull(row.completed_at)
        })),
      sagas: (filter) => read(sagasMatching(filter), saga),
      saga: (tenant, id) =>
        Effect.map(
          read(
            (sql) => sql<Array<SagaRow>>`${sagasWithProgress(sql)} where s.payment_id = ${id} and s.tenant = ${tenant}`,
            saga
          ),
          ([found]) => found
        ),
      attempts: (paymentId) =>
        read(attemptsOf(paymentId), (row) => ({
          ...row,
          started_at: ms(row.started_at),
          updated_at: ms(row.updated_at)
        })),
      breakers: read(allBreakers, (row) => ({
        ...row,
        until: msOrNull(row.until),
        updated_at: ms(row.updated_at)
      })),
      lag: read(lagOfGroups, (row) => ({ ...row, lag: Number(row.lag) })),
      concerns: (tenant) =>
        read(concernsOf(tenant), (row) => ({ ...row, count: Number(row.count), since: Number(row.since) }))
    })
  })
)
