/** Reads of `wallet.withdrawals`. */
import { Effect } from "effect"
import { query, type Row, type Sql, type SqlClient, type SqlFailure } from "../../../shared/runtime/postgres.ts"
import { ms } from "../reading.ts"
import type { Store, StoreUnavailable } from "../records.ts"
import type { WithdrawalRecord } from "./withdrawal.ts"

type Times = "created_at" | "updated_at"
type Stored = Omit<WithdrawalRecord, Times> & Row & { readonly [T in Times]: bigint }
type Guarded = <A>(self: Effect.Effect<A, SqlFailure, Sql>) => Effect.Effect<A, StoreUnavailable>

const withdrawal = (row: Stored): WithdrawalRecord => ({
  ...row,
  created_at: ms(row.created_at),
  updated_at: ms(row.updated_at)
})

const columns = (sql: SqlClient) => sql`
  d.id, d.wallet_id, d.user_id, d.amount, d.currency, d.reference, d.status, d.reason, d.created_at, d.updated_at`

export const withdrawalReads = (guarded: Guarded): Pick<Store["Service"], "withdrawal" | "withdrawals"> => {
  const rows = (build: Parameters<typeof query<Stored>>[0]) =>
    guarded(Effect.map(query<Stored>(build), (found) => found.map(withdrawal)))
  return {
    withdrawal: (tenant, id) =>
      Effect.map(
        rows(
          (sql) => sql`select ${columns(sql)} from wallet.withdrawals d where d.id = ${id} and d.tenant = ${tenant}`
        ),
        ([found]) => found
      ),
    /** Newest first. */
    withdrawals: ({ tenant, wallet_id, after, limit }) =>
      rows(
        (sql) => sql`select ${columns(sql)} from wallet.withdrawals d
          where d.wallet_id = ${wallet_id} and d.tenant = ${tenant}
          ${after === undefined ? sql`` : sql`and d.id < ${after}`}
          order by d.id desc limit ${limit}`
      )
  }
}
