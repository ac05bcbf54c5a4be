/** What time and operators change: a step is sent again, the provider is asked, a person is called, or it is undone. */
import type { SagaCommand, SagaEvent } from "../../shared/contract/saga.ts"
import type { TimerFired } from "../../shared/contract/timer.ts"
import { append, type Decided, isOpen, nothing, RECOVERIES_MAX, type Saga, type Settings, type State } from "./state.ts"
import { story } from "./story.ts"
import { givenUp, undoing, upTo } from "./undo.ts"

type Attempted = Extract<SagaEvent, { readonly type: "SagaRecoveryAttempted" }>["data"]

const attempt = (
  { order: { payment_id }, step, recoveries: soFar }: Saga,
  action: Attempted["action"],
  reason: Attempted["reason"],
  recoveries = soFar
): SagaEvent => ({ type: "SagaRecoveryAttempted", data: { payment_id, step, action, reason, recoveries } })

/** The step's truth is at the provider: it is asked for, and the command is never sent again. */
const asks = ({ status, step }: Saga): boolean => status !== "COMPENSATING" && story[step].late === "verify"

/** Sending again what the saga waits for the answer of. */
const onward = ({ status }: Saga): "continue" | "compensate" => (status === "COMPENSATING" ? "compensate" : "continue")

/**
 * The stream's timer fired, or the process started anew: continue, verify, close, compensate or call a person. What was
 * sent before a restart is in the log, so then only the provider has to be asked; the rest is told, and not counted.
 */
export const recover = (state: Saga, { data }: TimerFired, now: number, settings: Settings): Decided => {
  const { payment_id } = state.order
  const { step } = state
  if (data.kind === "restart")
    return state.parked ? nothing : append(attempt(state, asks(state) ? "verify" : onward(state), "restart"))
  const stuck = stuckNow(state, now, settings)
  const alarm: ReadonlyArray<SagaEvent> =
    stuck === undefined ? [] : [{ type: "SagaStuck", data: { payment_id, step, since: stuck } }]
  if (state.parked) return append(...alarm)
  if (asks(state)) {
    if (now >= state.order.deadline && !state.closing) return append(...alarm, attempt(state, "close", "saga_timeout"))
    return now >= state.stepDeadline ? append(...alarm, attempt(state, "verify", "step_timeout")) : append(...alarm)
  }
  if (now >= state.order.deadline && canTimeOut(state)) return undoing(state, givenUp(state), upTo(step))
  if (now < state.stepDeadline) return append(...alarm)
  if (state.recoveries < RECOVERIES_MAX)
    return append(...alarm, attempt(state, onward(state), "step_timeout", state.recoveries + 1))
  const reason = `no answer after ${RECOVERIES_MAX} recoveries`
  const compensating = state.status === "COMPENSATING"
  return append(...alarm, { type: "SagaParked", data: { payment_id, step, reason, compensating } })
}

const stuckNow = (state: Saga, now: number, { stuckAfterMs }: Settings): number | undefined => {
  const since = state.waitingSince ?? state.startedAt
  return !state.stuckTold && now - since >= stuckAfterMs ? since : undefined
}

/**
 * After the charge is known only the confirmation is left, and while it undoes or asks to close, time was up
 * already.
 */
const canTimeOut = ({ closing, status, step }: Saga): boolean =>
  !closing && status !== "COMPENSATING" && step !== "ConfirmPayment"

/** The next moment at which time alone changes something; steps do not move an armed timer, a firing looks again. */
export const wakeAt = (state: State, { stuckAfterMs }: Settings): number | undefined => {
  if (state === undefined || !isOpen(state)) return undefined
  const stuck = state.stuckTold ? Number.POSITIVE_INFINITY : (state.waitingSince ?? state.startedAt) + stuckAfterMs
  if (state.parked) return state.stuckTold ? undefined : stuck
  const over = canTimeOut(state) ? state.order.deadline : Number.POSITIVE_INFINITY
  return Math.min(state.stepDeadline, stuck, over)
}

type Word<Type extends SagaCommand["type"]> = Extract<SagaCommand, { readonly type: Type }>

const refuse = (code: string, reason: string, state: Saga): Decided => {
  const { status, step, order } = state
  return { refusal: { code, reason, details: { payment_id: order.payment_id, status, step } } }
}

const ended = (state: Saga): Decided => refuse("SAGA_ENDED", `the saga is ${state.status}`, state)

/**
 * An operator's word: a saga that gave up sends its step again, under the same name, so that it is applied once; where
 * the truth is at a provider, the provider is asked.
 */
export const resume = (state: Saga, _command: Word<"ResumeSaga">): Decided =>
  isOpen(state) ? append(attempt(state, asks(state) ? "verify" : onward(state), "operator", 0)) : ended(state)

/**
 * An operator's word: end it and give the money back. What a provider was asked for has to be closed there first; what
 * a provider has taken is kept, and the payment completes.
 */
export const stop = (state: Saga, command: Word<"CompensateSaga">): Decided => {
  if (!isOpen(state)) return ended(state)
  if (state.status === "COMPENSATING") return resume(state, { ...command, type: "ResumeSaga" })
  if (state.step === "ConfirmPayment")
    return refuse("SAGA_NOT_COMPENSATABLE", "the provider has charged: only the confirmation is left", state)
  const told = { ...state, stopped: true }
  return asks(state) ? append(attempt(state, "close", "operator")) : undoing(told, givenUp(told), upTo(state.step))
}
