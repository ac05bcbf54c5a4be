/**
 * Turns `{decider, topics, store, bus}` into a running service: take a batch of what is there, commit it, hand it over,
 * run its effects. One commit is in flight at a time and the next batch starts when it is done: no timer, no linger.
 */
import { Clock, Deferred, Effect, FiberSet, type Scope, Semaphore } from "effect"
import type { Fact, Message, Service } from "../contract/envelope.ts"
import type { Topic } from "../contract/topics.ts"
import { type Entry, itemsOf, replyFailure, type Waiting } from "./batch.ts"
import { Bus } from "./bus/bus.ts"
import { NotAccepted, type Submission, type Submit, type SubmitFailure } from "./commands.ts"
import { reach } from "./crashpoint.ts"
import type { ErrorClass } from "./deadletter.ts"
import type { Decider } from "./decider.ts"
import { Ids } from "./ids.ts"
import { Defect, type Outcome, type Performed } from "./journal/fold.ts"
import { type CommitFailure, type Committed, type JournalSettings, makeJournal } from "./journal/journal.ts"
import { JournalStore, type StoreFailure } from "./journal/store.ts"
import { type Observer, silent } from "./observer.ts"
import { makeSignal } from "./signal.ts"

export interface Bounds {
  /** Messages in one commit: a quarter to a half of the payments in flight is best (measured; larger ones form convoys). */
  readonly batchMax: number
  /** Submitted commands that may wait; beyond that a submitter is turned away. */
  readonly waitingMax: number
  /** Effects (provider calls, notifications) in flight at once. */
  readonly effectsMax: number
}
export const defaultBounds: Bounds = { batchMax: 128, waitingMax: 10_000, effectsMax: 1_024 }

/** What an effect brings back: a command for the same decider, with the lineage of the event it followed from. */
export interface Local {
  readonly subject: string
  readonly fact: Fact
  /** Partition key of its own, where it does not belong to the cause's user (a breaker belongs to its provider). */
  readonly partitionkey?: string | undefined
}

export interface Definition<State, E extends Fact, Eff> {
  readonly decider: Decider<State, E, Eff>
  readonly topics: ReadonlyArray<Topic>
  /** Runs after the commit that recorded the intent. Never fails: a failure is an outcome like others. */
  readonly perform?: (effect: Eff, cause: Message) => Effect.Effect<ReadonlyArray<Local>>
  readonly bounds?: Bounds
  readonly journal?: JournalSettings
  readonly observer?: Observer
}

export interface Processor {
  readonly service: Service
  readonly submit: Submit
  /** Works until it is interrupted; a defect in it is the process's end. */
  readonly run: Effect.Effect<never>
  /** Records of the log this service has not taken yet. */
  readonly lag: () => number
  /** False while the store refuses work. */
  readonly healthy: () => boolean
  /** True when nothing is waiting, in commit or in effect. */
  readonly idle: () => boolean
}

/** After a refusal of the store: 50 ms, growing by half, at most 2 s. */
const PAUSE_MIN_MS = 50
const PAUSE_GROWTH = 1.5
const PAUSE_MAX_MS = 2_000

