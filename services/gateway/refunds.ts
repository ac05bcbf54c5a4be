/**
 * Refunds of a charge that was kept: sent to the provider that took it and to no other, whatever the order for new
 * charges or its breaker say, and under one key for ever. An unknown outcome is asked again, never by a new key; what
 * the provider has taken on is looked at until it has an end.
 */
import type { Recorded } from "../../shared/contract/envelope.ts"
import type { GatewayCommand, GatewayEvent } from "../../shared/contract/gateway.ts"
import { patienceMs } from "./attempt.ts"
import { type RefundAnswered, type RefundCall, refundKeyOf } from "./calls.ts"
import type { Draft, Look } from "./choose.ts"
import type { Rules } from "./rules.ts"
import type { Refund, State } from "./state.ts"

export type RefundEvent = Extract<GatewayEvent, { readonly type: `GatewayRefund${string}` }>
type DataOf<Type extends GatewayEvent["type"]> = Extract<GatewayEvent, { readonly type: Type }>["data"]
type Asked = Extract<GatewayCommand, { readonly type: "RefundWithGateway" }>["data"]

export const isRefundEvent = (event: GatewayEvent): event is RefundEvent => event.type.startsWith("GatewayRefund")

export const findRefund = (state: State, id: string): Refund | undefined =>
  state.refunds?.find(({ refund_id }) => refund_id === id)

const OPEN: ReadonlySet<Refund["status"]> = new Set<Refund["status"]>(["ASKED", "UNKNOWN", "PENDING"])
export const isOpen = ({ status }: Refund): boolean => OPEN.has(status)

/** RefundWithGateway. One that is known is not begun again. */
export const beginRefund = (draft: Draft, { payment_id, refund_id, amount, currency }: Asked): Draft => {
  if (findRefund(draft.state, refund_id) !== undefined) return draft
  const charge = draft.state.attempts.find(({ status }) => status === "SUCCEEDED")
  if (charge?.provider_reference === undefined) {
    const reason = "no provider keeps a charge of this payment"
    return draft.say({ type: "GatewayRefundRefused", data: { payment_id, refund_id, code: "NO_CHARGE", reason } })
  }
  const { provider } = charge
  const idempotency_key = refundKeyOf(payment_id, provider, refund_id)
  const reason = `${provider} charged the payment, so it gives the money back`
  const data = { payment_id, refund_id, provider, try: 1, amount, currency, idempotency_key, reason }
  return draft.say({ type: "GatewayRefundSent", data })
}

const askAgain = (draft: Draft, payment_id: string, refund: Refund, reason: string): Draft => {
  const { refund_id, provider, amount, currency } = refund
  const idempotency_key = refundKeyOf(payment_id, provider, refund_id)
  const call = { payment_id, refund_id, provider, try: refund.tries + 1, amount, currency, idempotency_key, reason }
  return draft.say({ type: "GatewayRefundSent", data: call })
}

/** Somebody has another opinion than the stream: the provider is asked, whatever the refund's end was. */
export const lookAgainAtRefund = (draft: Draft, payment_id: string, refund_id: string, reason: string): Draft => {
  const refund = findRefund(draft.state, refund_id)
  return refund === undefined ? draft : askAgain(draft, payment_id, refund, reason)
}

/** RecordRefundAnswer. An end is news whichever try it answers; anything else only from the try that is awaited. */
export const answerRefund = (draft: Draft, answered: RefundAnswered): Draft => {
  const refund = findRefund(draft.state, answered.refund_id)
  if (refund === undefined) return draft
  switch (answered.outcome) {
    case "succeeded":
      return succeeded(draft, refund, answered)
    case "failed":
      return refund.status === "SUCCEEDED" ? reversed(draft, refund, answered) : refused(draft, refund, answered)
    case "refused":
      return refused(draft, refund, answered)
    case "pending":
    case "unknown":
      return isOpen(refund) && refund.asking?.try === answered.try ? undecided(draft, refund, answered) : draft
  }
}

const succeeded = (draft: Draft, refund: Refund, { payment_id, reference }: RefundAnswered): Draft => {
  const { refund_id, provider, amount, currency, status } = refund
  if (status === "SUCCEEDED" || status === "REVERSED") return draft
  const late = status === "REFUSED"
  const provider_reference = reference ?? refund.reference ?? ""
  const data = { payment_id, refund_id, provider, amount, currency, provider_reference, ...(late && { late }) }
  draft.say({ type: "GatewayRefunded", data })
  return late ? requireReview(draft, payment_id, refund, "it was done after it had been refused") : draft
}

/** The request never became a refund, or its refund came to nothing: the merchant's money is released. */
const refused = (draft: Draft, refund: Refund, answered: RefundAnswered): Draft => {
  if (!isOpen(refund)) return draft
  const { payment_id, code = "REFUSED", message } = answered
  const { refund_id, provider } = refund
  const reason = `${provider}: ${message ?? code}`
  return draft.say({ type: "GatewayRefundRefused", data: { payment_id, refund_id, provider, code, reason } })
}

/** Days later: the provider has the money again, the user keeps the credit, nothing is restored (DECISIONS D1.3). */
const reversed = (draft: Draft, refund: Refund, { payment_id, code = "FAILED" }: RefundAnswered): Draft => {
  const { refund_id, provider, amount, currency, reference: provider_reference = "" } = refund
  const data = { payment_id, refund_id, provider, amount, currency, provider_reference, code }
  return draft.say({ type: "GatewayRefundReversed", data })
}

