/** What operators see. The schemas document it; tests hold the answers against them. */
import { Schema } from "effect"
import { iso } from "../resources.ts"
import type { ActionRecord } from "./records.ts"

export const Time = Schema.String.annotate({ format: "date-time", description: "RFC 3339, UTC, milliseconds" })
export const Id = Schema.String.annotate({ format: "uuid" })
export const Facts = Schema.Record(Schema.String, Schema.Unknown)

export const OperatorAction = Schema.Struct({
  id: Id,
  action: Schema.String.annotate({ description: "noun.verb" }),
  target: Schema.String,
  reason: Schema.String,
  actor: Schema.String,
  parameters: Facts,
  before: Facts,
  outcome: Schema.Literals(["running", "applied", "refused", "failed", "interrupted"]).annotate({
    description: "interrupted: the process ended before it could say what came of it; look at the target"
  }),
  code: Schema.NullOr(Schema.String),
  detail: Schema.NullOr(Schema.String),
  after: Schema.NullOr(Facts),
  requested_at: Time,
  completed_at: Schema.NullOr(Time)
}).annotate({ identifier: "OperatorAction" })

/** A request, its effect and its outcome each wait for the store for 10 s at most; after that nobody is at it. */
const INTERRUPTED_AFTER_MS = 30_000

const isOutcome = (text: string | null): text is "applied" | "refused" | "failed" => text !== null

export const actionView = (record: ActionRecord, now: number): typeof OperatorAction.Type => {
  const { id, action, target, reason, actor, parameters, before, code, detail, after } = record
  const { outcome, requested_at, completed_at } = record
  return {
    id,
    action,
    target,
    reason,
    actor,
    parameters: JSON.parse(parameters),
    before: JSON.parse(before),
    outcome: isOutcome(outcome) ? outcome : now - requested_at < INTERRUPTED_AFTER_MS ? "running" : "interrupted",
    code,
    detail,
    after: after === null ? null : JSON.parse(after),
    requested_at: iso(requested_at),
    completed_at: completed_at === null ? null : iso(completed_at)
  }
}
