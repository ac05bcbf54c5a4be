/**
 * Runs the story: one stream a payment. It sends a step's command, hears its answer, and where a step refuses or time
 * is up it undoes what was done, last first. It never takes an unknown for a no: a timeout asks (DECISIONS D3).
 */
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import type { Failure, PaymentEvent } from "../../shared/contract/payment.ts"
import type { SagaEvent, Step } from "../../shared/contract/saga.ts"
import type { TimerFired } from "../../shared/contract/timer.ts"
import type { Decision } from "../../shared/runtime/decider.ts"
import { type Answer, type Order, story } from "./story.ts"

export interface Settings {
  readonly sagaTimeoutMs: number
  readonly stepTimeoutMs: number
  /** How often an open saga that waits for a provider is looked at again. */
  readonly recoveryIntervalMs: number
}

export type Status = "PROCESSING" | "AWAITING_GATEWAY" | "COMPENSATING" | "COMPLETED" | "FAILED"

export interface Saga {
  readonly order: Order
  readonly status: Status
  /** The step whose answer is awaited. */
  readonly step: Step
  readonly deducted: boolean
  readonly provider?: string | undefined
  readonly provider_reference?: string | undefined
  /** Why it compensates. */
  readonly failure?: Failure | undefined
  /** Steps still to be undone, next first; empty while compensating: the payment is being marked. */
  readonly undo: ReadonlyArray<Step>
  /** True once CompensationStarted was told: a refusal with nothing to undo needs none. */
  readonly compensated: boolean
  /** The gateway was asked to close the payment and has not said yes. */
  readonly closing: boolean
  /** ms; when the current step's time is up. */
  readonly stepDeadline: number
  readonly recoveries: number
  readonly startedAt: number
  readonly waitingSince?: number | undefined
  readonly stuckTold: boolean
  /** Recoveries helped nothing and a person was paged; an answer that comes all the same still counts. */
  readonly parked: boolean
}
export type State = Saga | undefined

type Decided = Decision<SagaEvent>
const nothing: Decided = { events: [] }
const append = (...events: ReadonlyArray<SagaEvent>): Decided => ({ events })

/** At most so many times is a step sent again; then a person is paged (asking is not counted). */
export const RECOVERIES_MAX = 3
/** An open payment that waited for so long is flagged stuck, once (MISSION 7). */
export const STUCK_AFTER_MS = 300_000

export const isOpen = ({ status }: Saga): boolean => status !== "COMPLETED" && status !== "FAILED"

export const decide =
  (settings: Settings) =>
  (state: State, message: Message, now: number): Decided => {
    const heard = message as unknown as PaymentEvent | TimerFired
    if (heard.type === "PaymentInitiated") return state === undefined ? start(heard.data, now, settings) : nothing
    if (state === undefined || !isOpen(state)) return nothing
    if (heard.type === "TimerFired") return recover(state, heard, now)
    if (heard.type === "PaymentCancelRequested") return cancel(state, heard.data.reason)
    return state.status === "COMPENSATING" ? compensate(state, message) : proceed(state, message)
  }

type Initiated = Extract<PaymentEvent, { readonly type: "PaymentInitiated" }>["data"]

const start = (payment: Initiated, now: number, { sagaTimeoutMs }: Settings): Decided => {
  const { payment_id, wallet_id, user_id, merchant_id, amount, currency, initiated_at } = payment
  const order = { payment_id, wallet_id, user_id, merchant_id, amount, currency, initiated_at }
  return append({ type: "SagaStarted", data: { ...order, deadline: now + sagaTimeoutMs } })
}

const proceed = (state: Saga, message: Message): Decided => {
  const { payment_id } = state.order
  const { step } = state
  if (state.closing && message.type === "GatewayClosed") return undoing(state, timedOut(state), before(step))
  const answer = answerOf(step, message)
  switch (answer?._tag) {
    case undefined:
      return nothing
    case "Heard": {
      const { status, reason } = answer
      return append({ type: "SagaGatewayHeard", data: { payment_id, status, reason } })
    }
    case "Failed":
      return refused(state, answer.failure)
    case "Done": {
      const { _tag, ...charge } = answer
      const completed: SagaEvent = { type: "SagaStepCompleted", data: { payment_id, step, ...charge } }
      return story[step].next === undefined
        ? append(completed, { type: "SagaCompleted", data: { payment_id } })
        : append(completed)
    }
  }
}

