/** What each event makes of a stream's state. */
import type { Recorded } from "../../shared/contract/envelope.ts"
import type { GatewayEvent, Provider } from "../../shared/contract/gateway.ts"
import { received, reviewed, sent, started, timedOut } from "./attempt.ts"
import { evolveRefund, isRefundEvent } from "./refunds.ts"
import type { Rules } from "./rules.ts"
import type { Attempt, State } from "./state.ts"

export const INITIAL: State = { phase: "idle", closing: false, attempts: [], round: 0, queues: 0 }

export const find = (state: State, provider: Provider, n: number): Attempt | undefined =>
  state.attempts.find((attempt) => attempt.provider === provider && attempt.n === n)

export const evolveWith =
  (rules: Rules) =>
  (state: State, event: Recorded<GatewayEvent>): State => {
    if (isRefundEvent(event)) return evolveRefund(state, event)
    const at = event.time
    const change = (provider: Provider, n: number, to: (attempt: Attempt) => Attempt): State => ({
      ...state,
      attempts: state.attempts.map((attempt) =>
        attempt.provider === provider && attempt.n === n ? to(attempt) : attempt
      )
    })
    switch (event.type) {
      case "GatewayRequestSent":
        return requested(state, event.data, at, change)
      case "GatewayResponseReceived": {
        const next = change(event.data.provider, event.data.attempt, (a) => received(a, event.data, at, rules))
        return event.data.outcome === "succeeded" ? { ...next, phase: "settled" } : next
      }
      case "GatewayTimeoutOccurred":
        return change(event.data.provider, event.data.attempt, (a) => timedOut(a, event.data, at))
      case "GatewayReviewRequired":
        return change(event.data.provider, event.data.attempt, (a) => reviewed(a, at, rules))
      case "GatewayQueued": {
        const { until } = event.data
        return {
          ...state,
          phase: "queued",
          queued_until: until,
          queues: state.queues + 1,
          round: state.attempts.length
        }
      }
      case "GatewayPaymentFailed":
        return { ...state, phase: "failed" }
      case "GatewayClosed":
        return { ...state, phase: "closed" }
      case "GatewayCloseRefused":
        return { ...state, closing: true }
      case "CircuitBreakerOpened": {
        const { failure_count: failures, estimated_recovery_time: until, forced } = event.data
        return { ...state, breaker: { state: "open", failures, until, ...(forced !== undefined && { forced }) } }
      }
      case "CircuitBreakerHalfOpened":
        return { ...state, breaker: { state: "half_open", failures: state.breaker?.failures ?? 0 } }
      case "CircuitBreakerClosed":
        return { ...state, breaker: { state: "closed", failures: 0 } }
      case "GatewayFallbackTriggered":
      case "LateSuccessReversed":
      case "GatewayWebhookReceived":
        return state
    }
  }

type Requested = Extract<GatewayEvent, { readonly type: "GatewayRequestSent" }>["data"]
type Change = (provider: Provider, n: number, to: (attempt: Attempt) => Attempt) => State

const requested = (state: State, data: Requested, at: number, change: Change): State => {
  if (find(state, data.provider, data.attempt) !== undefined)
    return change(data.provider, data.attempt, (attempt) => sent(attempt, data, at))
  const { queued_until: _, ...rest } = state
  const { payment_id, amount, currency, deadline = at } = data
  return {
    ...rest,
    phase: "open",
    payment: state.payment ?? { payment_id, amount, currency, deadline },
    attempts: [...state.attempts, started(data, at)]
  }
}