const undecided = (draft: Draft, refund: Refund, answered: RefundAnswered): Draft => {
  const { payment_id, outcome, reference, code = "unknown" } = answered
  const { refund_id, provider } = refund
  const wait = Math.ceil(spacingMs(refund, draft.now, draft.rules) * (1 + JITTER * answered.jitter))
  const call = { payment_id, refund_id, provider, try: answered.try, next_look_in_seconds: wait / 1000 }
  if (outcome === "pending") {
    const known = reference === undefined ? {} : { provider_reference: reference }
    return draft.say({ type: "GatewayRefundPending", data: { ...call, ...known } })
  }
  draft.say({ type: "GatewayRefundUnknown", data: { ...call, reason: code } })
  const since = refund.unknown_since ?? draft.now
  const due = !refund.reviewed && draft.now - since >= draft.rules.review_ms
  return due ? requireReview(draft, payment_id, { ...refund, unknown_since: since }, code) : draft
}

const requireReview = (draft: Draft, payment_id: string, refund: Refund, reason: string): Draft => {
  const { refund_id, provider, unknown_since: since = draft.now } = refund
  return draft.say({ type: "GatewayRefundReviewRequired", data: { payment_id, refund_id, provider, since, reason } })
}

const JITTER = 0.25
/** A refund may take days: after an age of ten recoveries the wait is a tenth of the age, at most a day. */
const AGE_SHARE = 10

const spacingMs = ({ doubts, started_at }: Refund, now: number, rules: Rules): number => {
  const longest = Math.max(rules.recovery_ms, (now - started_at) / AGE_SHARE)
  return Math.min(rules.backoff_ms * 2 ** Math.min(doubts, 30), longest, rules.daily_ms)
}

const dueAt = ({ asking, next_at }: Refund, rules: Rules): number | undefined =>
  asking === undefined ? next_at : asking.at + patienceMs(rules)

/** As `look` of choose.ts; `only` names the refund that the saga asks about. */
export const lookAtRefunds = (draft: Draft, payment_id: string, why: Look, only?: string): Draft => {
  for (const refund of draft.state.refunds ?? []) {
    if (!isOpen(refund) || (only !== undefined && refund.refund_id !== only)) continue
    const due = (dueAt(refund, draft.rules) ?? draft.now) <= draft.now
    const wanted = why === "restart" || due || (why === "verify" && refund.asking === undefined)
    const reason = why === "due" ? "time to ask again" : `${why}: no answer is known`
    if (wanted) askAgain(draft, payment_id, refund, reason)
  }
  return draft
}

export const wakeRefundsAt = (state: State, rules: Rules): number | undefined => {
  const moments = (state.refunds ?? []).filter(isOpen).flatMap((refund) => dueAt(refund, rules) ?? [])
  return moments.length === 0 ? undefined : Math.min(...moments)
}

/** What goes out once the intent is committed. */
export const refundCallOf = (
  state: State,
  { reason: _, ...data }: DataOf<"GatewayRefundSent">
): RefundCall | undefined => {
  const refund = findRefund(state, data.refund_id)
  if (refund === undefined) return undefined
  const { started_at, charge_reference, reference } = refund
  return { operation: "refund", ...data, started_at, charge_reference, ...(reference !== undefined && { reference }) }
}

export const evolveRefund = (state: State, event: Recorded<RefundEvent>): State => {
  const refunds = state.refunds ?? []
  const { refund_id } = event.data
  if (event.type === "GatewayRefundSent" && findRefund(state, refund_id) === undefined)
    return { ...state, refunds: [...refunds, started(state, event.data, event.time)] }
  return {
    ...state,
    refunds: refunds.map((refund) => (refund.refund_id === refund_id ? changed(refund, event) : refund))
  }
}

const started = (state: State, data: DataOf<"GatewayRefundSent">, at: number): Refund => {
  const { refund_id, provider, amount, currency } = data
  const charge = state.attempts.find(({ status }) => status === "SUCCEEDED")
  const charge_reference = charge?.provider_reference ?? ""
  const asking = { try: data.try, at }
  const counts = { tries: data.try, doubts: 0, reviewed: false, started_at: at }
  return { refund_id, provider, amount, currency, charge_reference, status: "ASKED", asking, ...counts }
}

const changed = (refund: Refund, event: Recorded<RefundEvent>): Refund => {
  const { asking: _, next_at: __, ...rest } = refund
  switch (event.type) {
    case "GatewayRefundSent":
      return { ...rest, tries: event.data.try, asking: { try: event.data.try, at: event.time } }
    case "GatewayRefundPending": {
      const { unknown_since: ___, ...known } = rest
      const { provider_reference, next_look_in_seconds } = event.data
      const next_at = event.time + next_look_in_seconds * 1000
      const reference = provider_reference === undefined ? {} : { reference: provider_reference }
      return { ...known, ...reference, status: "PENDING", doubts: refund.doubts + 1, next_at }
    }
    case "GatewayRefundUnknown": {
      const { reason: code, next_look_in_seconds } = event.data
      const status = refund.status === "PENDING" ? "PENDING" : "UNKNOWN"
      const next_at = event.time + next_look_in_seconds * 1000
      const unknown_since = refund.unknown_since ?? event.time
      return { ...rest, status, code, doubts: refund.doubts + 1, unknown_since, next_at }
    }
    case "GatewayRefunded":
      return { ...rest, status: "SUCCEEDED", reference: event.data.provider_reference }
    case "GatewayRefundRefused":
      return { ...rest, status: "REFUSED", code: event.data.code }
    case "GatewayRefundReversed":
      return { ...rest, status: "REVERSED", code: event.data.code }
    case "GatewayRefundReviewRequired":
      return { ...refund, reviewed: true }
  }
}