const answerOf = (step: Step, { type, data }: Message): Answer | undefined => {
  const answers = story[step].answers as {
    readonly [type: string]: ((data: unknown) => Answer | undefined) | undefined
  }
  return Object.hasOwn(answers, type) ? answers[type]?.(data) : undefined
}

/**
 * The step itself took no effect, so what came before it is undone; nothing before it: the payment is marked at
 * once.
 */
const refused = (state: Saga, failure: Failure): Decided => {
  const { payment_id } = state.order
  const failed: SagaEvent = { type: "SagaStepFailed", data: { payment_id, step: state.step, failure } }
  const undo = before(state.step)
  return undo.length === 0
    ? append(failed)
    : append(failed, { type: "CompensationStarted", data: { payment_id, failure, undo } })
}

const undoing = (state: Saga, failure: Failure, undo: ReadonlyArray<Step>): Decided =>
  append({ type: "CompensationStarted", data: { payment_id: state.order.payment_id, failure, undo } })

/** Steps before this one that have something to undo, last first. */
export const before = (step: Step): ReadonlyArray<Step> => {
  const steps = Object.keys(story) as ReadonlyArray<Step>
  return steps
    .slice(0, steps.indexOf(step))
    .filter((earlier) => story[earlier].undo !== undefined && earlier !== "ProcessWithGateway")
    .reverse()
}
/** The same with the step itself, whose command may have been carried out although no answer came. */
const upTo = (step: Step): ReadonlyArray<Step> => (step === "DeductWalletBalance" ? [step] : before(step))

const compensate = (state: Saga, message: Message): Decided => {
  const { payment_id } = state.order
  if (message.type === "PaymentFailed" || message.type === "PaymentCancelled") {
    const failure = state.failure ?? timedOut(state)
    const failed: SagaEvent = { type: "SagaFailed", data: { payment_id, failure } }
    return state.compensated ? append({ type: "CompensationCompleted", data: { payment_id } }, failed) : append(failed)
  }
  if (message.type === "WalletDeducted" && !state.deducted) {
    return append({ type: "SagaStepCompleted", data: { payment_id, step: "DeductWalletBalance" } })
  }
  const [step] = state.undo
  if (step === undefined || !story[step].undo?.undone.some((type) => type === message.type)) return nothing
  if (message.type === "WalletDeductionVoided" && state.deducted) return nothing // the refund proper is on its way
  return append({ type: "CompensationStepCompleted", data: { payment_id, step } })
}

/** A cancellation is accepted until the provider is asked; after that only the outcome counts (DECISIONS D4). */
const cancel = (state: Saga, reason: string): Decided => {
  const asked = state.step === "ProcessWithGateway" || state.step === "ConfirmPayment"
  if (asked || state.status === "COMPENSATING") return nothing
  return undoing(state, { code: "PAYMENT_CANCELLED", stage: "SAGA", reason }, upTo(state.step))
}

const timedOut = (state: Saga): Failure => ({
  code: "PAYMENT_TIMED_OUT",
  stage: "SAGA",
  reason: `the payment did not end in time, it was at ${state.step}`
})

/** The stream's timer fired, or the process started anew: continue, verify, close, compensate or call a person. */
const recover = (state: Saga, { data }: TimerFired, now: number): Decided => {
  const { payment_id } = state.order
  const { step } = state
  const asks = state.status !== "COMPENSATING" && story[step].late === "verify"
  const attempt = (
    action: "continue" | "verify" | "close",
    reason: "step_timeout" | "saga_timeout" | "restart",
    recoveries = state.recoveries
  ): SagaEvent => ({ type: "SagaRecoveryAttempted", data: { payment_id, step, action, reason, recoveries } })
  if (data.kind === "restart") return asks ? append(attempt("verify", "restart")) : nothing
  const stuck = stuckNow(state, now)
  const alarm: ReadonlyArray<SagaEvent> =
    stuck === undefined ? [] : [{ type: "SagaStuck", data: { payment_id, step, since: stuck } }]
  if (asks) {
    if (now >= state.order.deadline && !state.closing) return append(...alarm, attempt("close", "saga_timeout"))
    return now >= state.stepDeadline ? append(...alarm, attempt("verify", "step_timeout")) : append(...alarm)
  }
  if (now >= state.order.deadline && canTimeOut(state)) return undoing(state, timedOut(state), upTo(step))
  if (now < state.stepDeadline) return append(...alarm)
  if (state.recoveries < RECOVERIES_MAX)
    return append(...alarm, attempt("continue", "step_timeout", state.recoveries + 1))
  const reason = `no answer after ${RECOVERIES_MAX} recoveries`
  return append(...alarm, { type: "SagaParked", data: { payment_id, step, reason } })
}

