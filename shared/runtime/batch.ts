/** What a processor's batch is made of, and how its entries become items of a commit. */
import type { Deferred } from "effect"
import { isForRuntime } from "../contract/deadletter.ts"
import type { Message, Service } from "../contract/envelope.ts"
import type { TimerFired } from "../contract/timer.ts"
import { NotAccepted, RowTaken, type Submission, type SubmitFailure } from "./commands.ts"
import { concerns, type ErrorClass, unitOf } from "./deadletter.ts"
import type { Ids } from "./ids.ts"
import type { Item, Outcome } from "./journal/fold.ts"
import type { LogRecord, Poison } from "./journal/store.ts"
import type { Draft } from "./parking.ts"
import type { Local } from "./processor.ts"

export interface Waiting {
  readonly submission: Submission
  /** Absent: nobody waits for the answer of an effect. */
  readonly reply: Deferred.Deferred<Outcome, SubmitFailure> | undefined
}

/** A record of the log, or a command handed over in memory. */
export type Entry =
  | {
      readonly record: LogRecord
      readonly waiting?: undefined
      /** It was found to be poison: it goes to the dead letters instead. */
      readonly dead?: { readonly errorClass: ErrorClass; readonly error: string }
    }
  | { readonly waiting: Waiting; readonly record?: undefined; readonly dead?: undefined }

interface Context {
  readonly route: (message: Message) => string | undefined
  readonly draft: Draft
}

/** Records behind a dead one of their unit are parked in the same commit, so that none slips past. */
export const itemsOf = (entries: ReadonlyArray<Entry>, { route, draft }: Context): ReadonlyArray<Item> => {
  const items = entries.map((entry): Item => {
    if (entry.record === undefined) return entry.waiting.submission
    const { record } = entry
    const { tp, off, message, undecodable } = record
    const source = { tp, off }
    if (message !== undefined && isForRuntime(message.type)) {
      draft.asked(message)
      return { source }
    }
    const dead = entry.dead ?? (undecodable && { errorClass: "decode" as const, error: undecodable.error })
    // The ordinary path: nobody waits, so nothing need be routed here.
    if (dead === undefined && draft.nobodyWaits()) return { message, source }
    const unit = unitOf(record, route)
    if (concerns(record, route) && draft.waits(unit)) return { source, rows: [draft.park(unit, record)] }
    if (dead === undefined) return { message, source }
    return { source, rows: [draft.bury(unit, record, dead.errorClass, dead.error)] }
  })
  const rows = draft.rows()
  return rows.length === 0 ? items : [...items, { rows }]
}

/** Units that these entries park, as far as it is known before they are looked at. */
export const doomedUnits = (
  entries: ReadonlyArray<Entry>,
  route: (message: Message) => string | undefined
): ReadonlyArray<string> => {
  const units: Array<string> = []
  for (const { record, dead } of entries)
    if (record !== undefined && (dead !== undefined || record.undecodable !== undefined))
      units.push(unitOf(record, route))
  return units
}

/** A submission whose rows are taken hears which; anything else of it that cannot be stored is our fault. */
export const replyFailure = ({ code, detail }: Poison): SubmitFailure =>
  code === "23505" ? new RowTaken({ constraint: detail }) : new NotAccepted({ detail: `${code} ${detail}` })

interface Sender {
  readonly ids: Ids["Service"]
  readonly service: Service
}

/** What an effect brings back, with the lineage of the event it followed from. */
export const localMessage = (
  { subject, fact, partitionkey = "", cause: own }: Local,
  by: Message,
  { ids, service }: Sender,
  now: number
): Message => {
  const cause = own ?? by
  return {
    ...cause,
    ...fact,
    id: ids.next(now),
    subject,
    time: now,
    partitionkey: partitionkey || cause.partitionkey,
    causationid: cause.id,
    actor: `service:${service}`
  }
}

/** One firing for each stream these entries were for: it looks at itself, as after a restart. */
export const lookingAgain = (
  entries: ReadonlyArray<Entry>,
  sender: Sender & { readonly route: (message: Message) => string | undefined },
  now: number
): ReadonlyArray<Message> => {
  const looking = new Map<string, Message>()
  for (const { record, waiting } of entries) {
    const cause = record?.message ?? waiting?.submission.message
    const stream = cause && sender.route(cause)
    if (cause === undefined || stream === undefined) continue
    const fact: TimerFired = { type: "TimerFired", data: { kind: "restart", due_at: now } }
    looking.set(stream, localMessage({ subject: stream, fact }, cause, sender, now))
  }
  return [...looking.values()]
}
