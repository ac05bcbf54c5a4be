/** Events → rows and postings, pure. */
import type { Recorded } from "../../shared/contract/envelope.ts"
import type { GatewayEvent, Operation, Provider } from "../../shared/contract/gateway.ts"
import type { Posting, Projected } from "../../shared/runtime/decider.ts"
import { gatewayProgress } from "../../shared/runtime/progress.ts"
import { keyOf, refundKeyOf } from "./calls.ts"
import { find } from "./evolve.ts"
import { isServerError } from "./next.ts"
import { findRefund, isRefundEvent, type RefundEvent } from "./refunds.ts"
import type { State } from "./state.ts"
import { attempts, breakers, refunds } from "./store.ts"

type Event = Recorded<GatewayEvent>

/** The intent writes no row of the attempt, so that the happy path writes one; people see the payment's progress. */
export const project = (state: State, event: Event): ReadonlyArray<Projected> => {
  if (isRefundEvent(event)) return refundRow(state, event)
  switch (event.type) {
    case "GatewayRequestSent":
    case "GatewayFallbackTriggered":
    case "GatewayQueued":
      return progress(state, event)
    case "GatewayResponseReceived":
    case "GatewayReviewRequired":
      return attemptRow(state, event.data.provider, event.data.attempt, event.time)
    case "GatewayTimeoutOccurred":
      return [...attemptRow(state, event.data.provider, event.data.attempt, event.time), ...progress(state, event)]
    case "CircuitBreakerOpened":
      return breakerRow(state, event, event.data.reason)
    case "CircuitBreakerClosed":
      return breakerRow(state, event, event.data.reason ?? null)
    case "CircuitBreakerHalfOpened":
      return breakerRow(state, event, null)
    default:
      return []
  }
}

/** What an open payment shows while it is here; why it takes long is told with it. */
const progress = (state: State, event: Event): ReadonlyArray<Projected> => {
  const { time, version } = event
  switch (event.type) {
    case "GatewayRequestSent": {
      const { payment_id, operation, attempt, try: n } = event.data
      const first = operation === "charge" && attempt === 1 && n === 1 && version === 1
      return first ? [gatewayProgress(payment_id, version, "GATEWAY_PROCESSING", null, time)] : []
    }
    case "GatewayTimeoutOccurred": {
      const { payment_id, provider, attempt, operation, reason } = event.data
      const shown = operation === "charge" ? "GATEWAY_RETRYING" : "GATEWAY_PROCESSING"
      const since = find(state, provider, attempt)?.unknown_since ?? time
      return [gatewayProgress(payment_id, version, shown, doubtOf(operation, reason), since)]
    }
    case "GatewayFallbackTriggered":
      return [gatewayProgress(event.data.payment_id, version, "GATEWAY_FALLBACK", passedOn(event.data), time)]
    case "GatewayQueued":
      return [gatewayProgress(event.data.payment_id, version, "GATEWAY_PROCESSING", "provider_unavailable", time)]
    default:
      return []
  }
}

/** A provider that says 5xx to a charge is unavailable; what it did all the same is asked next, and then unknown. */
const doubtOf = (operation: Operation, reason: string): string =>
  operation === "charge" && isServerError(reason) ? "provider_unavailable" : "provider_outcome_unknown"

/** Why another provider is asked, in a word; the event says it in full. */
const passedOn = ({ primary_failure_reason: why }: { readonly primary_failure_reason: string }): string =>
  why.startsWith("declined") ? "provider_declined" : "provider_unavailable"

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
  const { state: name, failures, until = null, forced = false } = state.breaker
  const provider = event.data.gateway_provider
  const row = { provider, state: name, failures, until, forced, reason, updated_at: event.time }
  return [{ table: breakers, row }]
}

/** A charge that is known, kept or not, is on the provider's book until it is given back. */
export const postings = (event: Event): ReadonlyArray<Posting> => {
  if (event.type === "GatewayRefunded" || event.type === "GatewayRefundReversed") return refundPosting(event)
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

/** As with a charge, the intent writes no row. */
const refundRow = (state: State, event: Recorded<RefundEvent>): ReadonlyArray<Projected> => {
  const { payment_id, refund_id } = event.data
  const refund = findRefund(state, refund_id)
  if (refund === undefined || event.type === "GatewayRefundSent") return []
  const { provider, status, charge_reference, reference = null, code = null, amount, currency } = refund
  const { reviewed, started_at } = refund
  const key = refundKeyOf(payment_id, provider, refund_id)
  const of = { refund_id, payment_id, provider, status, key, charge_reference, reference, code, amount, currency }
  return [{ table: refunds, row: { ...of, reviewed, started_at, updated_at: event.time } }]
}

type Moved = Extract<Event, { readonly type: "GatewayRefunded" | "GatewayRefundReversed" }>

/** What went back is off the provider's book; a refund that failed afterwards is on it again. */
const refundPosting = ({ type, data }: Moved): ReadonlyArray<Posting> => {
  const { payment_id, refund_id: ref, provider, amount, currency } = data
  const [charged, control] = [`provider:${provider}:charged`, `provider:${provider}:control`]
  return type === "GatewayRefunded"
    ? [{ source: charged, destination: control, amount, currency, kind: "refund", payment_id, ref }]
    : [{ source: control, destination: charged, amount, currency, kind: "refund_reversal", payment_id, ref }]
}
