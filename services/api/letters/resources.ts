/** What operators see of dead letters. The schemas document it; tests hold the answers against them. */
import { Result, Schema } from "effect"
import { decode } from "../../../shared/contract/codec.ts"
import { redrivable } from "../../../shared/contract/deadletter.ts"
import type { Message, Service } from "../../../shared/contract/envelope.ts"
import { PARTITIONS, type Topic, topicPartition } from "../../../shared/contract/topics.ts"
import type { Tried } from "../../../shared/runtime/deadletter.ts"
import { ANALYSIS, ERROR_CLASSES, triedAtStart } from "../../../shared/runtime/deadletter-classes.ts"
import { Facts, Id, Time } from "../ops/resources.ts"
import type { EventRecord, StreamAt } from "../records.ts"
import { Reason } from "../requests.ts"
import { eventView, iso, messageData, StoredEvent } from "../resources.ts"
import type { LetterRecord } from "./records.ts"

export const STATUSES = ["dead", "redriven", "discarded"] as const
export const ErrorClass = Schema.Literals(ERROR_CLASSES)
export const ServiceName = Schema.Literals(redrivable)

const Shown = Schema.Literals(["dead", "redriving", "discarding", "redriven", "discarded"]).annotate({
  description: "redriving, discarding: asked for, and not done yet"
})

export const DeadLetter = Schema.Struct({
  id: Id,
  service: Schema.String,
  unit: Schema.String.annotate({ description: "What waits behind it: a stream, or what is left of its address" }),
  topic: Schema.String,
  message_id: Schema.String,
  type: Schema.String,
  status: Shown,
  error_class: ErrorClass,
  error: Schema.String,
  redrives: Schema.Int.annotate({ description: "How often it was tried again" }),
  next_redrive_at: Schema.NullOr(Time).annotate({ description: "When it is tried again by itself" }),
  waiting: Schema.Int.annotate({ description: "Messages that wait behind it" }),
  created_at: Time,
  updated_at: Time
}).annotate({ identifier: "DeadLetter" })

const Analysis = Schema.Struct({
  means: Schema.String,
  what_to_do: Schema.String,
  by_itself: Schema.Literals(["at_its_time", "at_every_start", "never"]).annotate({
    description: "at_its_time: at next_redrive_at · at_every_start: once, whenever a process of the service starts"
  })
})

const HistoryEntry = Schema.Struct({
  at: Time,
  outcome: Schema.Literals(["failed", "taken", "discarded"]).annotate({
    description: "taken: given to the service again, in order, which applied or refused it"
  }),
  redrive: Schema.Int.annotate({ description: "0 is the first delivery" }),
  error_class: Schema.optionalKey(ErrorClass),
  error: Schema.optionalKey(Schema.String),
  actor: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String)
})

const Read = Schema.Struct({
  id: Schema.String,
  type: Schema.String,
  subject: Schema.String,
  time: Time,
  correlation_id: Schema.String,
  caused_by: Schema.String,
  actor: Schema.String,
  data: Facts
})

export const DeadLetterDetail = Schema.Struct({
  ...DeadLetter.fields,
  message: Schema.NullOr(Read).annotate({ description: "null: this version cannot read it; see raw" }),
  raw: Schema.NullOr(Schema.String).annotate({ description: "The stored text of what cannot be read" }),
  analysis: Analysis,
  history: Schema.Array(HistoryEntry),
  last_events: Schema.Array(StoredEvent).annotate({ description: "Of its stream, newest first" })
}).annotate({ identifier: "DeadLetterDetail" })

