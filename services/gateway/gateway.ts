/** The gateway as the journal runs it: streams `gateway-{payment_id}` and `breaker-{provider}`. */
import type { Fact, Message, Recorded } from "../../shared/contract/envelope.ts"
import type { GatewayCommand, GatewayEvent } from "../../shared/contract/gateway.ts"
import type { TimerFired } from "../../shared/contract/timer.ts"
import type { Decider, Decision, Encoded, Reaction } from "../../shared/runtime/decider.ts"
import { breakerStream, type GatewayEffect, type Local, paymentStream, type Transition } from "./calls.ts"
import { answer, begin, close, Draft, look, wakeAt } from "./choose.ts"
import { evolveWith, find, INITIAL } from "./evolve.ts"
import { untaken } from "./next.ts"
import { type Heard, hear } from "./notice.ts"
import { FOREVER, force, resolve } from "./operator.ts"
import { postings, project } from "./projections.ts"
import { answerRefund, beginRefund, lookAtRefunds, refundCallOf, wakeRefundsAt } from "./refunds.ts"
import type { Rules } from "./rules.ts"
import { State } from "./state.ts"

/** A provider's call-back, submitted like a command of the API's and never on the bus. */
export type RecordWebhook = Fact<"RecordWebhook", Heard>

type Command = GatewayCommand | TimerFired | Local | RecordWebhook

const route = (message: Message): string | undefined => {
  const { type, data } = message as Message & Command
  switch (type) {
    case "ProcessWithGateway":
    case "VerifyWithGateway":
    case "CloseGateway":
    case "ResolveAttempt":
    case "RecordAnswer":
    case "RefundWithGateway":
    case "VerifyRefund":
    case "RecordRefundAnswer":
    case "RecordWebhook":
    case "ResumeQueued":
      return paymentStream(data.payment_id)
    case "RecordBreaker":
    case "ForceBreaker":
      return breakerStream(data.provider)
    case "TimerFired":
      return message.subject.startsWith("gateway-") ? message.subject : undefined
    default:
      return undefined
  }
}

const decide = (rules: Rules, state: State, message: Message, now: number): Decision<GatewayEvent> => {
  const { type, data } = message as Message & Command
  const draft = new Draft(state, now, rules)
  switch (type) {
    case "ProcessWithGateway": {
      const { payment_id, amount, currency, deadline } = data
      return { events: begin(draft, { payment_id, amount, currency, deadline }).events }
    }
    case "RecordAnswer":
      return { events: answer(draft, data).events }
    case "VerifyWithGateway":
      return { events: look(draft, "verify").events }
    case "CloseGateway":
      return { events: close(draft, data.payment_id).events }
    case "ResolveAttempt":
      return resolve(draft, data)
    case "TimerFired": {
      look(draft, data.kind)
      return { events: lookAtRefunds(draft, state.payment?.payment_id ?? "", data.kind).events }
    }
    case "RefundWithGateway":
      return { events: beginRefund(draft, data).events }
    case "RecordRefundAnswer":
      return { events: answerRefund(draft, data).events }
    case "VerifyRefund":
      return { events: lookAtRefunds(draft, data.payment_id, "verify", data.refund_id).events }
    case "RecordWebhook":
      return hear(state, data, now, rules)
    case "ResumeQueued":
      return { events: look(draft, "closed").events }
    case "RecordBreaker":
      return { events: breakerChanged(state, data) }
    case "ForceBreaker":
      return { events: force(state, data) }
  }
}

/** Several instances report the same transition; the first report is the event. An operator's hand outranks all. */
const breakerChanged = (state: State, change: Transition): ReadonlyArray<GatewayEvent> => {
  const { to, provider: gateway_provider } = change
  const before = state.breaker ?? { state: "closed", failures: 0 }
  if (before.forced === true) return []
  if (to === "open") {
    const { failures: failure_count, until, reason } = change
    if (before.state === "open" && (before.until ?? 0) >= until) return []
    const data = { gateway_provider, failure_count, estimated_recovery_time: until, reason }
    return [{ type: "CircuitBreakerOpened", data }]
  }
  if (before.state === to) return []
  return [{ type: to === "closed" ? "CircuitBreakerClosed" : "CircuitBreakerHalfOpened", data: { gateway_provider } }]
}

const react = (state: State, event: Recorded<GatewayEvent>): Reaction<GatewayEffect> => {
  if (event.type === "CircuitBreakerOpened" || event.type === "CircuitBreakerClosed") return forcing(event)
  if (event.type === "GatewayRefundSent") {
    const call = refundCallOf(state, event.data)
    return call === undefined ? {} : { effects: [call] }
  }
  if (event.type !== "GatewayRequestSent") return {}
  const { reason: _, deadline: __, ...call } = event.data
  const attempt = find(state, call.provider, call.attempt)
  if (attempt === undefined) return {}
  const { started_at, handle, provider_reference } = attempt
  return {
    effects: [
      {
        ...call,
        started_at,
        ...(handle !== undefined && { handle }),
        ...(call.operation === "fence" && untaken(attempt) && { untaken: true }),
        ...(provider_reference !== undefined && { provider_reference })
      }
    ]
  }
}

/** When it is looked at again, the settings say. */
const facts = ({ queued_until: _, attempts, refunds, ...encoded }: Encoded): Encoded => ({
  ...encoded,
  refunds: (refunds as ReadonlyArray<Encoded> | undefined)?.map(({ next_at: __, ...refund }) => refund),
  attempts: (attempts as ReadonlyArray<Encoded>).map(({ next_at: __, retry_at: ___, ...attempt }) => attempt)
})

type Switched = Extract<GatewayEvent, { readonly type: "CircuitBreakerOpened" | "CircuitBreakerClosed" }>

const forcing = ({ type, data }: Switched): Reaction<GatewayEffect> => {
  if (data.forced !== true) return {}
  const { gateway_provider: provider } = data
  return { effects: [{ force: type === "CircuitBreakerOpened" ? "open" : "closed", provider, until: FOREVER }] }
}

export const gatewayDecider = (rules: Rules): Decider<State, GatewayEvent, GatewayEffect> => ({
  service: "gateway",
  topic: "gateway-events",
  initial: INITIAL,
  route,
  begins: ({ type }) => type === "ProcessWithGateway",
  decide: (state, message, now) => decide(rules, state, message, now),
  evolve: evolveWith(rules),
  react,
  wakeAt: (state) => {
    const [attempts, refunds] = [wakeAt(state, rules), wakeRefundsAt(state, rules)]
    return attempts === undefined || refunds === undefined ? (attempts ?? refunds) : Math.min(attempts, refunds)
  },
  postings,
  project,
  snapshot: { schema: 1, codec: State },
  facts,
  size: (state) => state.attempts.length + (state.refunds?.length ?? 0)
})
