/** The saga as the journal runs it: it listens to everybody's facts and sends everybody's commands. */
import { Schema } from "effect"
import type { Message } from "../../shared/contract/envelope.ts"
import { Currency, Minor } from "../../shared/contract/money.ts"
import { Failure } from "../../shared/contract/payment.ts"
import { type SagaEvent, Step } from "../../shared/contract/saga.ts"
import type { Decider } from "../../shared/runtime/decider.ts"
import { evolve } from "./evolve.ts"
import { project } from "./projections.ts"
import { react } from "./react.ts"
import { wakeAt } from "./recover.ts"
import { decide } from "./saga.ts"
import type { Settings, State } from "./state.ts"
import { story } from "./story.ts"

/** Every event type that some chapter of the story waits for, and the few that stand outside it. */
const heard: ReadonlySet<string> = new Set([
  ...Object.values(story).flatMap(({ answers, undo }) => [...Object.keys(answers), ...(undo?.undone ?? [])]),
  "PaymentInitiated",
  "PaymentFailed",
  "PaymentCancelled",
  "PaymentCancelRequested"
])

/** What operators say to it. */
const words: ReadonlySet<string> = new Set(["ResumeSaga", "CompensateSaga"])

const route = (message: Message): string | undefined => {
  if (message.type === "TimerFired") return message.subject.startsWith("saga-") ? message.subject : undefined
  if (!heard.has(message.type) && !words.has(message.type)) return undefined
  const { payment_id } = message.data as { readonly payment_id?: string }
  return payment_id === undefined ? undefined : `saga-${payment_id}`
}

const Stored = Schema.UndefinedOr(
  Schema.Struct({
    order: Schema.Struct({
      payment_id: Schema.String,
      wallet_id: Schema.String,
      user_id: Schema.String,
      merchant_id: Schema.String,
      amount: Minor,
      currency: Currency,
      initiated_at: Schema.Finite,
      deadline: Schema.Finite
    }),
    status: Schema.Literals(["PROCESSING", "AWAITING_GATEWAY", "COMPENSATING", "COMPLETED", "FAILED"]),
    step: Step,
    deducted: Schema.Boolean,
    provider: Schema.optional(Schema.String),
    provider_reference: Schema.optional(Schema.String),
    failure: Schema.optional(Failure),
    undo: Schema.Array(Step),
    compensated: Schema.Boolean,
    closing: Schema.Boolean,
    stopped: Schema.optional(Schema.Boolean),
    stepDeadline: Schema.Finite,
    recoveries: Schema.Int,
    startedAt: Schema.Finite,
    waitingSince: Schema.optional(Schema.Finite),
    waitsFor: Schema.optional(Schema.String),
    stuckTold: Schema.Boolean,
    parked: Schema.Boolean,
    unparked: Schema.optional(Schema.Boolean)
  })
)

export const sagaDecider = (settings: Settings): Decider<State, SagaEvent> => ({
  service: "saga",
  topic: "saga-events",
  initial: undefined,
  route,
  begins: (message) => message.type === "PaymentInitiated",
  decide: decide(settings),
  evolve: evolve(settings),
  react,
  wakeAt: (state) => wakeAt(state, settings),
  postings: () => [],
  project,
  snapshot: { schema: 1, codec: Stored }
})
