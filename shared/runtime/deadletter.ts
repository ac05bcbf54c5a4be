/**
 * Where messages go that cannot be applied. The message stands in `bus.dead_letters` with its history, and its stream
 * is parked: later messages of that stream wait in `bus.parked_messages`, everybody else goes on (DECISIONS D9).
 */
import { encodeCommand } from "../contract/codec.ts"
import type { Message, Service } from "../contract/envelope.ts"
import { topicOf } from "../contract/topics.ts"
import type { Projected, Table } from "./decider.ts"
import { uuidv5 } from "./ids.ts"
import type { Item } from "./journal/fold.ts"
import type { LogRecord } from "./journal/store.ts"

export const deadLettersTable: Table = {
  name: "bus.dead_letters",
  columns: {
    id: "uuid",
    service: "text",
    unit: "text",
    topic: "text",
    tp: "smallint",
    off: "bigint",
    message_id: "text",
    type: "text",
    error_class: "text",
    error: "text",
    history: "text",
    body: "text",
    status: "text",
    created_at: "bigint",
    updated_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}

export const parkedTable: Table = {
  name: "bus.parked_messages",
  columns: { service: "text", unit: "text", seq: "bigint", body: "text" },
  key: ["service", "unit", "seq"],
  write: "replace"
}

/** decode: it cannot be read · defect: the decider threw · data: the store refuses what follows from it. */
export type ErrorClass = "decode" | "defect" | "data"

export interface Letter {
  readonly service: Service
  /** The stream if it is known, else the partition key: what is parked. */
  readonly unit: string
  readonly record: LogRecord
  readonly errorClass: ErrorClass
  readonly error: string
  readonly now: number
}

const bodyOf = ({ message, undecodable }: LogRecord): string =>
  message === undefined ? (undecodable?.body ?? "") : encodeCommand(message)

export const deadLetter = ({ service, unit, record, errorClass, error, now }: Letter): Item => {
  const { tp, off, message, undecodable } = record
  const row: Projected = {
    table: deadLettersTable,
    row: {
      id: uuidv5("dead-letter", `${service}/${tp}/${off}`),
      service,
      unit,
      topic: topicOf(tp),
      tp,
      off,
      message_id: message?.id ?? undecodable?.id ?? "unknown",
      type: message?.type ?? (undecodable?.type || "unknown"),
      error_class: errorClass,
      error: oneLine(error),
      history: JSON.stringify([{ at: new Date(now).toISOString(), error: oneLine(error) }]),
      body: bodyOf(record),
      status: "dead",
      created_at: now,
      updated_at: now
    }
  }
  return { source: { tp, off }, rows: [row] }
}

/** A message behind a dead letter of its stream: acknowledged, and kept in order until somebody redrives the stream. */
export const park = (service: Service, unit: string, record: LogRecord): Item => {
  const { tp, off } = record
  return { source: { tp, off }, rows: [{ table: parkedTable, row: { service, unit, seq: off, body: bodyOf(record) } }] }
}

/** What a record parks: its stream, or the user's key where the stream cannot be told. */
export const unitOf = (record: LogRecord, route: (message: Message) => string | undefined): string => {
  const { message, undecodable, tp } = record
  if (message !== undefined) return route(message) ?? message.partitionkey
  return undecodable?.subject || `partition-${tp}`
}

const ERROR_MAX = 2_000
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters separate the columns of a commit
const oneLine = (text: string): string => text.replaceAll(/[\u0000-\u001f]+/g, " ").slice(0, ERROR_MAX)
