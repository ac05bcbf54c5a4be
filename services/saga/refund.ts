/**
 * Runs the refunds' story in the stream of their payment's saga: sends a step's command, hears its answer, and where
 * the provider refuses for good it releases what was set aside. It never takes an unknown for a no: a timeout asks.
 */
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import type { PaymentEvent } from "../../shared/contract/payment.ts"
import type { RefundFailure, RefundStep } from "../../shared/contract/refund.ts"
import type { SagaEvent } from "../../shared/contract/saga.ts"
import type { TimerFired } from "../../shared/contract/timer.ts"
import { RELEASED, type RefundAnswer, type RefundOrder, refundStory } from "./refund-story.ts"
import { RECOVERIES_MAX, type Saga, type Settings, type State } from "./state.ts"

export interface Refund {
  readonly order: RefundOrder
  /** `WAITING`: the provider cannot tell the end yet · `RELEASING`: refused, the merchant gets his money back. */
  readonly status: "PROCESSING" | "WAITING" | "RELEASING" | "COMPLETED" | "FAILED"
  /** The step whose answer is awaited. */
  readonly step: RefundStep
  readonly provider_reference?: string | undefined
  readonly failure?: RefundFailure | undefined
  /** ms; when the current step's time is up. */
  readonly stepDeadline: number
  readonly recoveries: number
  readonly startedAt: number
  /** Recoveries helped nothing and a person was paged; an answer that comes all the same still counts. */
  readonly parked: boolean
}

export type RefundEvent = Extract<SagaEvent, { readonly type: `SagaRefund${string}` }>
type Decided = ReadonlyArray<RefundEvent>

/** A refund that the provider has taken on may take days, and the gateway looks after it: the saga asks once a day. */
const WAITING_LOOK_MS = 24 * 3_600_000

export const isRefundEvent = (event: SagaEvent): event is RefundEvent => event.type.startsWith("SagaRefund")

/** Every event type that some chapter of a refund waits for, and the one that begins it. */
export const heardOfRefunds: ReadonlySet<string> = new Set([
  "RefundRequested",
  RELEASED,
  ...Object.values(refundStory).flatMap(({ answers }) => Object.keys(answers))
])

export const refundsOf = (state: Saga): ReadonlyArray<Refund> => state.refunds ?? []
export const findRefund = (state: Saga, id: string): Refund | undefined =>
  refundsOf(state).find(({ order }) => order.refund_id === id)
export const isOpenRefund = ({ status }: Refund): boolean => status !== "COMPLETED" && status !== "FAILED"

export const decideRefund = (state: State, message: Message): Decided => {
  if (state === undefined) return []
  const { refund_id } = message.data as { readonly refund_id: string }
  const refund = findRefund(state, refund_id)
  if (message.type === "RefundRequested") return refund === undefined ? start(message) : []
  return refund === undefined || !isOpenRefund(refund) ? [] : proceed(refund, message)
}

type Requested = Extract<PaymentEvent, { readonly type: "RefundRequested" }>["data"]

const start = ({ data }: Message): Decided => {
  const { payment_id, refund_id, wallet_id, user_id, amount, currency } = data as Requested
  return [{ type: "SagaRefundStarted", data: { payment_id, refund_id, wallet_id, user_id, amount, currency } }]
}

const idsOf = ({ order: { payment_id, refund_id } }: Refund) => ({ payment_id, refund_id })

const proceed = (refund: Refund, message: Message): Decided => {
  const { step, status, failure } = refund
  const ids = idsOf(refund)
  if (status === "RELEASING" && failure !== undefined)
    return message.type === RELEASED ? [{ type: "SagaRefundFailed", data: { ...ids, failure } }] : []
  const answer = answerOf(step, message)
  switch (answer?._tag) {
    case undefined:
      return []
    case "Waits":
      return status === "WAITING" ? [] : [{ type: "SagaRefundWaits", data: { ...ids, reason: answer.reason } }]
    case "Failed":
      return [{ type: "SagaRefundStepFailed", data: { ...ids, step, failure: answer.failure } }]
    case "Done": {
      const { _tag, ...learnt } = answer
      const completed: RefundEvent = { type: "SagaRefundStepCompleted", data: { ...ids, step, ...learnt } }
      return refundStory[step].next === undefined
        ? [completed, { type: "SagaRefundCompleted", data: ids }]
        : [completed]
    }
  }
}

const answerOf = (step: RefundStep, { type, data }: Message): RefundAnswer | undefined => {
  const answers = refundStory[step].answers as {
    readonly [type: string]: ((data: unknown) => RefundAnswer) | undefined
  }
  return Object.hasOwn(answers, type) ? answers[type]?.(data) : undefined
}

