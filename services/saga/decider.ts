/** The saga as the journal runs it: it listens to everybody's facts and sends everybody's commands. */
import { Schema } from "effect"
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { Currency, Minor } from "../../shared/contract/money.ts"
import { Failure } from "../../shared/contract/payment.ts"
import { RefundFailure, RefundStep } from "../../shared/contract/refund.ts"
import { type SagaEvent, Step } from "../../shared/contract/saga.ts"
import type { TimerFired } from "../../shared/contract/timer.ts"
import type { Decider, Decision, Encoded } from "../../shared/runtime/decider.ts"
import { evolve } from "./evolve.ts"
import { project } from "./projections.ts"
import { react } from "./react.ts"
import { wakeAt } from "./recover.ts"
import {
  decideRefund,
  evolveRefund,
  heardOfRefunds,
  isRefundEvent,
  recoverRefunds,
  resumeRefunds,
  wakeRefundsAt
} from "./refund.ts"
import { reactToRefund } from "./refund-react.ts"
import { decide } from "./saga.ts"
import type { Settings, State } from "./state.ts"
import { story } from "./story.ts"

/** Every event type that some chapter of the story waits for, and the few that stand outside it. */
const heard: ReadonlySet<string> = new Set([
  ...Object.values(story).flatMap(({ answers, undo }) => [...Object.keys(answers), ...(undo?.undone ?? [])]),
  "PaymentInitiated",
  "PaymentFailed",
  "PaymentCancelled",
  "PaymentCancelRequested",
  ...heardOfRefunds
])

/** What operators say to it. */
const words: ReadonlySet<string> = new Set(["ResumeSaga", "CompensateSaga"])

const route = (message: Message): string | undefined => {
  if (message.type === "TimerFired") return message.subject.startsWith("saga-") ? message.subject : undefined
  if (!heard.has(message.type) && !words.has(message.type)) return undefined
  const { payment_id } = message.data as { readonly payment_id?: string }
  return payment_id === undefined ? undefined : `saga-${payment_id}`
}

const StoredRefund = Schema.Struct({
  order: Schema.Struct({
    payment_id: Schema.String,
    refund_id: Schema.String,
    wallet_id: Schema.String,
    user_id: Schema.String,
    amount: Minor,
    currency: Currency
  }),
  status: Schema.Literals(["PROCESSING", "WAITING", "RELEASING", "COMPLETED", "FAILED"]),
  step: RefundStep,
  provider_reference: Schema.optional(Schema.String),
  failure: Schema.optional(RefundFailure),
  stepDeadline: Schema.Finite,
  recoveries: Schema.Int,
  startedAt: Schema.Finite,
  parked: Schema.Boolean
})

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
    unparked: Schema.optional(Schema.Boolean),
    refunds: Schema.optional(Schema.Array(StoredRefund))
  })
)

/** A message is a refund's, the payment's, or both's: a timer, and an operator's word to resume. */
const decideBoth = (settings: Settings) => {
  const payments = decide(settings)
  return (state: State, message: Message, now: number): Decision<SagaEvent> => {
    if (heardOfRefunds.has(message.type)) return { events: decideRefund(state, message) }
    const decided = payments(state, message, now)
    if (message.type === "ResumeSaga") {
      const resumed = resumeRefunds(state)
      return resumed.length === 0 ? decided : { events: [...(decided.events ?? []), ...resumed] }
    }
    if (message.type !== "TimerFired" || decided.events === undefined || state?.refunds === undefined) return decided
    return { events: [...decided.events, ...recoverRefunds(state, message as TimerFired, now)] }
  }
}

const evolveBoth = (settings: Settings) => {
  const [payments, refunds] = [evolve(settings), evolveRefund(settings)]
  return (state: State, event: Recorded<SagaEvent>): State =>
    isRefundEvent(event) ? refunds(state, event) : payments(state, event)
}

const soonest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)

/** When the time of a step is up, the settings say. */
const facts = ({ stepDeadline: _, refunds, ...encoded }: Encoded): Encoded => ({
  ...encoded,
  refunds: (refunds as ReadonlyArray<Encoded> | undefined)?.map(({ stepDeadline: __, ...refund }) => refund)
})

export const sagaDecider = (settings: Settings): Decider<State, SagaEvent> => ({
  service: "saga",
  topic: "saga-events",
  initial: undefined,
  route,
  begins: (message) => message.type === "PaymentInitiated",
  decide: decideBoth(settings),
  evolve: evolveBoth(settings),
  react: (state, event) => (isRefundEvent(event) ? reactToRefund(state, event) : react(state, event)),
  wakeAt: (state) => soonest(wakeAt(state, settings), wakeRefundsAt(state)),
  postings: () => [],
  project,
  snapshot: { schema: 1, codec: Stored },
  size: (state) => state?.refunds?.length ?? 0,
  facts
})