const stuckNow = (state: Saga, now: number): number | undefined => {
  const since = state.waitingSince ?? state.startedAt
  return !state.stuckTold && now - since >= STUCK_AFTER_MS ? since : undefined
}

/**
 * After the charge is known only the confirmation is left, and while it undoes or asks to close, time was up
 * already.
 */
const canTimeOut = ({ closing, status, step }: Saga): boolean =>
  !closing && status !== "COMPENSATING" && step !== "ConfirmPayment"

/** The next moment at which time alone changes something; steps do not move an armed timer, a firing looks again. */
export const wakeAt = (state: State): number | undefined => {
  if (state === undefined || !isOpen(state) || state.parked) return undefined
  const stuck = state.stuckTold ? Number.POSITIVE_INFINITY : (state.waitingSince ?? state.startedAt) + STUCK_AFTER_MS
  const over = canTimeOut(state) ? state.order.deadline : Number.POSITIVE_INFINITY
  return Math.min(state.stepDeadline, stuck, over)
}

export const evolve =
  (settings: Settings) =>
  (state: State, event: Recorded<SagaEvent>): State => {
    if (event.type === "SagaStarted") return started(event, settings)
    if (state === undefined) return undefined
    const stepDeadline = event.time + settings.stepTimeoutMs
    const restarted = { ...state, stepDeadline, recoveries: 0, parked: false }
    switch (event.type) {
      case "SagaStepCompleted":
        return completed(restarted, event)
      case "SagaStepFailed":
        return { ...restarted, status: "COMPENSATING", failure: event.data.failure, undo: [] }
      case "SagaGatewayHeard": {
        const { status } = event.data
        const waitingSince = status === "AWAITING_GATEWAY" ? (state.waitingSince ?? event.time) : undefined
        return { ...restarted, status, waitingSince }
      }
      case "SagaRecoveryAttempted": {
        const { action, recoveries } = event.data
        const pause = action === "continue" ? settings.stepTimeoutMs : settings.recoveryIntervalMs
        return { ...state, recoveries, closing: state.closing || action === "close", stepDeadline: event.time + pause }
      }
      case "SagaStuck":
        return { ...state, stuckTold: true }
      case "CompensationStarted":
        return { ...restarted, status: "COMPENSATING", compensated: true, ...event.data }
      case "CompensationStepCompleted":
        return { ...restarted, undo: state.undo.slice(1) }
      case "CompensationCompleted":
        return state
      case "SagaCompleted":
        return { ...state, status: "COMPLETED" }
      case "SagaFailed":
        return { ...state, status: "FAILED" }
      case "SagaParked":
        return { ...state, parked: true }
    }
  }

const started = (
  { data, time }: Extract<Recorded<SagaEvent>, { readonly type: "SagaStarted" }>,
  settings: Settings
): Saga => ({
  order: data,
  status: "PROCESSING",
  step: "ValidatePayment",
  deducted: false,
  undo: [],
  compensated: false,
  closing: false,
  stepDeadline: time + settings.stepTimeoutMs,
  recoveries: 0,
  startedAt: time,
  stuckTold: false,
  parked: false
})

const completed = (state: Saga, { data }: Extract<SagaEvent, { readonly type: "SagaStepCompleted" }>): Saga => {
  const { step, provider = state.provider, provider_reference = state.provider_reference } = data
  const deducted = state.deducted || step === "DeductWalletBalance"
  if (state.status === "COMPENSATING") return { ...state, deducted }
  return {
    ...state,
    status: "PROCESSING",
    waitingSince: undefined,
    step: story[step].next ?? step,
    deducted,
    provider,
    provider_reference
  }
}
