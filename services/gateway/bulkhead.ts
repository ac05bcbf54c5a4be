/**
 * How many calls of one provider may be under way, so that one that hangs takes no connection from the others; and how
 * soon after a rate limit it is charged again. Charges and everything else have places of their own: who asks what
 * became of a charge never waits for charges that hang. What does not fit waits, in order, and is no failure of the
 * provider's: a charge that waited too long was not sent.
 */
import { Clock, Effect, Fiber } from "effect"
import type { Provider } from "../../shared/contract/gateway.ts"

export interface BulkheadRules {
  /** Charges of one provider that may be under way; everything else has a quarter of that, and at least one. */
  readonly in_flight: number
  readonly wait_ms: number
}

export type Kind = "charge" | "other"

/** Whether a place was free at once. */
export type Entered = "at_once" | "after_waiting"

const OTHERS_SHARE = 4

type Waiter = (entered: boolean) => void

class Places {
  free: number
  /** In the order in which they came. */
  readonly waiting = new Set<Waiter>()

  constructor(free: number) {
    this.free = free
  }

  leave(): void {
    const [first] = this.waiting
    if (first === undefined) this.free++
    else if (this.waiting.delete(first)) first(true)
  }

  /** Whoever leaves hands over the place; whose time is over first goes without. */
  wait(wait_ms: number): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* (this: Places) {
      let mine: Waiter | undefined
      const expire = Effect.sync(() => {
        if (mine !== undefined && this.waiting.delete(mine)) mine(false)
      })
      const timer = yield* Effect.forkChild(Effect.andThen(Effect.sleep(wait_ms), expire))
      const entered = yield* Effect.callback<boolean>((resume) => {
        mine = (entered) => resume(Effect.succeed(entered))
        const waiter = mine
        this.waiting.add(waiter)
        return Effect.sync(() => this.waiting.delete(waiter))
      })
      yield* Fiber.interrupt(timer)
      return entered
    })
  }
}

export type Bulkhead = ReturnType<typeof makeBulkhead>

export const makeBulkhead = ({ in_flight, wait_ms }: BulkheadRules) => {
  const places = new Map<string, Places>()
  const paused = new Map<Provider, number>()
  const of = (provider: Provider, kind: Kind): Places => {
    const name = `${provider} ${kind}`
    const found = places.get(name)
    if (found !== undefined) return found
    const made = new Places(kind === "charge" ? in_flight : Math.max(1, Math.floor(in_flight / OTHERS_SHARE)))
    places.set(name, made)
    return made
  }
  return {
    /** The call, once there is a place for it; `full` after `wait_ms` without one. */
    admit: <A, R>(
      provider: Provider,
      kind: Kind,
      call: (entered: Entered) => Effect.Effect<A, never, R>,
      full: Effect.Effect<A, never, R>
    ): Effect.Effect<A, never, R> =>
      Effect.suspend(() => {
        const at = of(provider, kind)
        const inside = (entered: Entered) =>
          Effect.ensuring(
            call(entered),
            Effect.sync(() => at.leave())
          )
        if (at.free === 0)
          return Effect.flatMap(at.wait(wait_ms), (entered) => (entered ? inside("after_waiting") : full))
        at.free--
        return inside("at_once")
      }),
    /** The provider asked for a pause: no charge begins there before `until` (ms). */
    pause: (provider: Provider, until: number): void => {
      paused.set(provider, Math.max(until, paused.get(provider) ?? 0))
    },
    /** Waits out the provider's pause. */
    paced: (provider: Provider): Effect.Effect<void> =>
      Effect.suspend(() => {
        const until = paused.get(provider)
        if (until === undefined) return Effect.void
        return Effect.flatMap(Clock.currentTimeMillis, (now) => {
          if (now < until) return Effect.sleep(until - now)
          paused.delete(provider)
          return Effect.void
        })
      })
  }
}
