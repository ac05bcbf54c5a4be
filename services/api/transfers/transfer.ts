/** A transfer as clients see it. It is whole from the first moment on, so it has one status. */
import { Schema } from "effect"
import { Amount } from "../requests.ts"
import { iso, Time } from "../resources.ts"

export interface TransferRecord {
  readonly id: string
  readonly source_wallet_id: string
  readonly destination_wallet_id: string
  readonly amount: bigint
  readonly currency: string
  readonly reference: string | null
  /** ms */
  readonly created_at: number
}

const Id = Schema.String.annotate({ format: "uuid" })

export const Transfer = Schema.Struct({
  id: Id,
  source_wallet_id: Id,
  destination_wallet_id: Id,
  amount: Amount,
  currency: Schema.String,
  reference: Schema.optionalKey(Schema.String),
  status: Schema.Literals(["completed"]).annotate({
    description: "both wallets changed in one commit; what was refused does not exist"
  }),
  created_at: Time
}).annotate({ identifier: "Transfer" })

export const transferView = (record: TransferRecord): typeof Transfer.Type => {
  const { id, source_wallet_id, destination_wallet_id, amount, currency, reference } = record
  const said = reference === null ? {} : { reference }
  const between = { id, source_wallet_id, destination_wallet_id, amount, currency, ...said }
  return { ...between, status: "completed", created_at: iso(record.created_at) }
}
