/**
 * The story of a payment: where it is written down, how far a reader is in it, and in which order it reads. A position
 * is one version per stream, so it stays exact whatever becomes visible late: nothing is told twice, nothing is missed.
 */
import { partitionKey } from "../../shared/contract/codec.ts"
import { Step } from "../../shared/contract/saga.ts"
import { type Topic, topicPartition } from "../../shared/contract/topics.ts"
import { uuidv5 } from "../../shared/runtime/ids.ts"
import type { EventRecord, PaymentRecord, Unread } from "./records.ts"
import { CREDIT, commandName, KnownRefunds, sendersOf } from "./refunds/known.ts"
import { eventView, type StoredEvent, type TimelineEvent } from "./resources.ts"
import { why } from "./why.ts"

/** Each a stream of its own; a position names them in this order. */
const CHAPTERS = [
  ["payment", "payment-events"],
  ["saga", "saga-events"],
  ["gateway", "gateway-events"],
  ["wallet", "wallet-events"],
  ["notification", "metrics-events"]
] as const satisfies ReadonlyArray<readonly [string, Topic]>

type Chapter = (typeof CHAPTERS)[number][0]
const places = new Map<string, number>(CHAPTERS.map(([name], place) => [name, place]))
const placeOf = (stream: string): number => places.get(stream.slice(0, stream.indexOf("-"))) as number

export const chapterOf = (stream: string): Chapter => CHAPTERS[placeOf(stream)]?.[0] as Chapter

/** The last version that was told, per chapter. */
export type Position = ReadonlyArray<number>
export const START: Position = CHAPTERS.map(() => 0)

export const after = (position: Position, { stream, version }: Pick<EventRecord, "stream" | "version">): Position =>
  position.with(placeOf(stream), version)
/** Whether the user's messages have been told: one of the payment's end, one of each refund's. */
export const hasNotified = (position: Position, messages: number): boolean => (position.at(-1) ?? 0) >= messages

export const positionText = (position: Position): string => position.join(".")
/** Undefined: it was not written by `positionText`. */
export const positionOf = (text: string): Position | undefined =>
  /^\d{1,9}(\.\d{1,9}){4}$/.test(text) ? text.split(".").map(Number) : undefined

type Told = typeof TimelineEvent.Type
type Stored = typeof StoredEvent.Type
type Sends = (event: Stored) => boolean

export class Telling {
  readonly paymentId: string
  private readonly walletId: string
  private readonly key: string
  readonly refunds: KnownRefunds
  private readonly causes: ReadonlyArray<string>
  private readonly sends: ReadonlyMap<string, Sends>

  /** `refunds`: those of the payment, where its story is not read from the start. */
  constructor(
    tenant: string,
    { id, user_id, wallet_id }: Pick<PaymentRecord, "id" | "user_id" | "wallet_id">,
    refunds: ConstructorParameters<typeof KnownRefunds>[0] = []
  ) {
    this.refunds = new KnownRefunds(refunds)
    this.paymentId = id
    this.walletId = wallet_id
    this.key = partitionKey(tenant, user_id)
    this.causes = WALLET_COMMANDS.map((name) => this.command(name))
    this.sends = new Map([...senders].map(([name, sends]) => [this.command(name), sends]))
  }

  /** A wallet's stream is many payments': of that only what this payment's saga has caused. */
  unread(position: Position): Unread {
    const at = ([name, topic]: (typeof CHAPTERS)[number], place: number) => ({
      tp: topicPartition(topic, this.key),
      stream: `${name}-${name === "wallet" ? this.walletId : this.paymentId}`,
      after: position[place] ?? 0
    })
    const streams = CHAPTERS.map(at)
    const [{ tp, after }] = streams.splice(places.get("wallet") as number, 1) as [(typeof streams)[number]]
    const credits = this.refunds.ids.map((refund) => this.command(commandName(refund, CREDIT)))
    return { streams, caused: { tp, causes: [...this.causes, ...credits], after } }
  }

