/** A payment's timeline as rows for people: who, what, what it makes of the payment's and the saga's state. Pure. */
import { story } from "../../services/saga/story.ts"
import { type Currency, format } from "../../shared/contract/money.ts"
import type { Step } from "../../shared/contract/saga.ts"
import type { Happened } from "./story.ts"

export interface Row {
  /** Since the first event. */
  readonly ms: number
  readonly who: string
  readonly what: string
  /** The payment's state, where it changes. */
  readonly payment: string
  /** What the saga made of it. */
  readonly saga: string
  readonly why?: string
}

export const chapterOf = ({ stream }: Happened): string => stream.slice(0, stream.indexOf("-"))
export const textOf = ({ data }: Happened, name: string): string => String(data[name] ?? "")

export const rowsOf = (events: ReadonlyArray<Happened>): ReadonlyArray<Row> => {
  const [first] = events
  if (first === undefined) return []
  let state = ""
  let status = "PROCESSING"
  const rows: Array<Row> = []
  for (const event of events) {
    if (isSilent(event) || isKeptBack(event, events)) continue
    const saga = chapterOf(event) === "saga" ? [event] : causedBy(event, events)
    const shown = [event, ...saga].reduce((shown, each) => stateAfter(each) ?? shown, state)
    const next = saga.reduce((now, each) => statusAfter(each) ?? now, status)
    const steps = saga.flatMap((each) => stepOf(each, next))
    // That it goes on is said by the step that is done.
    const moved = next !== status && !(next === "PROCESSING" && steps.length > 0)
    rows.push({
      ms: Date.parse(event.time) - Date.parse(first.time),
      who: whoOf(event),
      what: whatOf(event),
      payment: shown === state ? "" : shown,
      saga: [...steps, ...(moved ? [next] : [])].join(" "),
      ...whyOf(event)
    })
    state = shown
    status = next
  }
  return rows
}

/** The saga's own events stand beside what caused them; only those that nothing caused have a row of their own. */
const isSilent = (event: Happened): boolean =>
  chapterOf(event) === "saga" && event.type !== "SagaRecoveryAttempted" && event.type !== "SagaStuck"

const causedBy = ({ id }: Happened, events: ReadonlyArray<Happened>): ReadonlyArray<Happened> =>
  events.filter((event) => event.caused_by === id && isSilent(event))

const whoOf = (event: Happened): string => {
  const chapter = chapterOf(event)
  if (event.type === "GatewayResponseReceived" || event.type === "GatewayTimeoutOccurred")
    return isUnasked(event) ? chapter : textOf(event, "provider")
  return chapter === "notification" ? "notify" : chapter
}

/** The breaker stood before the provider: it heard nothing. */
export const isUnasked = (event: Happened): boolean =>
  textOf(event, "code") === "breaker_open" || textOf(event, "reason") === "breaker_open"

/** An intent that the breaker stopped: nothing was sent. */
export const isKeptBack = ({ type, stream, version }: Happened, events: ReadonlyArray<Happened>): boolean =>
  type === "GatewayRequestSent" &&
  events.some((event) => event.stream === stream && event.version === version + 1 && isUnasked(event))

const money = (event: Happened): string => {
  const amount = event.data["amount"]
  return amount === undefined ? "" : ` ${format(BigInt(amount as number), textOf(event, "currency") as Currency)}`
}

const OUTCOMES: Readonly<Record<string, string>> = {
  succeeded: "the money is taken",
  fenced: "cancelled, nothing was taken",
  not_charged: "nothing is taken yet",
  declined: "declined, nothing is taken",
  late_success: "taken, though nobody wants it",
  reversed: "given back"
}

export const OPERATIONS: Readonly<Record<string, string>> = {
  charge: "charge",
  read: "what became of it?",
  fence: "cancel it for good",
  reverse: "give it back"
}

const whatOf = (event: Happened): string => {
  const { type } = event
  const operation = textOf(event, "operation")
  switch (type) {
    case "GatewayRequestSent": {
      const again = operation === "charge" && event.data["try"] !== 1 ? `, same key, try ${textOf(event, "try")}` : ""
      return `→ ${textOf(event, "provider")}: ${OPERATIONS[operation] ?? operation}${again}`
    }
    case "GatewayResponseReceived":
      if (isUnasked(event)) return `${textOf(event, "provider")} not asked: breaker open`
      return `← ${OUTCOMES[textOf(event, "outcome")] ?? textOf(event, "outcome").replaceAll("_", " ")}`
    case "GatewayTimeoutOccurred": {
      const reason = textOf(event, "reason")
        .replace(/^http_/, "HTTP ")
        .replaceAll("_", " ")
      if (isUnasked(event)) return `${textOf(event, "provider")} not asked: breaker open`
      return `← no usable answer (${reason})`
    }
    case "GatewayFallbackTriggered":
      return `falls back to ${textOf(event, "fallback_provider")}`
    case "GatewayWebhookReceived":
      return `← ${textOf(event, "event_type")}`
    case "WalletBalanceChecked":
      return `${type}: ${event.data["sufficient_funds"] === true ? "enough" : "not enough"}`
    case "WalletDeducted":
    case "WalletRefunded":
      return `${type}${money(event)}`
    case "SagaRecoveryAttempted":
      return `after the restart: ${textOf(event, "action")}`
    case "UserNotified":
      return `user told: "${textOf(event, "title")}"`
    default:
      return type
  }
}

const ENDS: Readonly<Record<string, string>> = {
  PaymentInitiated: "INITIATED",
  PaymentValidated: "VALIDATED",
  PaymentCompleted: "COMPLETED",
  PaymentFailed: "FAILED",
  PaymentCancelled: "CANCELLED",
  GatewayFallbackTriggered: "GATEWAY_FALLBACK"
}

/** As GET /payments/{id} would have shown it. */
const stateAfter = (event: Happened): string | undefined => {
  switch (event.type) {
    case "SagaStepCompleted":
      return story[textOf(event, "step") as Step]?.shows
    case "GatewayRequestSent":
      return event.version === 1 ? "GATEWAY_PROCESSING" : undefined
    case "GatewayTimeoutOccurred":
      return textOf(event, "operation") === "charge" ? "GATEWAY_RETRYING" : "GATEWAY_PROCESSING"
    default:
      return ENDS[event.type]
  }
}

const statusAfter = (event: Happened): string | undefined => {
  switch (event.type) {
    case "SagaGatewayHeard":
      return textOf(event, "status")
    case "SagaStepCompleted":
      return "PROCESSING"
    case "CompensationStarted":
      return "COMPENSATING"
    case "SagaCompleted":
      return "COMPLETED"
    case "SagaFailed":
      return "FAILED"
    default:
      return undefined
  }
}

const stepOf = (event: Happened, status: string): ReadonlyArray<string> => {
  switch (event.type) {
    case "SagaStarted":
      return ["started"]
    case "SagaStepCompleted":
      return [`${textOf(event, "step")} ✓`]
    case "SagaStepFailed":
      return [status === "COMPENSATING" ? "✗" : `${textOf(event, "step")} ✗`]
    case "CompensationStepCompleted":
      return [`${textOf(event, "step")} undone`]
    default:
      return []
  }
}

/** Said where somebody chose: which provider, and why now. */
const whyOf = (event: Happened): { readonly why?: string } => {
  const chosen = event.type === "GatewayRequestSent" && textOf(event, "operation") !== "read"
  const again = event.type === "SagaRecoveryAttempted"
  return event.why !== undefined && (chosen || again) ? { why: event.why } : {}
}