/** The stream's timer fired, or the process started anew: continue, verify or call a person. */
export const recoverRefunds = (state: State, { data }: TimerFired, now: number): Decided =>
  state === undefined
    ? []
    : refundsOf(state)
        .filter((refund) => isOpenRefund(refund) && !refund.parked)
        .flatMap((refund) => recover(refund, data.kind, now))

type Attempted = Extract<RefundEvent, { readonly type: "SagaRefundRecoveryAttempted" }>["data"]

const attempt = (
  refund: Refund,
  action: Attempted["action"],
  reason: Attempted["reason"],
  recoveries = refund.recoveries
): Decided => {
  const data = { ...idsOf(refund), step: refund.step, action, reason, recoveries }
  return [{ type: "SagaRefundRecoveryAttempted", data }]
}

const asks = ({ status, step }: Refund): boolean => status !== "RELEASING" && refundStory[step].late === "verify"

/** An operator resumes the saga: each refund that has not ended sends its step again, or asks the provider. */
export const resumeRefunds = (state: State): Decided =>
  state === undefined
    ? []
    : refundsOf(state)
        .filter(isOpenRefund)
        .flatMap((refund) => attempt(refund, asks(refund) ? "verify" : "continue", "operator", 0))

const recover = (refund: Refund, kind: TimerFired["data"]["kind"], now: number): Decided => {
  const { step, recoveries } = refund
  if (kind === "restart") return asks(refund) ? attempt(refund, "verify", "restart") : []
  if (now < refund.stepDeadline) return []
  if (asks(refund)) return attempt(refund, "verify", "step_timeout")
  if (recoveries < RECOVERIES_MAX) return attempt(refund, "continue", "step_timeout", recoveries + 1)
  const reason = `no answer after ${RECOVERIES_MAX} recoveries`
  return [{ type: "SagaRefundParked", data: { ...idsOf(refund), step, reason } }]
}

export const wakeRefundsAt = (state: State): number | undefined => {
  if (state?.refunds === undefined) return undefined
  const moments = state.refunds.filter((refund) => isOpenRefund(refund) && !refund.parked)
  return moments.length === 0 ? undefined : Math.min(...moments.map(({ stepDeadline }) => stepDeadline))
}

export const evolveRefund =
  (settings: Settings) =>
  (state: State, event: Recorded<RefundEvent>): State => {
    if (state === undefined) return undefined
    if (event.type === "SagaRefundStarted")
      return { ...state, refunds: [...refundsOf(state), started(event.data, event.time, settings)] }
    const { refund_id } = event.data
    const refunds = refundsOf(state).map((refund) =>
      refund.order.refund_id === refund_id ? changed(refund, event, settings) : refund
    )
    return { ...state, refunds }
  }

const started = (order: RefundOrder, at: number, { stepTimeoutMs }: Settings): Refund => ({
  order,
  status: "PROCESSING",
  step: "RefundWithGateway",
  stepDeadline: at + stepTimeoutMs,
  recoveries: 0,
  startedAt: at,
  parked: false
})

const changed = (
  refund: Refund,
  event: Exclude<Recorded<RefundEvent>, { readonly type: "SagaRefundStarted" }>,
  { stepTimeoutMs, recoveryIntervalMs }: Settings
): Refund => {
  const anew = { ...refund, stepDeadline: event.time + stepTimeoutMs, recoveries: 0, parked: false }
  switch (event.type) {
    case "SagaRefundStepCompleted": {
      const { step, provider_reference = refund.provider_reference } = event.data
      return { ...anew, status: "PROCESSING", step: refundStory[step].next ?? step, provider_reference }
    }
    case "SagaRefundStepFailed":
      return { ...anew, status: "RELEASING", failure: event.data.failure }
    case "SagaRefundWaits":
      return { ...anew, status: "WAITING", stepDeadline: event.time + WAITING_LOOK_MS }
    case "SagaRefundRecoveryAttempted": {
      const { action, reason, recoveries } = event.data
      const parked = refund.parked && reason !== "operator"
      const asked = refund.status === "WAITING" ? WAITING_LOOK_MS : recoveryIntervalMs
      const pause = action === "continue" ? stepTimeoutMs : asked
      return { ...refund, recoveries, parked, stepDeadline: event.time + pause }
    }
    case "SagaRefundCompleted":
      return { ...refund, status: "COMPLETED", parked: false }
    case "SagaRefundFailed":
      return { ...refund, status: "FAILED", parked: false }
    case "SagaRefundParked":
      return { ...refund, parked: true }
  }
}
