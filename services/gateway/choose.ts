/**
 * The payment's story across its attempts: whom to ask first, what an answer leads to, when another provider may be
 * asked, when the payment has failed, and when it may be closed. What one attempt means is attempt.ts.
 */
import type { GatewayEvent, Operation, Provider } from "../../shared/contract/gateway.ts"
import { awaited, blocks, dueAt, judge, lookedAfter, reviewIsDue, unresolved } from "./attempt.ts"
import { type Answered, keyOf } from "./calls.ts"
import { evolveWith, find } from "./evolve.ts"
import { delayMs, FIRST_REQUESTS, inTime, nextOperation } from "./next.ts"
import type { Rules } from "./rules.ts"
import type { Attempt, Payment, State } from "./state.ts"

/** The events of one message, and the state as they change it: what comes later in the commit sees what came before. */
export class Draft {
  readonly events: Array<GatewayEvent> = []
  state: State
  readonly now: number
  readonly rules: Rules
  private readonly evolve: ReturnType<typeof evolveWith>

  constructor(state: State, now: number, rules: Rules) {
    this.state = state
    this.now = now
    this.rules = rules
    this.evolve = evolveWith(rules)
  }

  say(event: GatewayEvent): this {
    this.events.push(event)
    this.state = this.evolve(this.state, { ...event, id: "", time: this.now, version: 0 })
    return this
  }

  /** The attempt as it is now. */
  again({ provider, n }: Attempt): Attempt {
    return find(this.state, provider, n) as Attempt
  }
}

/** The providers that can take the payment and were not asked in this round, in order. */
const untried = (draft: Draft, payment: Payment): ReadonlyArray<Provider> => {
  const asked = draft.state.attempts.slice(draft.state.round).map(({ provider }) => provider)
  return draft.rules.providers
    .filter(({ provider, accepts }) => !asked.includes(provider) && accepts(payment.amount, payment.currency))
    .map(({ provider }) => provider)
}

/** ProcessWithGateway. A stream that has begun, or was closed before it began, begins nothing more. */
export const begin = (draft: Draft, payment: Payment): Draft => {
  if (draft.state.phase !== "idle") return draft
  const [first] = untried(draft, payment)
  if (first === undefined) return fail(draft, payment, `no provider takes ${payment.currency} in this amount`)
  return charge(draft, payment, first, "first provider of the order that can take the payment")
}

const charge = (draft: Draft, payment: Payment, provider: Provider, reason: string): Draft => {
  const attempt = 1 + draft.state.attempts.filter((earlier) => earlier.provider === provider).length
  const idempotency_key = keyOf(payment.payment_id, provider, attempt, "charge", 1)
  const call = { provider, attempt, try: 1, operation: "charge", idempotency_key, reason } as const
  return draft.say({ type: "GatewayRequestSent", data: { ...payment, ...call } })
}

const COUNTERS = { charge: "charges", read: "reads", fence: "fences", reverse: "reverses" } as const

/** Sends the next wire request of an attempt that exists. */
const ask = (draft: Draft, attempt: Attempt, operation: Operation, reason: string): Draft => {
  const { payment_id, amount, currency } = draft.state.payment as Payment
  const { provider, n } = attempt
  const next = attempt[COUNTERS[operation]] + 1
  const idempotency_key = keyOf(payment_id, provider, n, operation, next)
  const call = { payment_id, provider, attempt: n, try: next, operation, amount, currency, idempotency_key, reason }
  return draft.say({ type: "GatewayRequestSent", data: call })
}

const askNext = (draft: Draft, attempt: Attempt, reason: string): Draft => {
  const { now, rules, state } = draft
  const { deadline } = state.payment as Payment
  return ask(draft, attempt, nextOperation(attempt, { closing: state.closing, deadline, now }, rules), reason)
}

/** Whether a new attempt could still end before the payment's time is over. */
const mayBegin = ({ now, rules }: Draft, { deadline }: Payment): boolean => inTime(FIRST_REQUESTS, now, deadline, rules)

/** RecordAnswer. */
export const answer = (draft: Draft, answered: Answered): Draft => {
  const attempt = find(draft.state, answered.provider, answered.attempt)
  const payment = draft.state.payment
  if (attempt === undefined || payment === undefined) return draft
  switch (judge(attempt, answered, payment)) {
    case "nothing":
      return draft
    case "charged":
      return charged(draft, attempt, answered, payment)
    case "mismatch":
      return mismatched(draft, attempt, answered)
    case "refused":
      respond(draft, answered, answered.outcome)
      return resolved(draft, draft.again(attempt))
    case "fenced":
      respond(draft, answered, "fenced")
      return resolved(draft, draft.again(attempt))
    case "confirmed":
      return respond(draft, answered, "fenced")
    case "not_charged":
      respond(draft, answered, "not_charged")
      return askNext(draft, draft.again(attempt), notYet(answered))
    case "pending":
      respond(draft, answered, "pending")
      review(draft, draft.again(attempt))
      return draft.state.closing && answered.operation === "read"
        ? askNext(draft, draft.again(attempt), "the money is no longer wanted")
        : draft
    case "reversing":
      respond(draft, answered, "pending")
      return review(draft, draft.again(attempt))
    case "unknown":
      return doubted(draft, attempt, answered)
    case "reversed": {
      respond(draft, answered, "reversed")
      const { payment_id, amount, currency } = payment
      const { provider, n } = attempt
      const provider_reference = answered.provider_reference ?? attempt.provider_reference ?? ""
      const data = { payment_id, provider, attempt: n, amount, currency, provider_reference }
      return draft.say({ type: "LateSuccessReversed", data })
    }
  }
}

