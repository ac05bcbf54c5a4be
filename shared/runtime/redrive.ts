/**
 * What a unit's next step is: its dead letter first, then what waits behind it, oldest first, with the ids they had.
 * Pure: from what the store holds to the messages and rows of one commit.
 */
import { Result } from "effect"
import { decode } from "../contract/codec.ts"
import type { Message } from "../contract/envelope.ts"
import {
  type ErrorClass,
  type LetterRow,
  letterRow,
  oneLine,
  type ParkedRow,
  type Tried,
  type Unit,
  unparkedRow,
  withHistory
} from "./deadletter.ts"
import { nextRedriveAt } from "./deadletter-classes.ts"
import type { Projected } from "./decider.ts"
import type { LogRecord } from "./journal/store.ts"
import type { Draft, Parking } from "./parking.ts"

/** Of one unit: its letter, if it waits behind one, and the oldest of those that wait. */
export interface Queue {
  readonly letter: LetterRow | undefined
  readonly parked: ReadonlyArray<ParkedRow>
}

export interface Failed {
  readonly errorClass: ErrorClass
  readonly error: string
}

export interface Step {
  readonly messages: ReadonlyArray<Message>
  readonly rows: ReadonlyArray<Projected>
  readonly draft: Draft
  /** What is done with the letter; undefined: there is none, or it is the unit's turn after it. */
  readonly letter: "redriven" | "discarded" | "failed" | undefined
}

export interface Stepping {
  readonly parking: Parking
  readonly route: (message: Message) => string | undefined
  readonly now: number
}

const recordOf = ({ tp, off, body }: Pick<ParkedRow, "tp" | "off" | "body">): LogRecord =>
  Result.match(decode(body), {
    onSuccess: (message) => ({ tp, off, message, undecodable: undefined }),
    onFailure: (undecodable) => ({ tp, off, message: undefined, undecodable })
  })

/** Who tries again, and why. */
const onBehalf = ({ status, actor, reason, letter }: Unit, parking: Parking) => {
  if (status === "redriving" || status === "discarding")
    return { actor: actor ?? "unknown", reason: reason ?? "unknown" }
  return { actor: `service:${parking.service}`, reason: parking.isUntried(letter) ? "start" : "healed" }
}

const tried = (unit: Unit, { parking, now }: Stepping, outcome: Tried["outcome"], more: Partial<Tried> = {}): Tried => {
  const redrive = outcome === "discarded" ? unit.redrives : unit.redrives + 1
  return { at: new Date(now).toISOString(), outcome, redrive, ...more, ...onBehalf(unit, parking) }
}

const closed = (letter: LetterRow, unit: Unit, on: Stepping, status: "redriven" | "discarded"): Projected => {
  const entry = tried(unit, on, status === "redriven" ? "taken" : "discarded")
  const redrives = entry.redrive
  const history = withHistory(letter.history, entry)
  return letterRow({ ...letter, status, history, redrives, next_redrive_at: null, updated_at: on.now })
}

/** Takes up to `max` messages of the unit; `Failed` where already the first of them cannot be read. */
export const stepOf = (unit: Unit, { letter, parked }: Queue, max: number, on: Stepping): Step | Failed => {
  const { parking, route } = on
  const draft = parking.draft(on.now)
  const rows: Array<Projected> = []
  const messages: Array<Message> = []
  const take = (row: Pick<ParkedRow, "tp" | "off" | "body">): string | undefined => {
    const record = recordOf(row)
    if (record.message === undefined) return record.undecodable?.error ?? "cannot be read"
    const stream = route(record.message)
    // What could not be read before may now be known to belong behind somebody else.
    if (stream !== undefined && stream !== unit.unit && draft.waits(stream)) rows.push(draft.park(stream, record))
    else messages.push(record.message)
    return undefined
  }
  const discarding = unit.status === "discarding"
  if (letter !== undefined) {
    if (!discarding) {
      const error = take(letter)
      if (error !== undefined) return { errorClass: "decode", error }
    }
    rows.push(closed(letter, unit, on, discarding ? "discarded" : "redriven"))
  }
  let taken = 0
  for (const row of parked) {
    if (messages.length >= max) break
    const error = take(row)
    // The next step begins with it, and buries it.
    if (error !== undefined && (taken > 0 || letter !== undefined)) break
    if (error !== undefined) return { errorClass: "decode", error }
    rows.push(unparkedRow(parking.service, unit.unit, row.seq))
    taken++
  }
  const none = { letter: null, error_class: null, redrives: 0, next_redrive_at: null, actor: null, reason: null }
  draft.change(unit.unit, { ...none, status: taken < parked.length ? "draining" : "open" })
  const dealt = letter === undefined ? undefined : discarding ? "discarded" : "redriven"
  return { messages, rows: [...rows, ...draft.rows()], draft, letter: dealt }
}

/** The first message of the unit failed again: only this unit stops, and the letter says why. */
export const failedStep = (
  unit: Unit,
  { letter, parked }: Queue,
  { errorClass, error }: Failed,
  on: Stepping
): Step => {
  const { parking, now } = on
  const draft = parking.draft(now)
  const rows: Array<Projected> = []
  const step = (of: Step["letter"]): Step => ({
    messages: [],
    rows: [...rows, ...draft.rows()],
    draft,
    letter: of
  })
  if (letter !== undefined && unit.status !== "discarding") {
    const entry = tried(unit, on, "failed", { error_class: errorClass, error: oneLine(error) })
    const redrives = entry.redrive
    const next_redrive_at = nextRedriveAt(errorClass, redrives, now, parking.settings)
    const history = withHistory(letter.history, entry)
    const failed = { error_class: errorClass, error: oneLine(error), history, redrives, next_redrive_at }
    rows.push(letterRow({ ...letter, ...failed, updated_at: now }))
    const again = { error_class: errorClass, redrives, next_redrive_at, actor: null, reason: null }
    draft.change(unit.unit, { status: "parked", ...again })
    return step("failed")
  }
  if (letter !== undefined) rows.push(closed(letter, unit, on, "discarded"))
  const [first] = parked
  if (first !== undefined) {
    const about = onBehalf(unit, parking)
    rows.push(draft.bury(unit.unit, recordOf(first), errorClass, error, { redrive: 1, ...about }))
    rows.push(unparkedRow(parking.service, unit.unit, first.seq))
  }
  return step(letter === undefined ? undefined : "discarded")
}
