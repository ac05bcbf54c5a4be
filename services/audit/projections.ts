/** Audit events → the row of the action. Pure. */
import type { AuditEvent, Facts } from "../../shared/contract/audit.ts"
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import type { Projected } from "../../shared/runtime/decider.ts"
import type { State } from "./action.ts"
import { operatorActionsTable } from "./store.ts"

const text = (facts: Facts | undefined): string | null => (facts === undefined ? null : JSON.stringify(facts))

export const project = (
  state: State,
  _event: Recorded<AuditEvent>,
  { tenant, traceparent }: Message
): ReadonlyArray<Projected> => {
  if (state === undefined) return []
  const { action_id, action, target, reason, actor, parameters, before, requested_at, completed } = state
  const row = {
    id: action_id,
    tenant,
    action,
    target,
    reason,
    actor,
    parameters: JSON.stringify(parameters),
    before: JSON.stringify(before),
    outcome: completed?.outcome ?? null,
    code: completed?.code ?? null,
    detail: completed?.detail ?? null,
    after: text(completed?.after),
    traceparent: traceparent ?? null,
    requested_at,
    completed_at: completed?.at ?? null
  }
  return [{ table: operatorActionsTable, row }]
}
