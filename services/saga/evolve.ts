/** What each event makes of the saga. */
import type { Recorded } from "../../shared/contract/envelope.ts"
import type { SagaEvent } from "../../shared/contract/saga.ts"
import { isRefundEvent } from "./refund.ts"
import type { Saga, Settings, State } from "./state.ts"
import { story } from "./story.ts"

export const evolve =
  (settings: Settings) =>
  (state: State, event: Recorded<SagaEvent>): State => {
    const next = changed(settings, state, event)
    if (next === undefined) return undefined
    const unparked = state?.parked === true && !next.parked
    return unparked === (next.unparked ?? false) ? next : { ...next, unparked }
  }

const changed = (settings: Settings, state: State, event: Recorded<SagaEvent>): State => {
  if (event.type === "SagaStarted") return started(event, settings)
  if (state === undefined || isRefundEvent(event)) return state
  const stepDeadline = event.time + settings.stepTimeoutMs
  const restarted = { ...state, stepDeadline, recoveries: 0, parked: false, waitsFor: undefined }
  switch (event.type) {
    case "SagaStepCompleted":
      return completed(restarted, event)
    case "SagaStepFailed":
      return { ...restarted, status: "COMPENSATING", failure: event.data.failure, undo: [] }
    case "SagaGatewayHeard": {
      const { status, reason } = event.data
      const waitingSince = status === "AWAITING_GATEWAY" ? (state.waitingSince ?? event.time) : undefined
      return { ...restarted, status, waitingSince, waitsFor: reason }
    }
    case "SagaRecoveryAttempted": {
      const { action, reason, recoveries } = event.data
      const asks = action === "verify" || action === "close"
      const pause = asks ? settings.recoveryIntervalMs : settings.stepTimeoutMs
      const next = { ...state, recoveries, stepDeadline: event.time + pause }
      const asked = action === "close" ? { ...next, closing: true } : next
      if (reason !== "operator") return asked
      const waitsFor = state.parked ? undefined : state.waitsFor
      return { ...asked, parked: false, waitsFor, stopped: state.stopped === true || action === "close" }
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
      return { ...state, parked: true, waitsFor: event.data.reason }
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
