/** A withdrawal as clients see it: from its row, or as it was when it was asked for. */
import { Schema } from "effect"
import { Amount } from "../requests.ts"
import { iso, Time } from "../resources.ts"

const WithdrawalStatus = Schema.Literals(["pending", "settled", "failed"])

export interface WithdrawalRecord {
  readonly id: string
  readonly wallet_id: string
  readonly user_id: string
  readonly amount: bigint
  readonly currency: string
  readonly reference: string
  readonly status: typeof WithdrawalStatus.Type
  /** What the operator said who ended it. */
  readonly reason: string | null
  /** ms */
  readonly created_at: number
  readonly updated_at: number
}

export interface WithdrawalFilter {
  readonly tenant: string
  readonly wallet_id: string
  /** Older than this withdrawal. */
  readonly after?: string | undefined
  readonly limit: number
}

const Id = Schema.String.annotate({ format: "uuid" })

export const Withdrawal = Schema.Struct({
  id: Id,
  wallet_id: Id,
  user_id: Schema.String,
  amount: Amount,
  currency: Schema.String,
  reference: Schema.String,
  status: WithdrawalStatus.annotate({
    description: "pending: it left the wallet and is on its way; settled: paid out; failed: it is back in the wallet"
  }),
  reason: Schema.optionalKey(Schema.String),
  created_at: Time,
  updated_at: Time
}).annotate({ identifier: "Withdrawal" })

export const withdrawalView = (record: WithdrawalRecord): typeof Withdrawal.Type => {
  const { id, wallet_id, user_id, amount, currency, reference, status, reason } = record
  const said = reason === null ? {} : { reason }
  const times = { created_at: iso(record.created_at), updated_at: iso(record.updated_at) }
  return { id, wallet_id, user_id, amount, currency, reference, status, ...said, ...times }
}

/** The answer to the request that made it, again, whatever has become of it since. */
export const asAsked = (record: WithdrawalRecord): WithdrawalRecord => ({
  ...record,
  status: "pending",
  reason: null,
  updated_at: record.created_at
})
