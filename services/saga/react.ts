/** What the saga's own events send: the next step, the next undoing, the mark, and the word to the user. */
import type { Recorded } from "../../shared/contract/envelope.ts"
import type { SagaEvent, Step } from "../../shared/contract/saga.ts"
import type { Outgoing, Reaction } from "../../shared/runtime/decider.ts"
import { NOTHING } from "../../shared/runtime/decider.ts"
import type { Send } from "./send.ts"
import type { Saga, State } from "./state.ts"
import { mark, story, verify } from "./story.ts"
import { before } from "./undo.ts"

/** A step's command has one id for ever, so that sending it again is harmless. */
const named = (send: Send, name: string): Outgoing => ({ ...send, name })

const stepOf = (state: Saga, step: Step): Outgoing => named(story[step].send(state.order, state), step)

/**
 * The refund's name tells whether the deduction was seen: what the wallet knows decides the one, the saga the
 * other.
 */
const undoOf = (state: Saga): Outgoing => {
  const [step] = state.undo
  const undo = step && story[step].undo
  if (step === undefined || undo === undefined) return named(mark(state.order, failureOf(state)), "mark")
  return named(undo.send(state.order, state), `undo:${step}:${state.deducted}`)
}

const failureOf = (state: Saga) =>
  state.failure ?? {
    code: "PAYMENT_TIMED_OUT" as const,
    stage: "SAGA" as const,
    reason: "the payment did not end in time"
  }

const notify = (state: Saga, outcome: "completed" | "failed" | "cancelled"): Outgoing => {
  const { payment_id, user_id, amount, currency } = state.order
  const failure = state.failure === undefined ? {} : { failure: state.failure }
  const data = { payment_id, user_id, outcome, amount, currency, ...failure }
  return {
    topic: "notification-commands",
    subject: `notification-${payment_id}`,
    command: { type: "NotifyUser", data },
    name: "NotifyUser"
  }
}

const recovery = (
  state: Saga,
  { action, step, reason }: Extract<SagaEvent, { type: "SagaRecoveryAttempted" }>["data"]
): ReadonlyArray<Outgoing> => {
  if (action === "verify") return [verify(state.order, reason)]
  const close = story.ProcessWithGateway.undo
  if (action === "close" && close !== undefined) return [close.send(state.order, state)]
  // The log delivers what was sent before the restart.
  if (reason === "restart") return []
  return [state.status === "COMPENSATING" ? undoOf(state) : stepOf(state, step)]
}

export const react = (state: State, event: Recorded<SagaEvent>): Reaction<never> => {
  if (state === undefined) return NOTHING
  switch (event.type) {
    case "SagaStarted":
      return { commands: [stepOf(state, "ValidatePayment")] }
    case "SagaStepCompleted":
      if (state.status === "COMPENSATING") return state.undo.length > 0 ? { commands: [undoOf(state)] } : NOTHING
      return story[event.data.step].next === undefined ? NOTHING : { commands: [stepOf(state, state.step)] }
    case "SagaStepFailed":
      return before(event.data.step).length === 0 ? { commands: [undoOf(state)] } : NOTHING
    case "CompensationStarted":
    case "CompensationStepCompleted":
      return { commands: [undoOf(state)] }
    case "SagaRecoveryAttempted":
      return { commands: recovery(state, event.data) }
    case "SagaCompleted":
      return { commands: [notify(state, "completed")] }
    case "SagaFailed":
      return { commands: [notify(state, state.failure?.code === "PAYMENT_CANCELLED" ? "cancelled" : "failed")] }
    default:
      return NOTHING
  }
}
