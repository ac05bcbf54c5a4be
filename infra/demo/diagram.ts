/**
 * A payment's real timeline as a Mermaid sequence diagram. Commands are recognised by their ids, which follow from
 * their names (the saga's commands are uuidv5 of stream and name), so an arrow stands only for what was really sent and
 * heard. No time, id or count of a run is in it: every run of a scenario gives the same lines. Pure.
 */
import { story } from "../../services/saga/story.ts"
import { type Currency, format } from "../../shared/contract/money.ts"
import { uuidv5 } from "../../shared/runtime/ids.ts"
import type { Happened } from "./story.ts"
import { chapterOf, isKeptBack, isUnasked, OPERATIONS, textOf } from "./timeline.ts"

const PARTICIPANTS = ["client", "api", "payment", "saga", "wallet", "gateway", "stripe", "paypal", "notification"]

export interface Drawn {
  /** What the client asked. */
  readonly request: string
  readonly answer: string
  /** The connection broke before an answer: the client asks again, with the same key. */
  readonly interrupted?: boolean
}

export const linesOf = (events: ReadonlyArray<Happened>, drawn: Drawn): ReadonlyArray<string> => {
  const commands = commandsIn(events)
  const last = events.findLast((event) => chapterOf(event) === "payment")
  return events.flatMap((event) => [
    ...(event === events[0] ? [`client->>api: ${drawn.request}`] : []),
    ...(commands.get(event.caused_by)?.(event) ?? []),
    ...(isKeptBack(event, events) ? [] : told(event, drawn)),
    ...(isHeard(event, events) ? [`${chapterOf(event)}-->>saga: ${wordsOf(event)}`] : []),
    ...(event === last ? answered(drawn) : [])
  ])
}

const answered = ({ request, answer, interrupted }: Drawn): ReadonlyArray<string> =>
  interrupted === true
    ? [`client->>api: ${request}, once more with the same key`, `api-->>client: ${answer}`]
    : [`api-->>client: ${answer}`]

/** Each command is drawn at the first thing it led to. */
type Sent = (event: Happened) => ReadonlyArray<string>

const commandsIn = (events: ReadonlyArray<Happened>): ReadonlyMap<string, Sent> => {
  const saga = events.find((event) => chapterOf(event) === "saga")?.stream ?? ""
  const drawn = new Set<string>()
  const named = (name: string, labelOf: (event: Happened) => string): readonly [string, Sent] => {
    const id = uuidv5(saga, name)
    const send: Sent = (event) => {
      if (drawn.has(id)) return []
      drawn.add(id)
      return [`saga->>${chapterOf(event)}: ${labelOf(event)}`]
    }
    return [id, send]
  }
  const recoveries = events.filter(({ type }) => type === "SagaRecoveryAttempted")
  return new Map([
    ...Object.keys(story).map((step) => named(step, () => step)),
    ...[true, false].map((seen) => named(`undo:DeductWalletBalance:${seen}`, () => "RefundWalletBalance")),
    named("mark", ({ type }) => (type === "PaymentCancelled" ? "MarkPaymentAsCancelled" : "MarkPaymentAsFailed")),
    named("NotifyUser", () => "NotifyUser"),
    ...recoveries.map(({ version }) => named(`VerifyWithGateway#${version}`, () => "VerifyWithGateway")),
    ...recoveries.map(({ version }) => named(`CloseGateway#${version}`, () => "CloseGateway"))
  ])
}

/** Answers in between, which only restart the saga's clock, are heard too; drawn they would hide the others. */
const isHeard = (event: Happened, events: ReadonlyArray<Happened>): boolean =>
  events.some(
    ({ type, stream, caused_by }) =>
      stream.startsWith("saga-") &&
      caused_by === event.id &&
      !(type === "SagaGatewayHeard" && event.type === "GatewayResponseReceived")
  )

const wordsOf = (event: Happened): string => {
  switch (event.type) {
    case "WalletBalanceChecked":
      return `${event.type}, ${event.data["sufficient_funds"] === true ? "enough" : "not enough"}`
    case "GatewayResponseReceived":
      return `${event.type}, ${textOf(event, "outcome")}`
    default:
      return event.type
  }
}

const told = (event: Happened, { interrupted }: Drawn): ReadonlyArray<string> => {
  const provider = textOf(event, "provider")
  const operation = textOf(event, "operation")
  switch (event.type) {
    case "PaymentInitiated":
      return ["api->>payment: InitiatePayment and the key, one commit"]
    case "ConcurrentPaymentDetected":
      return [`Note over payment: ${event.type}`]
    case "GatewayRequestSent":
      return [`gateway->>${provider}: ${OPERATIONS[operation]}${again(event)}`]
    case "GatewayResponseReceived":
      if (isUnasked(event)) return [`Note over gateway: ${provider}'s breaker is open`]
      return [`${provider}-->>gateway: ${textOf(event, "outcome").replaceAll("_", " ")}`]
    case "GatewayTimeoutOccurred":
      if (isUnasked(event)) return [`Note over gateway: ${provider}'s breaker is open`]
      return [`${provider}--xgateway: no usable answer (${reasonOf(event)})${failures(event)}`]
    case "GatewayFallbackTriggered":
      return [
        `Note over gateway: ${textOf(event, "fallback_provider")} instead of ${textOf(event, "primary_provider")}`
      ]
    case "CompensationStarted":
      return ["Note over saga: COMPENSATING"]
    case "SagaRecoveryAttempted":
      return [
        ...(interrupted === true
          ? ["Note over api,gateway: kill -9 of everything, and a new start", "api--xclient: connection lost"]
          : []),
        `Note over saga: ${textOf(event, "reason")}: ${textOf(event, "action")}`
      ]
    case "UserNotified":
      return [`notification-->>client: ${textOf(event, "title")}`]
    default:
      return []
  }
}

const again = ({ data }: Happened): string =>
  data["operation"] === "charge" && data["try"] !== 1 ? `, same key, try ${data["try"]}` : ""
export const reasonOf = (event: Happened): string =>
  textOf(event, "reason")
    .replace(/^http_/, "HTTP ")
    .replaceAll("_", " ")
const failures = ({ data }: Happened): string =>
  data["operation"] === "charge" && Number(data["circuit_breaker_failures"]) > 1
    ? `, ${data["circuit_breaker_failures"]} failures in a row`
    : ""

/** Up to the debit all payments are alike: what `lines` has in common with `usual` becomes one note. */
export const folded = (
  lines: ReadonlyArray<string>,
  usual: ReadonlyArray<string>,
  note: string
): ReadonlyArray<string> => {
  const debited = usual.findIndex((line) => line.endsWith("WalletDeducted"))
  const common = usual.slice(1, debited + 1)
  if (debited < 0 || common.some((line, i) => lines[i + 1] !== line)) return lines
  return [lines[0] as string, `Note over client,wallet: ${note}`, ...lines.slice(debited + 1)]
}

export const diagram = (lines: ReadonlyArray<string>): string => {
  const used = PARTICIPANTS.filter((name) => lines.some((line) => new RegExp(`\\b${name}\\b`).test(line)))
  const all = ["sequenceDiagram", ...used.map((name) => `participant ${name}`), ...lines]
  return `\`\`\`mermaid\n${all.map((line, i) => (i === 0 ? line : `  ${line}`)).join("\n")}\n\`\`\``
}

export const pays = (events: ReadonlyArray<Happened>): string => {
  const [first] = events
  if (first === undefined) return ""
  return `POST /payments ${format(BigInt(Number(first.data["amount"])), textOf(first, "currency") as Currency)}`
}
