/** The inside of a processor: its inbox, its turn, and what it does when a commit is refused (DECISIONS D0, D9). */
import { Clock, Deferred, Effect, FiberSet, type Semaphore } from "effect"
import type { Message, Service } from "../contract/envelope.ts"
import { doomedUnits, type Entry, itemsOf, localMessage, lookingAgain, replyFailure } from "./batch.ts"
import type { Bus, Subscription } from "./bus/bus.ts"
import { carefully } from "./careful.ts"
import { NotAccepted, type Submission, type SubmitFailure } from "./commands.ts"
import { reach } from "./crashpoint.ts"
import type { CrashWatch } from "./crashwatch.ts"
import { unitOf } from "./deadletter.ts"
import { classOf, type ErrorClass } from "./deadletter-classes.ts"
import type { Ids } from "./ids.ts"
import { Inbox } from "./inbox.ts"
import { Defect, type Outcome, type Performed } from "./journal/fold.ts"
import type { CommitFailure, Committed, Journal } from "./journal/journal.ts"
import type { LogRecord, Store, StoreFailure } from "./journal/store.ts"
import type { Observer } from "./observer.ts"
import type { Draft, Parking } from "./parking.ts"
import type { Bounds, Local } from "./processor.ts"
import { Redrive } from "./redrive-lane.ts"
import type { Signal } from "./signal.ts"

export interface Parts<Eff> {
  readonly service: Service
  readonly route: (message: Message) => string | undefined
  readonly perform: (effect: Eff, cause: Message) => Effect.Effect<ReadonlyArray<Local>>
  /** It has effects at all. */
  readonly effectful: boolean
  readonly bounds: Bounds
  readonly observer: Observer
  readonly journal: Journal<Eff>
  readonly signal: Signal
  readonly ids: Ids["Service"]
  readonly publish: Bus["Service"]["publish"]
  readonly refresh: Bus["Service"]["refresh"]
  readonly subscription: Subscription
  readonly store: Store
  readonly parking: Parking
  readonly crash: CrashWatch
  readonly fibers: FiberSet.FiberSet<void>
  readonly permits: Semaphore.Semaphore
}

/** After a refusal of the store: 50 ms, growing by half, at most 2 s. */
export const PAUSE_MIN_MS = 50
export const PAUSE_GROWTH = 1.5
export const PAUSE_MAX_MS = 2_000

export class Lane<Eff> {
  private readonly of: Parts<Eff>
  private readonly redrive: Redrive<Eff>
  private readonly inbox = new Inbox()
  private busy = false
  private effects = 0
  /** Records that were in the log at the first turn and have not been taken; only a careful life counts them. */
  private backlog: number | undefined
  private pauseMs = 0

  constructor(parts: Parts<Eff>) {
    this.of = parts
    this.redrive = new Redrive(parts, {
      accepted: (entries, done, draft) => this.accepted(entries, done, draft),
      pause: (detail) => this.pause(detail),
      reload: Effect.suspend(() => this.reload),
      lookAgain: (entries) => this.lookAgain(entries)
    })
  }

  lag(): number {
    return this.of.subscription.lag()
  }
  healthy(): boolean {
    return this.pauseMs === 0
  }
  caughtUp(): boolean {
    return !this.busy && this.inbox.length === 0 && this.lag() === 0
  }
  idle(): boolean {
    return this.effects === 0 && this.caughtUp() && !this.of.parking.restless()
  }

  submit(submission: Submission): Effect.Effect<Outcome, SubmitFailure> {
    return Effect.suspend(() => {
      const { service, bounds, signal } = this.of
      const waiting = this.inbox.length
      if (waiting >= bounds.waitingMax) return new NotAccepted({ detail: `${service}: ${waiting} commands wait` })
      const reply = Deferred.makeUnsafe<Outcome, SubmitFailure>()
      this.inbox.push({ submission, reply })
      signal.raise()
      return Deferred.await(reply)
    })
  }

  /** What lies in the store is fetched before the rest, or commands that keep coming in memory would starve it. */
  readonly turn: Effect.Effect<void> = Effect.suspend(() => {
    const { subscription, parking } = this.of
    const next = parking.quiet() ? this.next : this.besides
    return subscription.behind() ? Effect.andThen(this.patiently(subscription.fetch), next) : next
  })

  private readonly next: Effect.Effect<void> = Effect.suspend(() => this.work(this.of.signal.wait))

