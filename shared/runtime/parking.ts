/**
 * Which units of a service wait, as its lane knows it. A draft collects what one commit changes; it counts only once
 * that commit has answered, and the rows' versions refuse it if another process was there first.
 */
import type { DeadLetterCommand } from "../contract/deadletter.ts"
import type { Message, Service } from "../contract/envelope.ts"
import { topicOf } from "../contract/topics.ts"
import {
  bodyOf,
  type ErrorClass,
  type LetterRow,
  letterRow,
  oneLine,
  parkedRow,
  TENANT_OF_THE_UNREADABLE,
  type Tried,
  type Unit,
  unitRow
} from "./deadletter.ts"
import { nextRedriveAt, type RedriveSettings, triedAtStart } from "./deadletter-classes.ts"
import type { Projected } from "./decider.ts"
import type { LogRecord } from "./journal/store.ts"

export interface Buried {
  readonly unit: string
  readonly errorClass: ErrorClass
  readonly error: string
}

export class Parking {
  readonly service: Service
  readonly settings: RedriveSettings
  private readonly nextId: (now: number) => string
  private readonly units = new Map<string, Unit>()
  /** Letters that this process has not tried yet. */
  private readonly untried: Set<string>

  constructor(
    service: Service,
    settings: RedriveSettings,
    nextId: (now: number) => string,
    found: ReadonlyArray<Unit>
  ) {
    this.service = service
    this.settings = settings
    this.nextId = nextId
    this.reset(found)
    const again = found.filter(({ status, error_class }) => status === "parked" && triedAtStart(error_class))
    this.untried = new Set(again.flatMap(({ letter }) => letter ?? []))
  }

  /** What the store says now; units it does not name are open. */
  reset(found: ReadonlyArray<Unit>): void {
    this.units.clear()
    this.learn(found)
  }
  learn(found: ReadonlyArray<Unit>): void {
    for (const unit of found) this.units.set(unit.unit, unit)
  }

  of(unit: string): Unit | undefined {
    return this.units.get(unit)
  }
  quiet(): boolean {
    return this.units.size === 0
  }
  /** Dead letters that somebody has to deal with. */
  open(): number {
    let open = 0
    for (const { letter, status } of this.units.values()) if (letter !== null && status !== "open") open++
    return open
  }

  /** What is to be worked on at `now` (ms); the units take turns. */
  next(now: number): Unit | undefined {
    for (const unit of this.units.values()) {
      const { status, letter, next_redrive_at } = unit
      if (status === "open") continue
      if (status !== "parked" || (letter !== null && this.untried.has(letter))) return unit
      if (next_redrive_at !== null && next_redrive_at <= now) return unit
    }
    return undefined
  }
  /** The next moment (ms) at which `next` says something else. */
  nextAt(): number | undefined {
    let soonest: number | undefined
    for (const { next_redrive_at, status } of this.units.values())
      if (status === "parked" && next_redrive_at !== null && next_redrive_at < (soonest ?? Number.POSITIVE_INFINITY))
        soonest = next_redrive_at
    return soonest
  }
  /** True while there is work that needs no waiting. */
  restless(): boolean {
    return this.next(Number.NEGATIVE_INFINITY) !== undefined
  }
  /** Letters of class crash whose redrive was begun and has not ended. */
  begunWithCrash(): Set<string> {
    const begun = [...this.units.values()].filter(
      ({ status, error_class }) => status === "redriving" && error_class === "crash"
    )
    return new Set(begun.flatMap(({ letter }) => letter ?? []))
  }
  isUntried(letter: string | null): boolean {
    return letter !== null && this.untried.has(letter)
  }
  tried(letter: string | null): void {
    if (letter !== null) this.untried.delete(letter)
  }

