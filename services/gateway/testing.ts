/**
 * One stream run as the journal runs it: decide, evolve, react, one message after the other. For the tests of this
 * folder.
 */
import type { Fact, Message } from "../../shared/contract/envelope.ts"
import type { GatewayEvent, Provider } from "../../shared/contract/gateway.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import type { Posting } from "../../shared/runtime/decider.ts"
import type { Answer, Answered, Local, ProviderCall, RefundAnswer, RefundCall } from "./calls.ts"
import { gatewayDecider } from "./gateway.ts"
import { DEFAULTS, type Rules } from "./rules.ts"
import type { Attempt, State } from "./state.ts"

export const PAYMENT = "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01"
export const USD = "USD" as Currency
export const AMOUNT = minor(5000n)
/** Some day; streams begin then. */
export const NOON = 1_764_000_000_000
/** How long after its start a payment may wait for open breakers. */
export const PATIENCE_MS = 300_000

export const rulesOf = (over: Partial<Rules> = {}, ...providers: ReadonlyArray<Provider>): Rules => ({
  ...DEFAULTS,
  providers: (providers.length === 0 ? (["stripe", "paypal"] as const) : providers).map((provider) => ({
    provider,
    accepts: () => true
  })),
  ...over
})

export const charged: Answer = {
  outcome: "succeeded",
  handle: "pi_1",
  provider_reference: "pi_1",
  amount: AMOUNT,
  currency: USD
}
export const timeout: Answer = { outcome: "unknown", reason: "timeout" }

export const http503: Answer = { outcome: "unknown", reason: "http_503", handle: "pi_1" }
export const soft: Answer = { outcome: "declined", code: "generic_decline", decline_class: "soft" }
export const notCharged: Answer = { outcome: "not_charged", handle: "pi_1" }
export const fenced: Answer = { outcome: "fenced" }
export const openUntil = (ms: number): Answer => ({ outcome: "not_sent", code: "breaker_open", retry_at: NOON + ms })

export const messageOf = (fact: Fact, now: number): Message => ({
  ...fact,
  id: "message",
  subject: `gateway-${PAYMENT}`,
  time: now,
  tenant: "t",
  partitionkey: "t/ana",
  correlationid: PAYMENT,
  causationid: "cause",
  actor: "service:test",
  schema: 1
})

export class Stream {
  now = NOON
  state: State
  version = 0
  readonly events: Array<GatewayEvent & { readonly at: number }> = []
  readonly calls: Array<ProviderCall> = []
  /** Breakers that operators opened and closed. */
  readonly forced: Array<string> = []
  readonly refunds: Array<RefundCall> = []
  readonly postings: Array<Posting> = []
  private readonly decider: ReturnType<typeof gatewayDecider>

  constructor(rules: Rules = rulesOf()) {
    this.decider = gatewayDecider(rules)
    this.state = this.decider.initial
  }

  /** Returns what the message brought about, by type. */
  take(fact: Fact | Local): ReadonlyArray<GatewayEvent> {
    const { events = [] } = this.decider.decide(this.state, messageOf(fact, this.now), this.now)
    for (const event of events) {
      const recorded = { ...event, id: `${++this.version}`, time: this.now, version: this.version }
      this.state = this.decider.evolve(this.state, recorded)
      this.events.push({ ...event, at: this.now })
      for (const effect of this.decider.react(this.state, recorded).effects ?? [])
        if ("force" in effect) this.forced.push(`${effect.provider} ${effect.force}`)
        else if (effect.operation === "refund") this.refunds.push(effect)
        else this.calls.push(effect)
      this.postings.push(...this.decider.postings(recorded))
    }
    return events
  }

