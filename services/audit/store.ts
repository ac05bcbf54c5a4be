/** What operators did, as the journal writes it in the commit of the action's events. */
import type { Table } from "../../shared/runtime/decider.ts"

export const operatorActionsTable: Table = {
  name: "audit.operator_actions",
  columns: {
    id: "uuid",
    tenant: "text",
    action: "text",
    target: "text",
    reason: "text",
    actor: "text",
    parameters: "text",
    before: "text",
    outcome: "text",
    code: "text",
    detail: "text",
    after: "text",
    traceparent: "text",
    requested_at: "bigint",
    completed_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}
