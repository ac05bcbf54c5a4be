/** Reads of `wallet.holds`. An open hold whose time is up is lapsed, also before its row says so. */
import type { Row, SqlClient } from "../../../shared/runtime/postgres.ts"
import { ms } from "../reading.ts"
import type { HoldFilter, HoldRecord } from "./hold.ts"

type Times = "expires_at" | "created_at" | "updated_at"
export type HoldRow = Omit<HoldRecord, Times> & Row & { readonly [T in Times]: bigint }

export const holdOf = (row: HoldRow): HoldRecord => ({
  ...row,
  expires_at: ms(row.expires_at),
  created_at: ms(row.created_at),
  updated_at: ms(row.updated_at)
})

const columns = (sql: SqlClient) => sql`
  h.id, h.wallet_id, h.user_id, h.merchant_id, h.currency, h.amount, h.captured_amount, h.remaining_amount,
  h.released_amount, h.status, h.expires_at, h.version, h.created_at, h.updated_at`

export const holdById = (tenant: string, id: string) => (sql: SqlClient) =>
  sql<Array<HoldRow>>`select ${columns(sql)} from wallet.holds h where h.id = ${id} and h.tenant = ${tenant}`

/** Newest first. The wallet is known to be the tenant's. */
export const holdsMatching =
  ({ tenant, wallet_id, after, limit }: HoldFilter) =>
  (sql: SqlClient) =>
    sql<Array<HoldRow>>`select ${columns(sql)} from wallet.holds h
      where h.wallet_id = ${wallet_id} and h.tenant = ${tenant}
      ${after === undefined ? sql`` : sql`and h.id < ${after}`}
      order by h.id desc limit ${limit}`

/** Of the wallet `w`: what is held although its time is up at `now`. Looked for only where something is held. */
export const lapsedAmount = (sql: SqlClient, now: number) => sql`
  case when w.held = 0 then 0 else coalesce((select sum(h.remaining_amount) from wallet.holds h
    where h.wallet_id = w.id and h.remaining_amount > 0 and h.expires_at <= ${now}), 0) end::bigint as lapsed`

/** What had lapsed at `at`, and was told by a later event or is not yet. */
export const lapsedThen = (walletId: string, at: number) => (sql: SqlClient) =>
  sql<Array<{ readonly lapsed: bigint }>>`
    select coalesce(sum(case h.status when 'expired' then h.released_amount else h.remaining_amount end), 0)::bigint
        as lapsed
      from wallet.holds h where h.wallet_id = ${walletId} and h.expires_at <= ${at}
        and (h.remaining_amount > 0 or h.status = 'expired' and h.updated_at > ${at})`
