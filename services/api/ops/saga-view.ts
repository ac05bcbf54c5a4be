/** A saga as operators see it: where it stands, since when, why it waits, and what was tried. */
import { Schema } from "effect"
import { Step } from "../../../shared/contract/saga.ts"
import { isErrorCode, sentence } from "../failure.ts"
import type { EventRecord } from "../records.ts"
import { eventView, iso, StoredEvent } from "../resources.ts"
import type { AttemptRecord, SagaRecord } from "./records.ts"
import { Id, Time } from "./resources.ts"

export const SAGA_STATUSES = [
  "PROCESSING",
  "AWAITING_GATEWAY",
  "COMPENSATING",
  "COMPENSATION_FAILED",
  "COMPLETED",
  "FAILED"
] as const

export const Saga = Schema.Struct({
  id: Id.annotate({ description: "the payment's" }),
  payment_id: Id,
  user_id: Schema.String,
  status: Schema.Literals(SAGA_STATUSES),
  step: Step.annotate({ description: "whose answer is awaited, or was the last" }),
  age_seconds: Schema.Int.annotate({ description: "since it began; of an ended one, how long it took" }),
  recoveries: Schema.Int.annotate({ description: "how often in a row its step was sent again" }),
  parked: Schema.Boolean.annotate({ description: "it gave up: resume it once the cause is gone" }),
  stuck_since: Schema.NullOr(Time),
  waiting: Schema.NullOr(
    Schema.Struct({ reason: Schema.String, since: Schema.NullOr(Time), closing: Schema.Boolean })
  ).annotate({ description: "closing: the gateway was asked to close the payment, and has not said yes" }),
  failure: Schema.NullOr(Schema.Struct({ code: Schema.String, stage: Schema.String, reason: Schema.String })),
  deadline: Time,
  version: Schema.Int,
  started_at: Time,
  updated_at: Time
}).annotate({ identifier: "Saga" })

export const Attempt = Schema.Struct({
  provider: Schema.String,
  attempt: Schema.Int,
  status: Schema.String,
  provider_reference: Schema.NullOr(Schema.String),
  code: Schema.NullOr(Schema.String),
  started_at: Time,
  updated_at: Time
}).annotate({ identifier: "Attempt" })

export const SagaDetails = Schema.Struct({
  ...Saga.fields,
  attempts: Schema.Array(Attempt),
  events: Schema.Array(StoredEvent).annotate({ description: "the saga's own, the latest 200" })
}).annotate({ identifier: "SagaDetails" })

/** Steps that go well write no row of the saga, only the payment's progress: it says which step came next. */
const AFTER: Readonly<Record<string, typeof Step.Type>> = {
  WALLET_CHECKED: "DeductWalletBalance",
  WALLET_DEDUCTED: "ProcessWithGateway",
  GATEWAY_PROCESSING: "ProcessWithGateway",
  GATEWAY_RETRYING: "ProcessWithGateway",
  GATEWAY_FALLBACK: "ProcessWithGateway"
}
const order = (step: string): number => Step.literals.indexOf(step as typeof Step.Type)

const ended = ({ status }: SagaRecord): boolean => status === "COMPLETED" || status === "FAILED"

export const stepOf = ({ step, progress }: Pick<SagaRecord, "step" | "progress">): typeof Step.Type => {
  const shown = AFTER[progress ?? ""] ?? "ValidatePayment"
  return order(shown) > order(step) ? shown : (step as typeof Step.Type)
}

interface Waits {
  readonly recoveries: number
  readonly reason?: string
  readonly since?: number
  readonly closing: boolean
}

const waitingOf = (saga: SagaRecord, waits: Waits | undefined) => {
  if (ended(saga)) return null
  const reason = waits?.reason ?? saga.reason ?? (waits?.closing === true ? "asked to close" : undefined)
  if (reason === undefined) return null
  const since = waits?.since ?? saga.since
  return { reason, since: since === null ? null : iso(since), closing: waits?.closing === true }
}

const failureOf = (json: string | null) => {
  if (json === null) return null
  const { code = "INTERNAL", stage = "SAGA", reason = "" } = JSON.parse(json) as Readonly<Record<string, string>>
  return { code, stage, reason: reason === "" && isErrorCode(code) ? sentence(code, {}) : reason }
}

export const sagaView = (saga: SagaRecord, now: number): typeof Saga.Type => {
  const { id, user_id, status, parked, stuck_since, version, started_at, updated_at } = saga
  const waits = saga.waits === null ? undefined : (JSON.parse(saga.waits) as Waits)
  const until = ended(saga) ? updated_at : now
  return {
    id,
    payment_id: id,
    user_id,
    status: status as (typeof SAGA_STATUSES)[number],
    step: stepOf(saga),
    age_seconds: Math.max(0, Math.floor((until - started_at) / 1000)),
    recoveries: waits?.recoveries ?? 0,
    parked,
    stuck_since: stuck_since === null ? null : iso(stuck_since),
    waiting: waitingOf(saga, waits),
    failure: failureOf(saga.failure),
    deadline: iso(saga.deadline),
    version,
    started_at: iso(started_at),
    updated_at: iso(updated_at)
  }
}

export const attemptView = (attempt: AttemptRecord): typeof Attempt.Type => ({
  ...attempt,
  started_at: iso(attempt.started_at),
  updated_at: iso(attempt.updated_at)
})

export const sagaDetails = (
  saga: SagaRecord,
  attempts: ReadonlyArray<AttemptRecord>,
  events: ReadonlyArray<EventRecord>,
  now: number
): typeof SagaDetails.Type => ({
  ...sagaView(saga, now),
  attempts: attempts.map(attemptView),
  events: events.map(eventView)
})

/** What the audit log keeps of it. */
export const sagaFacts = ({ status, step, parked, waits, progress }: SagaRecord) => ({
  status,
  step: stepOf({ step, progress }),
  parked,
  recoveries: waits === null ? 0 : (JSON.parse(waits) as Waits).recoveries
})
