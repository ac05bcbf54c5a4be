/**
 * Runs the story: one stream a payment. It sends a step's command, hears its answer, and where a step refuses or time
 * is up it undoes what was done, last first. It never takes an unknown for a no: a timeout asks (DECISIONS D3).
 */
import type { Message } from "../../shared/contract/envelope.ts"
import type { Failure, PaymentEvent } from "../../shared/contract/payment.ts"
import type { SagaCommand, SagaEvent, Step } from "../../shared/contract/saga.ts"
import type { TimerFired } from "../../shared/contract/timer.ts"
import { recover, resume, stop } from "./recover.ts"
import { append, type Decided, isOpen, nothing, type Saga, type Settings, type State } from "./state.ts"
import { type Answer, story } from "./story.ts"
import { before, givenUp, undoing, upTo } from "./undo.ts"

export const decide =
  (settings: Settings) =>
  (state: State, message: Message, now: number): Decided => {
    const heard = message as unknown as PaymentEvent | SagaCommand | TimerFired
    if (heard.type === "PaymentInitiated") return state === undefined ? start(heard.data, now, settings) : nothing
    if (state === undefined) return nothing
    if (heard.type === "ResumeSaga") return resume(state, heard)
    if (heard.type === "CompensateSaga") return stop(state, heard)
    if (!isOpen(state)) return nothing
    if (heard.type === "TimerFired") return recover(state, heard, now, settings)
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
  if (state.closing && message.type === "GatewayClosed") return undoing(state, givenUp(state), before(step))
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

const compensate = (state: Saga, message: Message): Decided => {
  const { payment_id } = state.order
  if (message.type === "PaymentFailed" || message.type === "PaymentCancelled") {
    const failure = state.failure ?? givenUp(state)
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
