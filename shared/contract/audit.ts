/** What operators did, and why: appended by the action's own command (DECISIONS D0). One stream `action-{id}` each. */
import { Schema } from "effect"
import { type About, EXAMPLE, entry, type FactOf } from "./catalogue.ts"

/** Plain JSON, as the operator's answer shows it; amounts are integers of minor units. */
export const Facts = Schema.Record(Schema.String, Schema.Json)
export type Facts = typeof Facts.Type

export const ActionOutcome = Schema.Literals(["applied", "refused", "failed"])
export type ActionOutcome = typeof ActionOutcome.Type

const about = (trigger: string, consumers: About["consumers"]): About => ({
  version: 1,
  topic: "audit-events",
  producer: consumers[0] === "audit" ? "api" : "audit",
  consumers,
  trigger
})

const requested = {
  action_id: Schema.String,
  /** `noun.verb`, such as `saga.resume`. */
  action: Schema.String,
  /** What it is done to, named like a stream: `saga-{payment id}`, `breaker-stripe`. */
  target: Schema.String,
  reason: Schema.String,
  /** `operator:{key id}`. */
  actor: Schema.String,
  /** What was asked for beside the reason. */
  parameters: Facts,
  /** How the target stood when the action was asked for. */
  before: Facts
}
const completed = {
  action_id: Schema.String,
  /** `refused`: the platform said no, for a good reason · `failed`: it could not, or it does not know. */
  outcome: ActionOutcome,
  code: Schema.optionalKey(Schema.String),
  detail: Schema.optionalKey(Schema.String),
  /** How the target stood afterwards. */
  after: Schema.optionalKey(Facts)
}
const exampleRequested = {
  action_id: EXAMPLE.other,
  action: "saga.resume",
  target: `saga-${EXAMPLE.payment}`,
  reason: "the wallet's database is back",
  actor: "operator:development",
  parameters: {},
  before: { status: "COMPENSATION_FAILED", parked: true }
} as const
const exampleCompleted = {
  action_id: EXAMPLE.other,
  outcome: "applied",
  after: { status: "COMPENSATING", parked: false }
} as const

export const AuditEvents = {
  OperatorActionRequested: entry(
    about("an operator asked for an action; it takes effect only after this is in the log", ["metrics"]),
    requested,
    exampleRequested
  ),
  OperatorActionCompleted: entry(
    about("the action took effect, was refused, or failed; without it the action was interrupted", ["metrics"]),
    completed,
    exampleCompleted
  )
} as const
export type AuditEvent = FactOf<typeof AuditEvents>

export const AuditCommands = {
  RecordOperatorAction: entry(
    about("an operator's request is valid and allowed", ["audit"]),
    requested,
    exampleRequested
  ),
  CompleteOperatorAction: entry(about("what the operator asked for has ended", ["audit"]), completed, exampleCompleted)
} as const
export type AuditCommand = FactOf<typeof AuditCommands>
