/**
 * The lane's part in bringing dead letters back: one step of one unit at a time, each a commit of its own. What fails
 * stops that unit and nobody else.
 */
import { Effect } from "effect"
import type { Message, Service } from "../contract/envelope.ts"
import type { Entry } from "./batch.ts"
import { ended } from "./careful.ts"
import type { CrashWatch } from "./crashwatch.ts"
import type { Unit } from "./deadletter.ts"
import { classOf } from "./deadletter-classes.ts"
import { Defect } from "./journal/fold.ts"
import type { CommitFailure, Committed, Journal } from "./journal/journal.ts"
import type { Store, StoreFailure } from "./journal/store.ts"
import type { Observer } from "./observer.ts"
import type { Draft, Parking } from "./parking.ts"
import { type Failed, failedStep, type Queue, type Step, type Stepping, stepOf } from "./redrive.ts"

export interface Parts<Eff> {
  readonly service: Service
  readonly route: (message: Message) => string | undefined
  readonly observer: Observer
  readonly journal: Journal<Eff>
  readonly store: Store
  readonly parking: Parking
  readonly crash: CrashWatch
}

/** What the lane does for it. */
export interface Hooks<Eff> {
  /** The commit of a step was accepted. */
  readonly accepted: (entries: ReadonlyArray<Entry>, done: Committed<Eff>, draft: Draft) => Effect.Effect<void>
  readonly pause: (detail: string) => Effect.Effect<void>
  readonly reload: Effect.Effect<void>
  /** A commit whose answer was lost has done its work, but not its effects. */
  readonly lookAgain: (entries: ReadonlyArray<Entry>) => Effect.Effect<void>
}

/** Messages of one step: the lane belongs to everybody else in between. */
const STEP_MAX = 100

export class Redrive<Eff> {
  private readonly of: Parts<Eff>
  private readonly hooks: Hooks<Eff>
  /** Units whose last step failed as a whole: halved until the message that fails stands alone. */
  private readonly sizes = new Map<string, number>()
  /** Redrives of letters of class crash that an earlier process had begun: they are what ended it. */
  private readonly fatal: Set<string>

  constructor(of: Parts<Eff>, hooks: Hooks<Eff>) {
    this.of = of
    this.hooks = hooks
    this.fatal = of.parking.begunWithCrash()
  }

  readonly step = (unit: Unit, now: number): Effect.Effect<void> =>
    this.of.crash.marked(
      this.of.service,
      unit.unit,
      "redrive",
      Effect.catch(this.attempt(unit, now), (failure) => this.hooks.pause(failure._tag))
    )

  private readonly attempt: (unit: Unit, now: number) => Effect.Effect<void, StoreFailure> = Effect.fnUntraced(
    { self: this },
    function* (this: Redrive<Eff>, unit: Unit, now: number) {
      const { service, parking, route, store, crash } = this.of
      const on: Stepping = { parking, route, now }
      const max = this.sizes.get(unit.unit) ?? STEP_MAX
      const queue = yield* store.queue(service, unit, max + 1)
      if (unit.letter !== null && this.fatal.delete(unit.letter)) {
        const error = "the process ended while it tried this letter again"
        return void (yield* this.give(unit, failedStep(unit, queue, { errorClass: "crash", error }, on)))
      }
      const deaths = crash.condemned(service, unit.unit)
      if (deaths !== undefined && (unit.letter !== null || queue.parked.length > 0)) {
        yield* this.give(unit, failedStep(unit, queue, { errorClass: "crash", error: ended(deaths) }, on))
        return yield* crash.buried(service, unit.unit)
      }
      const step = stepOf(unit, queue, max, on)
      if ("error" in step) return void (yield* this.give(unit, failedStep(unit, queue, step, on)))
      const failure = yield* this.give(unit, step)
      const failed = failure === undefined ? undefined : failedOf(failure)
      if (failed !== undefined) yield* this.failed(unit, queue, step, failed, on)
    }
  )

  private failed(unit: Unit, queue: Queue, step: Step, failed: Failed, on: Stepping): Effect.Effect<void> {
    const { length } = step.messages
    if (length > 1) {
      this.sizes.set(unit.unit, Math.floor(length / 2))
      return Effect.void
    }
    return Effect.asVoid(this.give(unit, failedStep(unit, queue, failed, on)))
  }

  /** Commits a step. What it answers with is the caller's to deal with: the step's own messages are at fault. */
  private readonly give: (unit: Unit, step: Step) => Effect.Effect<CommitFailure | undefined> = Effect.fnUntraced(
    { self: this },
    function* (this: Redrive<Eff>, unit: Unit, step: Step) {
      const { service, parking, observer, journal } = this.of
      const { messages, rows, draft, letter } = step
      const items = [...messages.map((message) => ({ message })), { rows }]
      const result = yield* Effect.result(journal.commit(items))
      if (result._tag === "Failure") {
        const { failure } = result
        if (failure instanceof Defect || failedOf(failure) !== undefined) return failure
        if (failure._tag === "RowsMoved" || failure._tag === "OffsetsMoved")
          yield* Effect.andThen(this.hooks.lookAgain(messages.map(entryOf)), this.hooks.reload)
        else yield* this.hooks.pause(failure._tag === "Unavailable" ? failure.detail : "")
        return undefined
      }
      parking.tried(unit.letter)
      this.sizes.delete(unit.unit)
      observer.redriven(service, unit.unit, { taken: messages.length, letter })
      yield* this.hooks.accepted(messages.map(entryOf), result.success, draft)
      return undefined
    }
  )
}

const entryOf = (message: Message): Entry => ({ waiting: { submission: { message }, reply: undefined } })

const failedOf = (failure: CommitFailure): Failed | undefined => {
  if (failure instanceof Defect) return { errorClass: "defect", error: failure.message }
  if (failure._tag !== "Poison") return undefined
  return { errorClass: classOf(failure.code, failure.detail), error: `${failure.code} ${failure.detail}` }
}