  draft(now: number): Draft {
    return new Draft(this, this.nextId, now)
  }
  /** Whoever has changed goes behind the others; of an open unit nothing need be known. */
  accept(draft: Draft): void {
    for (const unit of draft.changed.values()) {
      this.units.delete(unit.unit)
      if (unit.status !== "open") this.units.set(unit.unit, { ...unit, version: unit.version + 1 })
    }
  }
}

const fresh = (unit: string): Unit => ({
  unit,
  version: 0,
  status: "open",
  letter: null,
  error_class: null,
  next_seq: 0,
  redrives: 0,
  next_redrive_at: null,
  actor: null,
  reason: null
})

export class Draft {
  /** With the version they had before this commit. */
  readonly changed = new Map<string, Unit>()
  readonly buried: Array<Buried> = []
  readonly now: number
  private readonly parking: Parking
  private readonly nextId: (now: number) => string

  constructor(parking: Parking, nextId: (now: number) => string, now: number) {
    this.parking = parking
    this.nextId = nextId
    this.now = now
  }

  private of(unit: string): Unit {
    return this.changed.get(unit) ?? this.parking.of(unit) ?? fresh(unit)
  }
  change(unit: string, to: Partial<Unit>): void {
    this.changed.set(unit, { ...this.of(unit), ...to })
  }
  nobodyWaits(): boolean {
    return this.changed.size === 0 && this.parking.quiet()
  }
  waits(unit: string): boolean {
    const known = this.changed.get(unit) ?? this.parking.of(unit)
    return known !== undefined && known.status !== "open"
  }

  /** Behind all that waits there already. */
  park(unit: string, { tp, off, ...record }: LogRecord): Projected {
    const { next_seq: seq } = this.of(unit)
    this.change(unit, { next_seq: seq + 1 })
    return parkedRow(this.parking.service, unit, { seq, tp, off, body: bodyOf(record), parked_at: this.now })
  }

  /** A record becomes the letter its unit waits behind. `redrive`: with which try it failed; 0 is its delivery. */
  bury(unit: string, record: LogRecord, errorClass: ErrorClass, error: string, told: Partial<Tried> = {}): Projected {
    const { service, settings } = this.parking
    const { tp, off, message, undecodable } = record
    const id = this.nextId(this.now)
    const next_redrive_at = nextRedriveAt(errorClass, 0, this.now, settings)
    const first: Tried = {
      at: new Date(this.now).toISOString(),
      outcome: "failed",
      error_class: errorClass,
      error: oneLine(error),
      redrive: 0,
      ...told
    }
    const row: LetterRow = {
      id,
      service,
      unit,
      tenant: message?.tenant || TENANT_OF_THE_UNREADABLE,
      topic: topicOf(tp),
      tp,
      off,
      message_id: message?.id ?? (undecodable?.id || "unknown"),
      type: message?.type ?? (undecodable?.type || "unknown"),
      error_class: errorClass,
      error: oneLine(error),
      history: JSON.stringify([first]),
      body: bodyOf(record),
      status: "dead",
      redrives: 0,
      next_redrive_at,
      created_at: this.now,
      updated_at: this.now
    }
    const letter = { letter: id, error_class: errorClass, redrives: 0, next_redrive_at }
    this.change(unit, { status: "parked", actor: null, reason: null, ...letter })
    this.buried.push({ unit, errorClass, error })
    return letterRow(row)
  }

  /** An operator's ask; it has an effect only while the unit waits behind that very letter. */
  asked({ type, data, actor }: Message): void {
    const { service, unit, dead_letter_id, reason } = data as DeadLetterCommand["data"]
    const { status, letter } = this.of(unit)
    if (service !== this.parking.service || status !== "parked" || letter !== dead_letter_id) return
    this.change(unit, { status: type === "RedriveUnit" ? "redriving" : "discarding", actor, reason: oneLine(reason) })
  }

  rows(): ReadonlyArray<Projected> {
    const { service } = this.parking
    return [...this.changed.values()].map((unit) => unitRow(service, unit.version, unit, this.now))
  }
}
