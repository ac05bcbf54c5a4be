/** What a processor's batch is made of, and how its entries become items of a commit. */
import type { Deferred } from "effect"
import type { Message, Service } from "../contract/envelope.ts"
import { NotAccepted, RowTaken, type Submission, type SubmitFailure } from "./commands.ts"
import { deadLetter, type ErrorClass, park, unitOf } from "./deadletter.ts"
import type { Item, Outcome } from "./journal/fold.ts"
import type { LogRecord, Poison } from "./journal/store.ts"

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
  | { readonly waiting: Waiting; readonly record?: undefined }

interface Context {
  readonly service: Service
  readonly route: (message: Message) => string | undefined
  readonly parked: ReadonlySet<string>
  readonly now: number
}

export interface Buried {
  readonly unit: string
  readonly errorClass: ErrorClass
  readonly error: string
}

/** Records behind a dead one of their unit are parked in the same commit, so that none slips past. */
export const itemsOf = (entries: ReadonlyArray<Entry>, { service, route, parked, now }: Context) => {
  const letters: Array<Buried> = []
  const items = entries.map((entry): Item => {
    if (entry.record === undefined) return entry.waiting.submission
    const { record } = entry
    const { tp, off, message, undecodable } = record
    const source = { tp, off }
    const relevant = message === undefined || route(message) !== undefined
    const unit = unitOf(record, route)
    if (relevant && (parked.has(unit) || letters.some((letter) => letter.unit === unit)))
      return park(service, unit, record)
    const dead = entry.dead ?? (undecodable && { errorClass: "decode" as const, error: undecodable.error })
    if (dead === undefined) return { message, source }
    letters.push({ unit, ...dead })
    return deadLetter({ service, unit, record, now, ...dead })
  })
  return { items, letters }
}

/** A submission whose rows are taken hears which; anything else of it that cannot be stored is our fault. */
export const replyFailure = ({ code, detail }: Poison): SubmitFailure =>
  code === "23505" ? new RowTaken({ constraint: detail }) : new NotAccepted({ detail: `${code} ${detail}` })