  /** By time; and an event never before what led to it, also where clocks differ or a millisecond holds both. */
  inOrder(records: ReadonlyArray<EventRecord>): ReadonlyArray<Told> {
    const events = records.map(eventView)
    events.sort((a, b) => compare(a.time ?? "", b.time ?? "") || compare(a.id, b.id))
    const before = this.predecessors(events)
    const ordered: Array<Told> = []
    const seen = new Set<string>()
    const tell = (event: Stored): void => {
      if (seen.has(event.id)) return
      seen.add(event.id)
      for (const earlier of before(event)) tell(earlier)
      ordered.push({ ...event, ...why(event.type, event.data) })
    }
    for (const event of events) tell(event)
    return ordered
  }

  private predecessors(events: ReadonlyArray<Stored>): (event: Stored) => ReadonlyArray<Stored> {
    const byId = new Map(events.map((event) => [event.id, event]))
    const saga = events.filter(({ stream }) => stream.startsWith("saga-"))
    const asked = new Map(saga.flatMap((event) => this.recoveries(event).map((id) => [id, event] as const)))
    const previous = previousOf(events)
    const senders = this.refunds.ids.flatMap(sendersOf)
    const refunding = new Map(senders.map(([name, sends]) => [this.command(name), sends]))
    return (event) => {
      const sends = this.sends.get(event.caused_by) ?? refunding.get(event.caused_by)
      const direct = [previous.get(event.id), byId.get(event.caused_by), asked.get(event.caused_by)]
      return [...direct, ...(sends === undefined ? [] : saga.filter(sends))].filter((found) => found !== undefined)
    }
  }

  private recoveries({ type, version }: Stored): ReadonlyArray<string> {
    return type === "SagaRecoveryAttempted" || type === "SagaRefundRecoveryAttempted"
      ? RECOVERY_COMMANDS.map((name) => this.command(`${name}#${version}`))
      : []
  }

  /** The saga's commands have ids that follow from their names, so what they caused is found by its cause. */
  private command(name: string): string {
    return uuidv5(`saga-${this.paymentId}`, name)
  }
}

const UNDO = "undo:DeductWalletBalance:"
const WALLET_COMMANDS = ["CheckWalletBalance", "DeductWalletBalance", `${UNDO}true`, `${UNDO}false`]
/** Named by the version of the event that sent them. */
const RECOVERY_COMMANDS = ["VerifyWithGateway", "CloseGateway", "VerifyRefund"]

const oneOf =
  (...types: ReadonlyArray<string>): Sends =>
  ({ type }) =>
    types.includes(type)
const done =
  (step: string): Sends =>
  ({ type, data }) =>
    type === "SagaStepCompleted" && data["step"] === step
const compensates = oneOf("CompensationStarted")

/** Which of the saga's events come before a command of that name (the saga's own story says why). */
const senders: ReadonlyMap<string, Sends> = new Map([
  ...Step.literals.map((step, i, steps): readonly [string, Sends] => {
    const earlier = steps[i - 1]
    return [step, earlier === undefined ? oneOf("SagaStarted") : done(earlier)]
  }),
  [`${UNDO}true`, (event) => compensates(event) || done("DeductWalletBalance")(event)],
  [`${UNDO}false`, compensates],
  ["mark", oneOf("SagaStepFailed", "CompensationStarted", "CompensationStepCompleted")],
  ["NotifyUser", oneOf("SagaCompleted", "SagaFailed")]
])

/** Within a stream the version is the order, whatever the times say. */
const previousOf = (events: ReadonlyArray<Stored>): ReadonlyMap<string, Stored> => {
  const previous = new Map<string, Stored>()
  for (const stream of Map.groupBy(events, ({ stream }) => stream).values()) {
    stream.sort((a, b) => a.version - b.version)
    for (const [i, event] of stream.entries()) if (i > 0) previous.set(event.id, stream[i - 1] as Stored)
  }
  return previous
}

/**
 * What may be told of a page of at most `limit` events a stream: where a stream has more, the others must not run ahead
 * of it. Also says whether that was all there is.
 */
export const tellable = (ordered: ReadonlyArray<Told>, limit: number) => {
  const streams = Map.groupBy(ordered, ({ stream }) => stream).values()
  const ends = new Set([...streams].filter(({ length }) => length >= limit).map((stream) => stream.at(-1)))
  const end = ordered.findIndex((event) => ends.has(event))
  return { events: end < 0 ? ordered : ordered.slice(0, end + 1), whole: end < 0 }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
