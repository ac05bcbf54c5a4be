/**
 * Turns `{decider, topics, store, bus}` into a running service: take a batch of what is there, commit it, hand it over,
 * run its effects. One commit is in flight at a time and the next batch starts when it is done: no timer, no linger.
 */
import { Effect, FiberSet, Semaphore } from "effect"
import type { Fact, Message, Service } from "../contract/envelope.ts"
import type { Topic } from "../contract/topics.ts"
import { Bus } from "./bus/bus.ts"
import type { Submit } from "./commands.ts"
import { CrashWatched } from "./crashwatch.ts"
import { defaultRedriveSettings, type RedriveSettings } from "./deadletter-classes.ts"
import type { Decider } from "./decider.ts"
import { Ids } from "./ids.ts"
import { type JournalSettings, type Memory, makeJournal } from "./journal/journal.ts"
import { JournalStore } from "./journal/store.ts"
import { Lane } from "./lane.ts"
import { type Observer, silent } from "./observer.ts"
import { Parking } from "./parking.ts"
import { makeSignal } from "./signal.ts"

export interface Bounds {
  /**
   * Messages in one commit: a quarter to a half of the payments in flight is best (measured; larger ones form
   * convoys).
   */
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
  /** What it follows from, where that is not the effect's own cause. */
  readonly cause?: Message | undefined
}

export interface Definition<State, E extends Fact, Eff> {
  readonly decider: Decider<State, E, Eff>
  readonly topics: ReadonlyArray<Topic>
  /** Runs after the commit that recorded the intent. Never fails: a failure is an outcome like others. */
  readonly perform?: (effect: Eff, cause: Message) => Effect.Effect<ReadonlyArray<Local>>
  readonly bounds?: Bounds
  readonly journal?: JournalSettings
  readonly observer?: Observer
  readonly redrive?: RedriveSettings
}

export interface Processor {
  readonly service: Service
  readonly submit: Submit
  /** Works until it is interrupted; a defect in it is the process's end. */
  readonly run: Effect.Effect<never>
  /** Records of the log this service has not taken yet. */
  readonly lag: () => number
  /** Dead letters that wait for somebody, or for their time. */
  readonly deadLetters: () => number
  /** False while the store refuses work. */
  readonly healthy: () => boolean
  /** True when nothing is waiting, in commit or in effect. */
  readonly idle: () => boolean
  /** True when nothing is waiting or in commit; calls may be under way. */
  readonly caughtUp: () => boolean
  readonly memory: Memory
}

export const makeProcessor = Effect.fnUntraced(function* <State, E extends Fact, Eff = never>(
  definition: Definition<State, E, Eff>
) {
  const { decider, topics, bounds = defaultBounds, observer = silent, perform = () => Effect.succeed([]) } = definition
  const { service, route } = decider
  const stores = yield* JournalStore
  const bus = yield* Bus
  const store = yield* stores.open(service)
  const journal = yield* makeJournal(decider, store, definition.journal)
  const signal = makeSignal()
  const ids = yield* Ids
  const { redrive = defaultRedriveSettings } = definition
  const parking = new Parking(service, redrive, ids.next, yield* store.units(service))
  const lane = new Lane<Eff>({
    service,
    route,
    perform,
    effectful: definition.perform !== undefined,
    bounds,
    observer,
    journal,
    signal,
    ids,
    store,
    publish: bus.publish,
    refresh: bus.refresh,
    subscription: yield* bus.subscribe(service, topics, signal),
    parking,
    crash: yield* CrashWatched,
    fibers: yield* FiberSet.make<void>(),
    permits: yield* Semaphore.make(bounds.effectsMax)
  })
  return {
    service,
    submit: (submission) => lane.submit(submission),
    run: Effect.forever(lane.turn),
    lag: () => lane.lag(),
    deadLetters: () => parking.open(),
    healthy: () => lane.healthy(),
    idle: () => lane.idle(),
    caughtUp: () => lane.caughtUp(),
    memory: journal.memory
  } satisfies Processor
})