const notYet = ({ operation }: Answered): string =>
  operation === "charge" ? "authorised, and not charged yet" : "the provider has not charged yet"

type Received = Extract<GatewayEvent, { readonly type: "GatewayResponseReceived" }>["data"]

export const respond = (draft: Draft, answered: Answered, outcome: Received["outcome"]): Draft => {
  const { breaker_failures: _, jitter: __, reason, ...data } = answered
  const code = data.code ?? reason
  return draft.say({ type: "GatewayResponseReceived", data: { ...data, outcome, ...(code !== undefined && { code }) } })
}

/**
 * A charge is the payment's if nobody has given up on the payment and no other attempt may take its money. Otherwise it
 * goes back by itself.
 */
export const charged = (draft: Draft, attempt: Attempt, answered: Answered, payment: Payment): Draft => {
  const { phase, attempts } = draft.state
  const alone = attempts.every((other) => other === attempt || !blocks(other))
  const wanted = alone && (phase === "open" || phase === "queued")
  respond(
    draft,
    { ...answered, amount: payment.amount, currency: payment.currency },
    wanted ? "succeeded" : "late_success"
  )
  return wanted
    ? draft
    : ask(draft, draft.again(attempt), "reverse", `the charge came to light when the payment was ${phase}`)
}

const mismatched = (draft: Draft, attempt: Attempt, answered: Answered): Draft => {
  respond(draft, { ...answered, code: "amount_mismatch" }, "unknown")
  return requireReview(draft, draft.again(attempt))
}

const doubted = (draft: Draft, attempt: Attempt, answered: Answered): Draft => {
  const delay = delayMs(attempt, answered, draft.rules)
  const { payment_id, provider, operation, handle, breaker_failures } = answered
  draft.say({
    type: "GatewayTimeoutOccurred",
    data: {
      payment_id,
      provider,
      attempt: attempt.n,
      attempt_number: answered.try,
      operation,
      reason: answered.reason ?? answered.code ?? answered.outcome,
      ...(handle !== undefined && { handle }),
      next_retry_in_seconds: delay / 1000,
      circuit_breaker_failures: breaker_failures
    }
  })
  review(draft, draft.again(attempt))
  if (delay > 0) return draft
  return askNext(draft, draft.again(attempt), "a server error is replayed, not retried: look instead")
}

const review = (draft: Draft, attempt: Attempt): Draft =>
  reviewIsDue(attempt, draft.now, draft.rules) ? requireReview(draft, attempt) : draft

const requireReview = (draft: Draft, { provider, n, unknown_since }: Attempt): Draft => {
  const { payment_id } = draft.state.payment as Payment
  const data = { payment_id, provider, attempt: n, since: unknown_since ?? draft.now }
  return draft.say({ type: "GatewayReviewRequired", data })
}

/** The attempt cannot take money any more. What now? */
export const resolved = (draft: Draft, attempt: Attempt): Draft => {
  const { phase, closing, attempts, payment } = draft.state
  if (phase !== "open" || payment === undefined || attempts.some(blocks)) return draft
  if (closing) return draft.say({ type: "GatewayClosed", data: { payment_id: payment.payment_id } })
  if (attempt.status === "DECLINED" && attempt.decline_class !== "soft")
    return fail(draft, payment, `${attempt.provider} declined for good`)
  const [next] = untried(draft, payment)
  const anyReal = attempts.some((earlier) => !metOpenBreaker(earlier))
  if (next !== undefined && (mayBegin(draft, payment) || !anyReal)) return fallBack(draft, payment, attempt, next)
  if (!anyReal) return queue(draft, payment)
  return fail(draft, payment, next === undefined ? "no provider is left to ask" : "the payment's time is over")
}

const metOpenBreaker = ({ status, code }: Attempt): boolean => status === "NOT_SENT" && code === "breaker_open"

