/** Reads of `wallet.transfers`. */
import { Effect } from "effect"
import { query, type Row, type Sql, type SqlFailure } from "../../../shared/runtime/postgres.ts"
import { ms } from "../reading.ts"
import type { Store, StoreUnavailable } from "../records.ts"
import type { TransferRecord } from "./transfer.ts"

type Stored = Omit<TransferRecord, "created_at"> & Row & { readonly created_at: bigint }
type Guarded = <A>(self: Effect.Effect<A, SqlFailure, Sql>) => Effect.Effect<A, StoreUnavailable>

export const transferReads = (guarded: Guarded): Pick<Store["Service"], "transfer"> => ({
  transfer: (tenant, id) =>
    guarded(
      Effect.map(
        query<Stored>(
          (sql) => sql`select t.id, t.source_wallet_id, t.destination_wallet_id, t.amount, t.currency, t.reference,
              t.created_at
            from wallet.transfers t where t.id = ${id} and t.tenant = ${tenant}`
        ),
        ([row]) => row && { ...row, created_at: ms(row.created_at) }
      )
    )
})