export const makeProcessor = Effect.fnUntraced(function* <State, E extends Fact, Eff = never>(
  definition: Definition<State, E, Eff>
) {
  const { decider, topics, bounds = defaultBounds, observer = silent } = definition
  const { service } = decider
  const ids = yield* Ids
  const bus = yield* Bus
  const stores = yield* JournalStore
  const store = yield* stores.open(service)
  const journal = yield* makeJournal(decider, store, definition.journal)
  const signal = makeSignal()
  const subscription = yield* bus.subscribe(service, topics, signal)
  const parked = new Set(yield* store.parked(service))
  const fibers = yield* FiberSet.make<void>()
  const permits = yield* Semaphore.make(bounds.effectsMax)
  const inbox: Array<Waiting> = []
  let busy = false
  let pauseMs = 0

  const submit = (submission: Submission): Effect.Effect<Outcome, SubmitFailure> =>
    Effect.suspend(() => {
      if (inbox.length >= bounds.waitingMax)
        return new NotAccepted({ detail: `${service}: ${inbox.length} commands wait` })
      const reply = Deferred.makeUnsafe<Outcome, SubmitFailure>()
      inbox.push({ submission, reply })
      signal.raise()
      return Deferred.await(reply)
    })

  /** Submissions first: somebody waits for them; records keep their order per partition in any case. */
  const take = (): ReadonlyArray<Entry> => {
    const waiting = inbox.splice(0, bounds.batchMax).map((waiting): Entry => ({ waiting }))
    const room = bounds.batchMax - waiting.length
    return room === 0 ? waiting : waiting.concat(subscription.poll(room).map((record): Entry => ({ record })))
  }

  const perform = ({ effect, cause }: Performed<Eff>) =>
    Effect.gen(function* () {
      const locals = yield* definition.perform?.(effect, cause) ?? Effect.succeed([])
      const now = yield* Clock.currentTimeMillis
      for (const { subject, fact, partitionkey = cause.partitionkey } of locals) {
        const id = ids.next(now)
        const message = { ...cause, ...fact, id, subject, partitionkey, time: now, causationid: cause.id }
        inbox.push({ submission: { message: { ...message, actor: `service:${service}` } }, reply: undefined })
      }
      signal.raise()
    }).pipe(permits.withPermit)

  const finish = Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>, done: Committed<Eff>) {
    bus.publish(done.records)
    if (done.doubtful) yield* Effect.ignore(bus.refresh)
    for (const [index, { waiting, record }] of entries.entries()) {
      const outcome = done.outcomes[index] as Outcome
      if (waiting?.reply !== undefined) Deferred.doneUnsafe(waiting.reply, Effect.succeed(outcome))
      const message = record?.message ?? waiting?.submission.message
      if (outcome._tag === "Refused" && message !== undefined) observer.refused(service, message, outcome.refusal)
    }
    if (done.effects.length === 0) return
    yield* reach("processor.before-effects")
    for (const performed of done.effects) yield* FiberSet.run(fibers, perform(performed))
  })

  const bury = (entry: Entry, errorClass: ErrorClass, error: string, failure: SubmitFailure): Entry | undefined => {
    if (entry.record !== undefined) return { ...entry, dead: { errorClass, error } }
    if (entry.waiting.reply !== undefined) Deferred.doneUnsafe(entry.waiting.reply, Effect.fail(failure))
    observer.buried(service, entry.waiting.submission.message.subject, errorClass, error)
    return undefined
  }

  const commit: (entries: ReadonlyArray<Entry>) => Effect.Effect<void> = Effect.fnUntraced(function* (entries) {
    if (entries.length === 0) return
    const began = yield* Clock.currentTimeMillis
    const { items, letters } = itemsOf(entries, { service, route: decider.route, parked, now: began })
    const result = yield* Effect.result(journal.commit(items))
    if (result._tag === "Failure") return yield* recover(entries, result.failure)
    pauseMs = 0
    for (const { unit, errorClass, error } of letters) {
      parked.add(unit)
      observer.buried(service, unit, errorClass, error)
    }
    yield* finish(entries, result.success)
    const events = result.success.outcomes.flatMap((outcome) => (outcome._tag === "Applied" ? outcome.events : []))
    const durationMs = (yield* Clock.currentTimeMillis) - began
    observer.committed({ service, messages: entries.length, events, durationMs })
  })

  const recover = Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>, failure: CommitFailure) {
    if (failure instanceof Defect) {
      const at = entries[failure.index] as Entry
      const dead = bury(at, "defect", failure.message, new NotAccepted({ detail: failure.message }))
      return yield* commit(entries.flatMap((entry) => (entry !== at ? [entry] : dead === undefined ? [] : [dead])))
    }
    switch (failure._tag) {
      case "Poison": {
        // Halved until the poisoned message stands alone; the halves keep their order.
        const [only] = entries
        const half = Math.ceil(entries.length / 2)
        if (only !== undefined && entries.length === 1) {
          const dead = bury(only, "data", `${failure.code} ${failure.detail}`, replyFailure(failure))
          return yield* commit(dead === undefined ? [] : [dead])
        }
        yield* commit(entries.slice(0, half))
        return yield* commit(entries.slice(half))
      }
      case "OffsetsMoved":
        journal.forget()
        inbox.unshift(...entries.flatMap(({ waiting }) => (waiting === undefined ? [] : [waiting])))
        return yield* patiently(subscription.rewind)
      case "Unavailable":
        yield* pause(failure.detail)
        return yield* commit(entries)
    }
  })

  const pause = (detail: string) =>
    Effect.suspend(() => {
      pauseMs = Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, pauseMs * PAUSE_GROWTH))
      observer.stalled(service, detail)
      return Effect.sleep(pauseMs * (1 + ids.random() / 2))
    })

  const patiently = (effect: Effect.Effect<void, StoreFailure>): Effect.Effect<void> =>
    Effect.catch(effect, (failure) => Effect.andThen(pause(failure._tag), patiently(effect)))

  const turn = Effect.suspend(() => {
    const entries = take()
    busy = entries.length > 0
    if (busy) return commit(entries)
    return subscription.behind() ? patiently(subscription.fetch) : signal.wait
  })

  return {
    service,
    submit,
    run: Effect.forever(turn),
    lag: subscription.lag,
    healthy: () => pauseMs === 0,
    idle: () => !busy && inbox.length === 0 && fibersOf(fibers) === 0 && subscription.lag() === 0
  } satisfies Processor
})

const fibersOf = (fibers: FiberSet.FiberSet<void>): number =>
  fibers.state._tag === "Open" ? fibers.state.backing.size : 0

export type ProcessorNeeds = Bus | JournalStore | Ids | Scope.Scope
