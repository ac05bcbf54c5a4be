/** The tables of the saga's read model; the journal writes them in the commit of the events they follow from. */
import type { Table } from "../../shared/runtime/decider.ts"

export const refundsTable: Table = {
  name: "saga.refunds",
  columns: {
    refund_id: "uuid",
    payment_id: "uuid",
    tenant: "text",
    user_id: "text",
    status: "text",
    step: "text",
    failure: "text",
    parked: "boolean",
    started_at: "bigint",
    updated_at: "bigint"
  },
  key: ["refund_id"],
  write: "replace"
}

export const sagasTable: Table = {
  name: "saga.sagas",
  columns: {
    payment_id: "uuid",
    tenant: "text",
    user_id: "text",
    status: "text",
    step: "text",
    failure: "text",
    deadline: "bigint",
    stuck_since: "bigint",
    parked: "boolean",
    waits: "text",
    version: "int",
    started_at: "bigint",
    updated_at: "bigint"
  },
  key: ["payment_id"],
  write: "replace"
}