  /** Where units wait behind dead letters, each turn does one step of theirs and then everybody else's work. */
  private readonly besides: Effect.Effect<void> = Effect.gen({ self: this }, function* (this: Lane<Eff>) {
    const { parking, signal } = this.of
    const now = yield* Clock.currentTimeMillis
    const unit = parking.next(now)
    if (unit !== undefined) return yield* Effect.andThen(this.redrive.step(unit, now), this.work(Effect.void))
    const rest = Effect.suspend(() => {
      const at = parking.nextAt()
      return at === undefined ? signal.wait : Effect.raceFirst(signal.wait, Effect.sleep(at - now))
    })
    yield* this.work(rest)
  })

  private work(rest: Effect.Effect<void>): Effect.Effect<void> {
    const entries = this.take()
    this.busy = entries.length > 0
    if (!this.busy) return rest
    return this.of.crash.careful() ? this.inCare(entries) : this.commit(entries)
  }

  private inCare(entries: ReadonlyArray<Entry>): Effect.Effect<void> {
    const records = entries.filter(({ record }) => record !== undefined).length
    this.backlog ??= this.lag() + records
    const old = this.backlog > 0
    this.backlog -= Math.min(this.backlog, records)
    const { crash, service, route } = this.of
    const condemned = (record: LogRecord) => crash.condemned(service, unitOf(record, route)) !== undefined
    const suspect = entries.some(({ record }) => record !== undefined && condemned(record))
    return old || suspect ? carefully(this.of, entries, (each) => this.commit(each)) : this.commit(entries)
  }

  /** Half of a batch for submissions and half for records, and each may have what the other leaves. */
  private take(): ReadonlyArray<Entry> {
    const { bounds, subscription } = this.of
    const { batchMax } = bounds
    const reserved = this.inbox.length < batchMax / 2 ? 0 : Math.min(Math.floor(batchMax / 2), subscription.lag())
    const waiting = this.inbox.take(batchMax - reserved).map((waiting): Entry => ({ waiting }))
    const room = batchMax - waiting.length
    if (room === 0) return waiting
    return waiting.concat(subscription.poll(room).map((record): Entry => ({ record })))
  }

  private readonly commit: (entries: ReadonlyArray<Entry>) => Effect.Effect<void> = Effect.fnUntraced(
    { self: this },
    function* (this: Lane<Eff>, entries: ReadonlyArray<Entry>) {
      if (entries.length === 0) return
      const { route, journal, parking } = this.of
      const began = yield* Clock.currentTimeMillis
      const unknown = doomedUnits(entries, route).filter((unit) => parking.of(unit) === undefined)
      if (unknown.length > 0) yield* this.patiently(this.learn(unknown))
      const draft = parking.draft(began)
      const items = itemsOf(entries, { route, draft })
      const result = yield* Effect.result(journal.commit(items))
      if (result._tag === "Failure") return yield* this.recover(entries, result.failure)
      yield* this.accepted(entries, result.success, draft)
    }
  )

  /** What follows from a commit that was accepted: the lane's own, or that of a redrive. */
  private readonly accepted = Effect.fnUntraced(
    { self: this },
    function* (this: Lane<Eff>, entries: ReadonlyArray<Entry>, done: Committed<Eff>, draft: Draft) {
      const { service, observer, parking } = this.of
      this.pauseMs = 0
      parking.accept(draft)
      for (const { unit, errorClass, error } of draft.buried) observer.buried(service, unit, errorClass, error)
      yield* this.finish(entries, done)
      const events = done.outcomes.flatMap((outcome) => (outcome._tag === "Applied" ? outcome.events : []))
      const durationMs = (yield* Clock.currentTimeMillis) - draft.now
      observer.committed({ service, messages: entries.length, events, durationMs })
    }
  )

  private readonly finish = Effect.fnUntraced(
    { self: this },
    function* (this: Lane<Eff>, entries: ReadonlyArray<Entry>, done: Committed<Eff>) {
      const { service, observer, fibers } = this.of
      this.of.publish(done.records)
      if (done.doubtful) {
        yield* Effect.ignore(this.of.refresh)
        const before = entries.filter((_, index) => done.outcomes[index]?._tag === "Skipped")
        yield* this.lookAgain(before)
      }
      for (const [index, { waiting, record }] of entries.entries()) {
        const outcome = done.outcomes[index] as Outcome
        if (waiting?.reply !== undefined) Deferred.doneUnsafe(waiting.reply, Effect.succeed(outcome))
        const message = record?.message ?? waiting?.submission.message
        if (outcome._tag === "Refused" && message !== undefined) observer.refused(service, message, outcome.refusal)
      }
      if (done.effects.length === 0) return
      yield* reach("processor.before-effects")
      this.effects += done.effects.length
      for (const performed of done.effects) yield* FiberSet.run(fibers, this.perform(performed))
    }
  )

