/**
 * Where messages go that cannot be applied. The message stands in `bus.dead_letters` with its history, and its unit (a
 * stream) is parked: later messages of that unit wait in `bus.parked_messages`, everybody else goes on (DECISIONS D9).
 */
import { encodeCommand } from "../contract/codec.ts"
import type { Message, Service } from "../contract/envelope.ts"
import type { ErrorClass } from "./deadletter-classes.ts"
import type { Projected, Row, Table } from "./decider.ts"
import type { LogRecord } from "./journal/store.ts"

export type { ErrorClass } from "./deadletter-classes.ts"

export const deadLettersTable: Table = {
  name: "bus.dead_letters",
  columns: {
    id: "uuid",
    service: "text",
    unit: "text",
    tenant: "text",
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
    redrives: "int",
    next_redrive_at: "bigint",
    created_at: "bigint",
    updated_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}

const waitingKey = { service: "text", unit: "text", seq: "bigint" }
export const parkedTable: Table = {
  name: "bus.parked_messages",
  columns: { ...waitingKey, tp: "smallint", off: "bigint", body: "text", parked_at: "bigint" },
  key: ["service", "unit", "seq"],
  write: "replace"
}
/** A message that waits no longer. */
export const unparkedTable: Table = { ...parkedTable, columns: waitingKey, write: "delete" }

/** Who waits, and behind which letter; changed in the commit that parks or drains, and only from what was read. */
export const unitsTable: Table = {
  name: "bus.parked_units",
  columns: {
    service: "text",
    unit: "text",
    version: "bigint",
    was: "bigint",
    status: "text",
    letter: "uuid",
    error_class: "text",
    next_seq: "bigint",
    redrives: "int",
    next_redrive_at: "bigint",
    actor: "text",
    reason: "text",
    updated_at: "bigint"
  },
  key: ["service", "unit"],
  write: "guarded"
}

/**
 * parked: waits behind its letter · redriving, discarding: somebody asked for that · draining: the letter is dealt
 * with, what waited behind it is being applied · open: nothing waits.
 */
export type UnitStatus = "parked" | "redriving" | "discarding" | "draining" | "open"

export interface Unit {
  readonly unit: string
  /** 0: there is no row yet. */
  readonly version: number
  readonly status: UnitStatus
  /** The dead letter everything else waits behind. */
  readonly letter: string | null
  readonly error_class: ErrorClass | null
  /** Place of the next message that has to wait. */
  readonly next_seq: number
  /** How often the letter was tried again. */
  readonly redrives: number
  /** When the runtime tries again by itself (ms); null: a person has to ask. */
  readonly next_redrive_at: number | null
  /** Who asked for what is being done, and why. */
  readonly actor: string | null
  readonly reason: string | null
}

export interface LetterRow {
  readonly id: string
  readonly service: string
  readonly unit: string
  readonly tenant: string
  readonly topic: string
  readonly tp: number
  readonly off: number
  readonly message_id: string
  readonly type: string
  readonly error_class: ErrorClass
  readonly error: string
  readonly history: string
  readonly body: string
  readonly status: "dead" | "redriven" | "discarded"
  readonly redrives: number
  readonly next_redrive_at: number | null
  readonly created_at: number
  readonly updated_at: number
}

export interface ParkedRow {
  readonly seq: number
  readonly tp: number
  readonly off: number
  readonly body: string
  readonly parked_at: number
}

/** One try, or one action, in the history of a letter. */
export interface Tried {
  readonly at: string
  /** failed: here is why · taken: handed to the decider again, in order · discarded: given up. */
  readonly outcome: "failed" | "taken" | "discarded"
  readonly error_class?: ErrorClass
  readonly error?: string
  /** 0 is the first delivery. */
  readonly redrive: number
  readonly actor?: string
  readonly reason?: string
}

/** The first entry and the latest ones are kept. */
const HISTORY_MAX = 50
export const withHistory = (history: string, tried: Tried): string => {
  const all = [...(JSON.parse(history) as ReadonlyArray<Tried>), tried]
  return JSON.stringify(all.length <= HISTORY_MAX ? all : [all[0], ...all.slice(1 - HISTORY_MAX)])
}

/**
 * The stored text of a record, whole: what stands in an event's columns is put back, so that a later version of the
 * code may be able to read it.
 */
export const bodyOf = ({ message, undecodable }: Pick<LogRecord, "message" | "undecodable">): string => {
  if (message !== undefined) return encodeCommand(message)
  if (undecodable === undefined) return ""
  const { id, type, subject, causationid, body } = undecodable
  try {
    const parsed: unknown = JSON.parse(body)
    const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
    return isObject && id !== "" && !("id" in parsed)
      ? JSON.stringify({ id, type, subject, causationid, ...parsed })
      : body
  } catch {
    return body
  }
}

export const letterRow = (row: LetterRow): Projected => ({ table: deadLettersTable, row: { ...row } as Row })
export const parkedRow = (service: Service, unit: string, row: ParkedRow): Projected => ({
  table: parkedTable,
  row: { service, unit, ...row }
})
export const unparkedRow = (service: Service, unit: string, seq: number): Projected => ({
  table: unparkedTable,
  row: { service, unit, seq }
})
export const unitRow = (service: Service, was: number, unit: Unit, updated_at: number): Projected => ({
  table: unitsTable,
  row: { ...unit, service, was, version: was + 1, updated_at }
})

/** Whether the service would do anything with it; of what cannot be read nobody knows. */
export const concerns = ({ message }: LogRecord, route: (message: Message) => string | undefined): boolean =>
  message === undefined || route(message) !== undefined

/** What a record parks: its stream, or the user's key where the stream cannot be told. */
export const unitOf = (record: LogRecord, route: (message: Message) => string | undefined): string => {
  const { message, undecodable, tp } = record
  if (message !== undefined) return route(message) ?? message.partitionkey
  return undecodable?.subject || `partition-${tp}`
}

/** What nobody can read belongs to the operators of this tenant. */
export const TENANT_OF_THE_UNREADABLE = "default"

const ERROR_MAX = 2_000
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters separate the columns of a commit
export const oneLine = (text: string): string => text.replaceAll(/[\u0000-\u001f]+/g, " ").slice(0, ERROR_MAX)
