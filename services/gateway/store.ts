/** The gateway's read models: one row an attempt, a breaker, a refund. The journal writes them; operators read them. */
import { Effect } from "effect"
import type { Provider } from "../../shared/contract/gateway.ts"
import type { Table } from "../../shared/runtime/decider.ts"
import { query, type Row } from "../../shared/runtime/postgres.ts"

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
    forced: "boolean",
    reason: "text",
    updated_at: "bigint"
  },
  key: ["provider"],
  write: "replace"
}

export const refunds: Table = {
  name: "gateway.refunds",
  columns: {
    refund_id: "text",
    payment_id: "text",
    provider: "text",
    status: "text",
    key: "text",
    charge_reference: "text",
    reference: "text",
    code: "text",
    amount: "bigint",
    currency: "text",
    reviewed: "boolean",
    started_at: "bigint",
    updated_at: "bigint"
  },
  key: ["refund_id"],
  write: "replace"
}

export const tables: ReadonlyArray<Table> = [attempts, breakers, refunds]

interface OpenBreaker extends Row {
  readonly provider: Provider
  readonly until: bigint | null
}

/** The breakers that were not closed when the platform stopped. A probe whose end nobody heard of has no `until`. */
export const openBreakers = Effect.map(
  query<OpenBreaker>((sql) => sql`select provider, until from gateway.breakers where state <> 'closed'`),
  (rows) => rows.map(({ provider, until }) => ({ provider, until: Number(until ?? 0) }))
)
