/**
 * How far an open payment has come, for people: a row of its own beside the payment's, written by saga and gateway only
 * where the rank grows. It decides nothing (DECISIONS D3).
 */
import type { Projected, Table } from "./decider.ts"

export const progressTable: Table = {
  name: "payment.progress",
  columns: { payment_id: "uuid", rank: "int", state: "text", reason: "text", since: "bigint" },
  key: ["payment_id"],
  write: "rank"
}

export type Progress =
  | "WALLET_CHECKED"
  | "WALLET_DEDUCTED"
  | "GATEWAY_PROCESSING"
  | "GATEWAY_RETRYING"
  | "GATEWAY_FALLBACK"

/** The saga's steps rank below everything of the gateway, whose rank grows with its stream's version. */
const GATEWAY_RANK = 100
const sagaRank: { readonly [P in Progress]?: number } = { WALLET_CHECKED: 1, WALLET_DEDUCTED: 2 }

export const sagaProgress = (payment_id: string, state: Progress, since: number): Projected => ({
  table: progressTable,
  row: { payment_id, rank: sagaRank[state] ?? 0, state, reason: null, since }
})

export const gatewayProgress = (
  payment_id: string,
  version: number,
  state: Progress,
  reason: string | null,
  since: number
): Projected => ({ table: progressTable, row: { payment_id, rank: GATEWAY_RANK + version, state, reason, since } })