  begin() {
    const data = {
      payment_id: PAYMENT,
      amount: AMOUNT,
      currency: USD,
      merchant_id: "m",
      deadline: this.now + PATIENCE_MS
    }
    return this.take({ type: "ProcessWithGateway", data })
  }
  close = () => this.take({ type: "CloseGateway", data: { payment_id: PAYMENT, reason: "saga timeout" } })
  verify = () => this.take({ type: "VerifyWithGateway", data: { payment_id: PAYMENT, reason: "step timeout" } })
  resolve = (outcome: "charged" | "not_charged", evidence = "pi_1") =>
    this.take({ type: "ResolveAttempt", data: { payment_id: PAYMENT, outcome, evidence, reason: "seen there" } })
  /** As a provider's call-back will tell it: an answer to a read that nobody made. */
  callback = (answer: Answer, of: ProviderCall | undefined = this.calls[0]) =>
    this.answer(answer, of && { ...of, operation: "read", try: 0 })
  timer = (kind: "due" | "restart") => this.take({ type: "TimerFired", data: { kind, due_at: this.now } })

  /** The answer to the call that was sent last, or to another one. */
  answer(answer: Answer, call: ProviderCall | undefined = this.calls.at(-1)) {
    if (call === undefined) throw new Error("nothing was sent")
    const { payment_id, provider, attempt, try: n, operation } = call
    const data: Answered = {
      payment_id,
      provider,
      attempt,
      try: n,
      operation,
      breaker_failures: 1,
      jitter: 0,
      ...answer
    }
    return this.take({ type: "RecordAnswer", data })
  }

  refund(refund_id: string, amount: bigint) {
    const data = { payment_id: PAYMENT, refund_id, amount: minor(amount), currency: USD }
    return this.take({ type: "RefundWithGateway", data })
  }

  /** The answer to the refund call that was sent last, or to another one. */
  refunded(answer: RefundAnswer, call: RefundCall | undefined = this.refunds.at(-1)) {
    if (call === undefined) throw new Error("no refund was sent")
    const { payment_id, refund_id, provider, try: n } = call
    const data = { payment_id, refund_id, provider, try: n, jitter: 0, ...answer }
    return this.take({ type: "RecordRefundAnswer", data })
  }

  wakeAt = () => this.decider.wakeAt(this.state)

  /** Sleeps until the state wants to be looked at, and looks. */
  wake() {
    const at = this.wakeAt()
    if (at === undefined) throw new Error("nothing is due")
    this.now = Math.max(this.now, at)
    return this.timer("due")
  }

  /** `GatewayRequestSent charge stripe 1.1`, or the type alone. */
  told = (from = 0): ReadonlyArray<string> => this.events.slice(from).map(tell)
  attempts = (): ReadonlyArray<string> => this.state.attempts.map((a: Attempt) => `${a.provider} ${a.n} ${a.status}`)
}

export const tell = (event: GatewayEvent): string => {
  switch (event.type) {
    case "GatewayRequestSent":
      return `sent ${event.data.operation} ${event.data.provider} ${event.data.attempt}.${event.data.try}`
    case "GatewayResponseReceived":
      return `${event.data.operation} ${event.data.outcome}`
    case "GatewayTimeoutOccurred":
      return `${event.data.operation} ${event.data.reason}, again in ${event.data.next_retry_in_seconds} s`
    case "GatewayFallbackTriggered":
      return `fallback ${event.data.primary_provider} to ${event.data.fallback_provider}`
    case "GatewayPaymentFailed":
      return `failed ${event.data.code}`
    case "GatewayRefundSent":
      return `refund ${event.data.refund_id} ${event.data.provider} ${event.data.try}`
    case "GatewayRefundPending":
      return `${event.data.refund_id} pending, again in ${event.data.next_look_in_seconds} s`
    case "GatewayRefundUnknown":
      return `${event.data.refund_id} ${event.data.reason}, again in ${event.data.next_look_in_seconds} s`
    default:
      return event.type
  }
}

export const begun = (rules = rulesOf()): Stream => {
  const stream = new Stream(rules)
  stream.begin()
  return stream
}