  /**
   * A commit whose answer was lost may have been done, and then its effects are lost as they are in a crash: its
   * streams look at themselves as after a restart, and ask instead of waiting for their deadlines.
   */
  private lookAgain(entries: ReadonlyArray<Entry>): Effect.Effect<void> {
    if (!this.of.effectful) return Effect.void
    return Effect.map(Clock.currentTimeMillis, (now) => {
      for (const message of lookingAgain(entries, this.of, now))
        this.inbox.push({ submission: { message }, reply: undefined })
    })
  }

  private perform({ effect, cause }: Performed<Eff>): Effect.Effect<void> {
    const { permits, signal, crash, service } = this.of
    const bring = Effect.gen({ self: this }, function* (this: Lane<Eff>) {
      const locals = yield* this.of.perform(effect, cause)
      const now = yield* Clock.currentTimeMillis
      for (const local of locals)
        this.inbox.push({ submission: { message: localMessage(local, cause, this.of, now) }, reply: undefined })
    })
    const done = Effect.sync(() => {
      this.effects--
      signal.raise()
    })
    return Effect.ensuring(permits.withPermit(crash.marked(service, cause.subject, "effect", bring)), done)
  }

  private readonly recover: (entries: ReadonlyArray<Entry>, failure: CommitFailure) => Effect.Effect<void> =
    Effect.fnUntraced(
      { self: this },
      function* (this: Lane<Eff>, entries: ReadonlyArray<Entry>, failure: CommitFailure) {
        if (failure instanceof Defect) {
          const at = entries[failure.index] as Entry
          const dead = this.bury(at, "defect", failure.message, new NotAccepted({ detail: failure.message }))
          return yield* this.commit(
            entries.flatMap((entry) => (entry !== at ? [entry] : dead === undefined ? [] : [dead]))
          )
        }
        switch (failure._tag) {
          case "Poison": {
            // Halved until the poisoned message stands alone; the halves keep their order.
            const [only] = entries
            if (only !== undefined && entries.length === 1) {
              const { code, detail } = failure
              const dead = this.bury(only, classOf(code, detail), `${code} ${detail}`, replyFailure(failure))
              return yield* this.commit(dead === undefined ? [] : [dead])
            }
            const half = Math.ceil(entries.length / 2)
            yield* this.commit(entries.slice(0, half))
            return yield* this.commit(entries.slice(half))
          }
          case "OffsetsMoved":
            this.of.journal.forget()
            yield* this.lookAgain(entries)
            this.inbox.putBack(entries.flatMap(({ waiting }) => waiting ?? []))
            // It may have been our own commit, whose answer was lost: then nobody has heard of its records.
            yield* this.reload
            return yield* this.patiently(this.of.subscription.rewind)
          case "RowsMoved":
            yield* this.reload
            return yield* this.commit(entries)
          case "Unavailable":
            yield* this.pause(failure.detail)
            return yield* this.commit(entries)
        }
      }
    )

  /** A record becomes a dead letter; a submission's asker hears why, and nothing of it is kept. */
  private bury(entry: Entry, errorClass: ErrorClass, error: string, failure: SubmitFailure): Entry | undefined {
    if (entry.record !== undefined) return { ...entry, dead: { errorClass, error } }
    const { reply, submission } = entry.waiting
    if (reply !== undefined) Deferred.doneUnsafe(reply, Effect.fail(failure))
    if (failure._tag !== "RowTaken")
      this.of.observer.buried(this.of.service, submission.message.subject, errorClass, error)
    return undefined
  }

  private learn(units: ReadonlyArray<string>): Effect.Effect<void, StoreFailure> {
    const { parking, service, store } = this.of
    return Effect.map(store.units(service, units), (found) => parking.learn(found))
  }

  /** Another process, or a commit whose answer was lost, may have changed what waits and what is in the log. */
  private readonly reload: Effect.Effect<void> = Effect.suspend(() => {
    const { parking, service, store, refresh } = this.of
    const units = Effect.map(store.units(service), (found) => parking.reset(found))
    return this.patiently(Effect.andThen(units, refresh))
  })

  private pause(detail: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.pauseMs = Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, this.pauseMs * PAUSE_GROWTH))
      this.of.observer.stalled(this.of.service, detail)
      return Effect.sleep(this.pauseMs * (1 + this.of.ids.random() / 2))
    })
  }

  private patiently(effect: Effect.Effect<void, StoreFailure>): Effect.Effect<void> {
    return Effect.catch(effect, (failure) => Effect.andThen(this.pause(failure._tag), this.patiently(effect)))
  }
}
