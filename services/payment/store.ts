/** The tables of the payment's read model; the journal writes them in the commit of the events they follow from. */
import type { Table } from "../../shared/runtime/decider.ts"

export const refundsTable: Table = {
  name: "payment.refunds",
  columns: {
    id: "uuid",
    payment_id: "uuid",
    tenant: "text",
    user_id: "text",
    amount: "bigint",
    currency: "text",
    status: "text",
    reason: "text",
    provider: "text",
    provider_reference: "text",
    failure: "text",
    created_at: "bigint",
    completed_at: "bigint",
    updated_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}

export const paymentsTable: Table = {
  name: "payment.payments",
  columns: {
    id: "uuid",
    tenant: "text",
    user_id: "text",
    wallet_id: "text",
    merchant_id: "text",
    amount: "bigint",
    currency: "text",
    status: "text",
    provider: "text",
    provider_reference: "text",
    failure: "text",
    description: "text",
    metadata: "text",
    version: "int",
    created_at: "bigint",
    completed_at: "bigint",
    updated_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}
