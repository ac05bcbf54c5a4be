/**
 * Waiting for payments to end. One query asks for all that are waited for, only while somebody waits: at 256 waiting
 * clients that is one query where each client asking for itself would be 256. Where the payments end in this process, a
 * bell names those that have, and only they are asked for; the rounds go on, rarely, for what another process commits.
 */
import { Clock, Effect, type Scope } from "effect"
import { makeSignal } from "../../shared/runtime/signal.ts"
import type { Bell } from "./bell.ts"
import type { PaymentRecord, Store, StoreUnavailable } from "./records.ts"

/** A payment of the embedded platform takes some 10 ms without its provider; asking more often only costs. */
const ASK_EVERY_MS = 4
/** With a bell; it is also how late a client may hear that his time is over. */
const ASK_EVERY_WITH_BELL_MS = 50
/** A store that does not answer must not keep clients beyond their time. */
const ASK_TIMEOUT_MS = 1_000
const ASK_AGAIN_AFTER_FAILURE_MS = 100
/** Whoever comes on top is answered at once, with a payment that has not ended. */
const WAITING_MAX = 20_000

/** `undefined`: not ended in time. `"at provider"`: only for those who asked for it. */
export type Awaited<R = PaymentRecord> = R | "at provider" | undefined

/** Of payments, or of anything else that has an id and an end. */
export interface Waits<R> {
  /** Until it has ended or the deadline (ms since the epoch) is reached. */
  readonly ended: (id: string, deadline: number) => Effect.Effect<R | undefined>
  /** The same, or until a provider may have the money: a cancellation is decided then. */
  readonly decided: (id: string, deadline: number) => Effect.Effect<Awaited<R>>
  /** Lets all go that wait, as not ended, and nobody wait any more. */
  readonly release: () => void
}
export type Wait = Waits<PaymentRecord>

interface Named {
  readonly id: string
}

interface Waiter<R> {
  readonly id: string
  readonly deadline: number
  readonly orAtProvider: boolean
  readonly done: (result: Awaited<R>) => void
}

interface Asked<R> extends Pick<Store["Service"], "atProvider"> {
  readonly ended: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<R>, StoreUnavailable>
}

export const makeWait = <R extends Named>(store: Asked<R>, bell?: Bell): Effect.Effect<Waits<R>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const waiting = new Waiting<R>()
    if (bell !== undefined) {
      bell.listen((id) => waiting.ring(id))
      const rung = Effect.andThen(
        waiting.bell.wait,
        asked(waiting, () => endedOf(store, waiting, waiting.rung()))
      )
      yield* Effect.forkScoped(Effect.forever(rung))
    }
    yield* Effect.forkScoped(Effect.forever(round(store, waiting, bell !== undefined)))
    return {
      ended: (id, deadline) =>
        Effect.map(waiting.join(id, deadline, false), (result) => (result === "at provider" ? undefined : result)),
      decided: (id, deadline) => waiting.join(id, deadline, true),
      release: () => waiting.release()
    }
  })

/** Who cancels hears of a provider's part in the rounds alone, so they are quick while somebody does. */
const round = <R extends Named>(store: Asked<R>, waiting: Waiting<R>, belled: boolean) =>
  waiting.somebody.pipe(
    Effect.flatMap(() => Effect.sleep(belled && !waiting.isUndecided() ? ASK_EVERY_WITH_BELL_MS : ASK_EVERY_MS)),
    Effect.andThen(asked(waiting, () => ask(store, waiting))),
    Effect.andThen(Effect.map(Clock.currentTimeMillis, (now) => waiting.expire(now)))
  )

const asked = <R, E>(waiting: Waiting<R>, question: () => Effect.Effect<void, E>) =>
  Effect.suspend(question).pipe(
    Effect.timeout(ASK_TIMEOUT_MS),
    Effect.tap(() => waiting.answered()),
    Effect.catchCause((cause) =>
      Effect.andThen(
        waiting.unanswered() ? Effect.logWarning("cannot ask for the end of payments", cause) : Effect.void,
        Effect.sleep(ASK_AGAIN_AFTER_FAILURE_MS)
      )
    )
  )

