/** What a commit is given: units of work, from the log or handed over in memory. */
import type { Message } from "../../contract/envelope.ts"
import type { Projected } from "../decider.ts"
import type { Bases, CommandRow, LogRecord, OffsetMove } from "./store.ts"

/** One unit of work for a commit. */
export interface Item {
  /** Absent: only the rows are written (a dead letter, a parked message). */
  readonly message?: Message | undefined
  /** The other half, of another stream: both are applied, in one commit, or neither (money from wallet to wallet). */
  readonly joined?: Message | undefined
  /** Where in the log it came from; absent for commands handed over in memory. */
  readonly source?: { readonly tp: number; readonly off: number } | undefined
  /** Rows of the asker's own that are committed with the events, and only with them (an idempotency key). */
  readonly rows?: ReadonlyArray<Projected> | undefined
}

/** Everything that is decided, halves one by one. */
export const messagesOf = (items: ReadonlyArray<Item>): ReadonlyArray<Message> =>
  items.flatMap(({ message, joined }) => (joined === undefined ? (message ?? []) : message ? [message, joined] : []))

/** The consumer's position per partition: the batch's records there are contiguous, so first and last say it all. */
export const moves = (items: ReadonlyArray<Item>): ReadonlyArray<OffsetMove> => {
  const byPartition = new Map<number, { tp: number; from: number; to: number }>()
  for (const { source } of items) {
    if (source === undefined) continue
    const move = byPartition.get(source.tp)
    if (move === undefined) byPartition.set(source.tp, { tp: source.tp, from: source.off, to: source.off + 1 })
    else move.to = source.off + 1
  }
  return [...byPartition.values()]
}

/** What a write has put into the log, at the offsets it was given. */
export const recordsOf = (rows: ReadonlyArray<CommandRow>, bases: Bases): ReadonlyArray<LogRecord> =>
  rows.map(({ message, tp, ordinal }) => {
    const base = bases.get(tp)
    if (base === undefined) throw new Error(`the store gave no base offset for partition ${tp}`)
    return { tp, off: base + ordinal, message, undecodable: undefined }
  })
