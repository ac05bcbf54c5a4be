/** Events → rows and postings, pure. */
import type { Recorded } from "../../shared/contract/envelope.ts"
import type { GatewayEvent, Provider } from "../../shared/contract/gateway.ts"
import type { Posting, Projected } from "../../shared/runtime/decider.ts"
import { keyOf } from "./calls.ts"
import { find } from "./evolve.ts"
import type { State } from "./state.ts"
import { attempts, breakers } from "./store.ts"

type Event = Recorded<GatewayEvent>

/** The intent writes no row, so that the happy path writes one. */
export const project = (state: State, event: Event): ReadonlyArray<Projected> => {
  switch (event.type) {
    case "GatewayResponseReceived":
    case "GatewayTimeoutOccurred":
    case "GatewayReviewRequired":
      return attemptRow(state, event.data.provider, event.data.attempt, event.time)
    case "CircuitBreakerOpened":
      return breakerRow(state, event, event.data.reason)
    case "CircuitBreakerHalfOpened":
    case "CircuitBreakerClosed":
      return breakerRow(state, event, null)
    default:
      return []
  }
}

const attemptRow = (state: State, provider: Provider, n: number, at: number): ReadonlyArray<Projected> => {
  const attempt = find(state, provider, n)
  if (attempt === undefined || state.payment === undefined) return []
  const { payment_id, amount, currency } = state.payment
  const row = {
    payment_id,
    provider,
    attempt: n,
    status: attempt.status,
    key: keyOf(payment_id, provider, n, "charge", 1),
    handle: attempt.handle ?? null,
    provider_reference: attempt.provider_reference ?? null,
    code: attempt.code ?? null,
    amount,
    currency,
    started_at: attempt.started_at,
    updated_at: at
  }
  return [{ table: attempts, row }]
}

type BreakerEvent = Extract<Event, { readonly data: { readonly gateway_provider: Provider } }>

const breakerRow = (state: State, event: BreakerEvent, reason: string | null): ReadonlyArray<Projected> => {
  if (state.breaker === undefined) return []
  const { state: name, failures, until = null } = state.breaker
  const provider = event.data.gateway_provider
  return [{ table: breakers, row: { provider, state: name, failures, until, reason, updated_at: event.time } }]
}

/** A charge that is known, kept or not, is on the provider's book until it is given back. */
export const postings = (event: Event): ReadonlyArray<Posting> => {
  if (event.type === "GatewayResponseReceived") {
    const { payment_id, provider, attempt, outcome, amount, currency } = event.data
    if (outcome !== "succeeded" && outcome !== "late_success") return []
    if (amount === undefined || currency === undefined) throw new Error("a charge without its amount")
    const [source, destination] = [`provider:${provider}:control`, `provider:${provider}:charged`]
    return [{ source, destination, amount, currency, kind: "charge", payment_id, ref: `${provider}:${attempt}` }]
  }
  if (event.type !== "LateSuccessReversed") return []
  const { payment_id, provider, attempt, amount, currency } = event.data
  const [source, destination] = [`provider:${provider}:charged`, `provider:${provider}:control`]
  const ref = `${provider}:${attempt}`
  return [{ source, destination, amount, currency, kind: "charge_reversal", payment_id, ref }]
}