const endedOf = <R extends Named>(store: Asked<R>, waiting: Waiting<R>, ids: ReadonlyArray<string>) =>
  Effect.map(store.ended(ids), (records) => {
    for (const record of records) waiting.end(record.id, record, false)
  })

const ask = <R extends Named>(store: Asked<R>, waiting: Waiting<R>) =>
  Effect.gen(function* () {
    yield* endedOf(store, waiting, waiting.ids())
    const undecided = waiting.idsOfUndecided()
    if (undecided.length === 0) return
    for (const id of yield* store.atProvider(undecided)) waiting.end(id, "at provider", true)
  })

class Waiting<R> {
  readonly bell = makeSignal()
  private rings = new Set<string>()
  private readonly byPayment = new Map<string, Set<Waiter<R>>>()
  private count = 0
  private undecided = 0
  private released = false
  private wake: (() => void) | undefined
  private away = false

  /** Returns when at least one waits. */
  readonly somebody = Effect.callback<void>((resume) => {
    if (this.count > 0) return resume(Effect.void)
    this.wake = () => resume(Effect.void)
  })

  join(id: string, deadline: number, orAtProvider: boolean): Effect.Effect<Awaited<R>> {
    return Effect.callback<Awaited<R>>((resume) => {
      if (this.released || this.count >= WAITING_MAX) return resume(Effect.succeed(undefined))
      const waiter = { id, deadline, orAtProvider, done: (result: Awaited<R>) => resume(Effect.succeed(result)) }
      this.add(waiter)
      return Effect.sync(() => this.remove(waiter))
    })
  }

  private add(waiter: Waiter<R>): void {
    const others = this.byPayment.get(waiter.id)
    if (others === undefined) this.byPayment.set(waiter.id, new Set([waiter]))
    else others.add(waiter)
    this.count++
    if (waiter.orAtProvider) this.undecided++
    const wake = this.wake
    this.wake = undefined
    wake?.()
  }

  private remove(waiter: Waiter<R>): void {
    const same = this.byPayment.get(waiter.id)
    if (same?.delete(waiter) !== true) return
    if (same.size === 0) this.byPayment.delete(waiter.id)
    this.count--
    if (waiter.orAtProvider) this.undecided--
  }

  ring(id: string): void {
    if (!this.byPayment.has(id)) return
    this.rings.add(id)
    this.bell.raise()
  }

  rung(): ReadonlyArray<string> {
    const rings = [...this.rings]
    this.rings = new Set()
    return rings
  }

  isUndecided(): boolean {
    return this.undecided > 0
  }

  /** A store that is away is told of once, not ten times a second. */
  unanswered(): boolean {
    const first = !this.away
    this.away = true
    return first
  }

  answered(): Effect.Effect<void> {
    this.away = false
    return Effect.void
  }

  ids(): ReadonlyArray<string> {
    return [...this.byPayment.keys()]
  }

  idsOfUndecided(): ReadonlyArray<string> {
    if (this.undecided === 0) return []
    return this.ids().filter((id) => [...(this.byPayment.get(id) ?? [])].some(({ orAtProvider }) => orAtProvider))
  }

  end(id: string, result: Awaited<R>, onlyUndecided: boolean): void {
    this.finish(
      id,
      () => result,
      ({ orAtProvider }) => orAtProvider || !onlyUndecided
    )
  }

  expire(now: number): void {
    for (const id of this.byPayment.keys())
      this.finish(
        id,
        () => undefined,
        ({ deadline }) => deadline <= now
      )
  }

  release(): void {
    this.released = true
    for (const id of this.byPayment.keys())
      this.finish(
        id,
        () => undefined,
        () => true
      )
  }

  private finish(id: string, result: () => Awaited<R>, which: (waiter: Waiter<R>) => boolean): void {
    for (const waiter of this.byPayment.get(id) ?? []) {
      if (!which(waiter)) continue
      this.remove(waiter)
      waiter.done(result())
    }
  }
}
