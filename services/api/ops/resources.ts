/** What operators see. The schemas document it; tests hold the answers against them. */
import { Schema } from "effect"
import { SERVICES } from "../../../shared/contract/envelope.ts"
import { Provider } from "../../../shared/contract/gateway.ts"
import { iso } from "../resources.ts"
import type { ActionRecord, BreakerRecord, LagRecord } from "./records.ts"

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

/** `aloneSince` (ms): who asked for something before then is dead, and so is what was doing it. */
export const actionView = (record: ActionRecord, now: number, aloneSince = 0): typeof OperatorAction.Type => {
  const { id, action, target, reason, actor, parameters, before, code, detail, after } = record
  const { outcome, requested_at, completed_at } = record
  const running = requested_at >= aloneSince && now - requested_at < INTERRUPTED_AFTER_MS
  return {
    id,
    action,
    target,
    reason,
    actor,
    parameters: JSON.parse(parameters),
    before: JSON.parse(before),
    outcome: isOutcome(outcome) ? outcome : running ? "running" : "interrupted",
    code,
    detail,
    after: after === null ? null : JSON.parse(after),
    requested_at: iso(requested_at),
    completed_at: completed_at === null ? null : iso(completed_at)
  }
}

export const Breaker = Schema.Struct({
  provider: Provider,
  state: Schema.Literals(["closed", "open", "half_open"]),
  forced: Schema.Boolean.annotate({ description: "by an operator: it stays open until one closes it" }),
  failures: Schema.Int,
  reason: Schema.NullOr(Schema.String),
  until: Schema.NullOr(Time).annotate({ description: "when the next probe may pass" }),
  updated_at: Schema.NullOr(Time).annotate({ description: "null: it never changed its state" })
}).annotate({ identifier: "CircuitBreaker" })

const NEVER: Omit<BreakerRecord, "provider"> = {
  state: "closed",
  forced: false,
  failures: 0,
  reason: null,
  until: null,
  updated_at: 0
}

export const breakerView = (provider: typeof Provider.Type, record: BreakerRecord | undefined): typeof Breaker.Type => {
  const { state, forced, failures, reason, until, updated_at } = record ?? NEVER
  return {
    provider,
    state: state as (typeof Breaker.Type)["state"],
    forced,
    failures,
    reason,
    until: until === null || forced ? null : iso(until),
    updated_at: record === undefined ? null : iso(updated_at)
  }
}

export const Lag = Schema.Struct({
  service: Schema.String,
  lag: Schema.Int.annotate({ description: "records of its topics that it has not taken yet" }),
  oldest_waiting: Schema.NullOr(Time)
}).annotate({ identifier: "Lag" })

export const lagView = ({ grp, lag, oldest }: LagRecord): typeof Lag.Type => ({
  service: SERVICES[grp] ?? String(grp),
  lag,
  oldest_waiting: oldest
})

export const Alert = Schema.Struct({
  name: Schema.String,
  severity: Schema.Literals(["critical", "warning"]),
  since: Time,
  count: Schema.Int,
  subjects: Schema.Array(Schema.String).annotate({ description: "ids or names, the oldest ten" }),
  summary: Schema.String,
  what_to_do: Schema.String
}).annotate({ identifier: "Alert" })

/** What an operator's action answers: its target as it stands now, and the action's id in the audit log. */
export const Operated = <Fields extends Schema.Struct.Fields>(of: Schema.Struct<Fields>, identifier: string) =>
  Schema.Struct({ ...of.fields, action_id: Id }).annotate({ identifier })