const redrivesMax = 1_000
export const BULK_DEFAULT = 100
const Limit = Schema.Number.check(
  Schema.makeFilter((n: number) => Number.isInteger(n) && n >= 1 && n <= redrivesMax, {
    message: `must be 1 to ${redrivesMax}`
  })
)
const IDS_MAX = 200
const LetterId = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, {
    message: "must be a UUID in lower case"
  })
)
const UNIT_MAX = 200
const Unit = Schema.String.check(
  Schema.isMaxLength(UNIT_MAX, { message: `must have at most ${UNIT_MAX} characters` }),
  Schema.makeFilter((text: string) => text.isWellFormed() && !text.includes("\u0000"), {
    message: "must hold whole characters and no NUL"
  })
)
export const RedriveRequest = Schema.Struct({
  service: Schema.optionalKey(ServiceName),
  error_class: Schema.optionalKey(ErrorClass),
  unit: Schema.optionalKey(Unit),
  ids: Schema.optionalKey(
    Schema.Array(LetterId).check(Schema.isMaxLength(IDS_MAX, { message: `must name at most ${IDS_MAX}` }))
  ),
  limit: Schema.optionalKey(Limit),
  reason: Reason
}).annotate({ identifier: "RedriveRequest" })

export const DeadLetterAsked = Schema.Struct({
  id: Id,
  status: Schema.Literals(["redriving", "discarding"]),
  waiting: Schema.Int,
  action_id: Id
}).annotate({ identifier: "DeadLetterAsked" })

export const RedriveAsked = Schema.Struct({
  asked: Schema.Array(Id).annotate({ description: "In the order in which they are tried again: oldest first" }),
  skipped: Schema.Array(
    Schema.Struct({
      id: Id,
      reason: Schema.Literals(["not_found", "redriving", "discarding", "redriven", "discarded"])
    })
  ).annotate({ description: "Named by the request, and not asked for" }),
  more: Schema.Boolean.annotate({ description: "More dead letters match than the limit let through" }),
  action_id: Id
}).annotate({ identifier: "RedriveAsked" })

export const shownStatus = ({ status, unit_status }: LetterRecord): typeof Shown.Type =>
  status === "dead" && (unit_status === "redriving" || unit_status === "discarding") ? unit_status : status

export const letterView = (record: LetterRecord): typeof DeadLetter.Type => {
  const { id, service, unit, topic, message_id, type, error_class, error, redrives, waiting } = record
  const { next_redrive_at, created_at, updated_at } = record
  return {
    id,
    service,
    unit,
    topic,
    message_id,
    type,
    status: shownStatus(record),
    error_class,
    error,
    redrives,
    next_redrive_at: next_redrive_at === null ? null : iso(next_redrive_at),
    waiting,
    created_at: iso(created_at),
    updated_at: iso(updated_at)
  }
}

const analysisOf = ({ status, error_class, next_redrive_at }: LetterRecord): typeof Analysis.Type => {
  const { means, what_to_do } = ANALYSIS[error_class]
  const atStart = triedAtStart(error_class) ? "at_every_start" : "never"
  return {
    means,
    what_to_do,
    by_itself: status !== "dead" ? "never" : next_redrive_at === null ? atStart : "at_its_time"
  }
}

const messageOf = (record: LetterRecord): Message | undefined => Result.getOrUndefined(decode(record.body))

const readView = (message: Message, body: string): typeof Read.Type => ({
  id: message.id,
  type: message.type,
  subject: message.subject,
  time: iso(message.time),
  correlation_id: message.correlationid,
  caused_by: message.causationid,
  actor: message.actor,
  data: messageData(body, message)
})

/** A unit is a stream only if the service says so; its events are where its user's are. Undefined: nobody can tell. */
export const streamOfUnit = (record: LetterRecord): StreamAt | undefined => {
  const message = messageOf(record)
  const topic = record.service === "notification" ? "metrics-events" : `${record.service as Service}-events`
  if (message === undefined || !Object.hasOwn(PARTITIONS, topic)) return undefined
  return { tp: topicPartition(topic as Topic, message.partitionkey), stream: record.unit }
}

export const detailView = (record: LetterRecord, events: ReadonlyArray<EventRecord>): typeof DeadLetterDetail.Type => {
  const message = messageOf(record)
  return {
    ...letterView(record),
    message: message === undefined ? null : readView(message, record.body),
    raw: message === undefined ? record.body : null,
    analysis: analysisOf(record),
    history: JSON.parse(record.history) as ReadonlyArray<Tried>,
    last_events: events.map(eventView)
  }
}
