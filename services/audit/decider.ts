/** The audit service as the journal runs it. */
import { Schema } from "effect"
import { ActionOutcome, type AuditEvent, Facts } from "../../shared/contract/audit.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Decider, NOTHING } from "../../shared/runtime/decider.ts"
import { decide, evolve, initial, type State } from "./action.ts"
import { project } from "./projections.ts"

const ours: ReadonlySet<string> = new Set(["RecordOperatorAction", "CompleteOperatorAction"])

const Stored = Schema.UndefinedOr(
  Schema.Struct({
    action_id: Schema.String,
    action: Schema.String,
    target: Schema.String,
    reason: Schema.String,
    actor: Schema.String,
    parameters: Facts,
    before: Facts,
    requested_at: Schema.Finite,
    completed: Schema.optionalKey(
      Schema.Struct({
        outcome: ActionOutcome,
        code: Schema.optional(Schema.String),
        detail: Schema.optional(Schema.String),
        after: Schema.optional(Facts),
        at: Schema.Finite
      })
    )
  })
)

export const auditDecider: Decider<State, AuditEvent> = {
  service: "audit",
  topic: "audit-events",
  initial,
  route: (message: Message) => (ours.has(message.type) ? message.subject : undefined),
  begins: ({ type }) => type === "RecordOperatorAction",
  decide,
  evolve,
  react: () => NOTHING,
  wakeAt: () => undefined,
  postings: () => [],
  project,
  snapshot: { schema: 1, codec: Stored }
}
