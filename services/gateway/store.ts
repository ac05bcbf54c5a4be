/** The gateway's read models: one row an attempt, one row a breaker. The journal writes them; operators read them. */
import type { Table } from "../../shared/runtime/decider.ts"

export const attempts: Table = {
  name: "gateway.attempts",
  columns: {
    payment_id: "text",
    provider: "text",
    attempt: "int",
    status: "text",
    key: "text",
    handle: "text",
    provider_reference: "text",
    code: "text",
    amount: "bigint",
    currency: "text",
    started_at: "bigint",
    updated_at: "bigint"
  },
  key: ["payment_id", "provider", "attempt"],
  write: "replace"
}

export const breakers: Table = {
  name: "gateway.breakers",
  columns: {
    provider: "text",
    state: "text",
    failures: "int",
    until: "bigint",
    reason: "text",
    updated_at: "bigint"
  },
  key: ["provider"],
  write: "replace"
}

export const tables: ReadonlyArray<Table> = [attempts, breakers]
