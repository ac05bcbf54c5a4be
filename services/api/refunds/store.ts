/** Reads of refunds: one, those of a payment, those that have ended, and how much of a payment went back. */
import { Effect } from "effect"
import { query, type Row, type Sql, type SqlClient, type SqlFailure } from "../../../shared/runtime/postgres.ts"
import type { RefundRecord, Store, StoreUnavailable } from "../records.ts"

type Stored = Omit<RefundRecord, "created_at" | "completed_at" | "updated_at"> & {
  readonly created_at: bigint
  readonly completed_at: bigint | null
  readonly updated_at: bigint
}

const refund = (row: Stored): RefundRecord => ({
  ...row,
  created_at: Number(row.created_at),
  completed_at: row.completed_at === null ? null : Number(row.completed_at),
  updated_at: Number(row.updated_at)
})

const columns = (sql: SqlClient) => sql`
  r.id, r.payment_id, r.user_id, r.amount, r.currency, r.status, r.reason, r.provider, r.provider_reference, r.failure,
  r.created_at, r.completed_at, r.updated_at`

/** Of payment `p`. Most were never refunded, and then no row is looked for. */
export const refundedAmount = (sql: SqlClient) => sql`case p.status
    when 'REFUNDED' then p.amount
    when 'PARTIALLY_REFUNDED' then (select coalesce(sum(r.amount), 0)::bigint from payment.refunds r
      where r.payment_id = p.id and r.status = 'succeeded')
    else 0::bigint end as refunded_amount`

type Guarded = <A>(self: Effect.Effect<A, SqlFailure, Sql>) => Effect.Effect<A, StoreUnavailable>

export const refundReads = (guarded: Guarded): Pick<Store["Service"], "refund" | "refunds" | "refundsEnded"> => {
  const rows = (build: Parameters<typeof query<Stored & Row>>[0]) =>
    guarded(Effect.map(query<Stored & Row>(build), (found) => found.map(refund)))
  return {
    refund: (tenant, id) =>
      Effect.map(
        rows((sql) => sql`select ${columns(sql)} from payment.refunds r where r.id = ${id} and r.tenant = ${tenant}`),
        ([found]) => found
      ),
    refunds: ({ tenant, payment_id, after, limit }) =>
      rows(
        (sql) => sql`select ${columns(sql)} from payment.refunds r
          where r.payment_id = ${payment_id} and r.tenant = ${tenant}
          ${after === undefined ? sql`` : sql`and r.id > ${after}`}
          order by r.id limit ${limit}`
      ),
    refundsEnded: (ids) =>
      rows(
        (sql) => sql`select ${columns(sql)} from payment.refunds r
          where r.id = any(${[...ids]}) and r.status <> 'pending'`
      )
  }
}