const fallBack = (draft: Draft, payment: Payment, from: Attempt, to: Provider): Draft => {
  const why = `${from.status.toLowerCase()}${from.code === undefined ? "" : `: ${from.code}`}`
  const { payment_id } = payment
  const data = { payment_id, primary_provider: from.provider, fallback_provider: to, primary_failure_reason: why }
  draft.say({ type: "GatewayFallbackTriggered", data })
  return charge(draft, payment, to, `${from.provider} cannot take money any more (${why})`)
}

/**
 * Every eligible breaker is open and nobody was asked: wait for the first, and never so long that a charge could
 * not end before the payment's deadline.
 */
const queue = (draft: Draft, payment: Payment): Draft => {
  const latest = payment.deadline - FIRST_REQUESTS * draft.rules.timeout_ms
  if (draft.now >= latest) return fail(draft, payment, "every breaker stayed open until the deadline")
  const { attempts, round, queues } = draft.state
  const soonest = Math.min(...attempts.slice(round).map(({ retry_at }) => retry_at ?? draft.now))
  // Breakers with a short reset would otherwise make a wave of attempts out of one waiting payment.
  const least = draft.now + Math.min(draft.rules.backoff_ms * 2 ** Math.min(queues, 30), draft.rules.recovery_ms)
  const until = Math.min(Math.max(soonest, least), latest)
  const names = attempts.slice(round).map(({ provider }) => provider)
  const reason = `breakers open: ${names.join(", ")}`
  return draft.say({ type: "GatewayQueued", data: { payment_id: payment.payment_id, until, reason } })
}

const fail = (draft: Draft, payment: Payment, reason: string): Draft => {
  const { attempts } = draft.state
  const decline = attempts.findLast(({ status }) => status === "DECLINED")
  const told = decline ?? attempts.at(-1)
  return draft.say({
    type: "GatewayPaymentFailed",
    data: {
      payment_id: payment.payment_id,
      code: decline === undefined ? "GATEWAY_UNAVAILABLE" : "PAYMENT_DECLINED",
      reason,
      ...(told !== undefined && { provider: told.provider }),
      ...(told?.code !== undefined && { provider_code: told.code })
    }
  })
}

/** What an operator vouched for is looked after once the payment has ended: until then another attempt has its turn. */
const ended = ({ phase }: State): boolean => phase !== "open" && phase !== "queued"

/**
 * `verify`: the saga waited in vain · `restart`: whoever made the calls is gone · `due`: the state's own time ·
 * `closed`: a breaker closed, which concerns only who waits for one.
 */
export type Look = "verify" | "restart" | "due" | "closed"

export const look = (draft: Draft, why: Look): Draft => {
  for (const attempt of draft.state.attempts) {
    if (!lookedAfter(attempt) || (attempt.vouched === true && !ended(draft.state))) continue
    const due = dueAt(attempt, draft.rules)
    const wanted =
      why === "restart" ||
      (why === "due" && due !== undefined && due <= draft.now) ||
      (why === "verify" && (attempt.status === "STARTED" || !awaited(attempt, draft.now, draft.rules)))
    if (wanted) askNext(draft, attempt, why === "due" ? "time to ask again" : `${why}: no answer is known`)
  }
  const { phase, queued_until, payment } = draft.state
  // A new process knows nothing of the breakers it waited for; the call itself finds out.
  const now = why === "restart" || why === "closed" || (queued_until ?? 0) <= draft.now
  const resumes = phase === "queued" && payment !== undefined && now
  return resumes ? resume(draft, payment) : draft
}

const resume = (draft: Draft, payment: Payment): Draft => {
  if (!mayBegin(draft, payment)) return fail(draft, payment, "every breaker stayed open until the deadline")
  const [first] = untried(draft, payment)
  if (first === undefined) return fail(draft, payment, "no provider is left to ask")
  return charge(draft, payment, first, "the breaker may let a probe pass by now")
}

/** CloseGateway: answered every time it is asked. */
export const close = (draft: Draft, payment_id: string): Draft => {
  const { phase, attempts } = draft.state
  const blocking = attempts.find(blocks)
  if (phase === "closed" || blocking === undefined) return draft.say({ type: "GatewayClosed", data: { payment_id } })
  const reason = `attempt ${blocking.n} at ${blocking.provider} is ${blocking.status.toLowerCase()}`
  draft.say({ type: "GatewayCloseRefused", data: { payment_id, reason } })
  const asks = unresolved(blocking) && !awaited(blocking, draft.now, draft.rules)
  return asks ? askNext(draft, blocking, "close: the money is no longer wanted") : draft
}

export const wakeAt = (state: State, rules: Rules): number | undefined => {
  const attempts = ended(state) ? state.attempts : state.attempts.filter(({ vouched }) => vouched !== true)
  const moments = attempts.flatMap((attempt) => dueAt(attempt, rules) ?? [])
  if (state.phase === "queued" && state.queued_until !== undefined) moments.push(state.queued_until)
  return moments.length === 0 ? undefined : Math.min(...moments)
}
