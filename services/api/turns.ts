/**
 * How many requests of one user are worked on at once while others are about. A hot wallet's five hundred clients would
 * otherwise stand before everybody else in each of a payment's ten commits; so they stand at the door, in the order in
 * which they came (P56). Alone, a user may have the whole machine.
 */
import { Clock, Effect } from "effect"

export type InTurn = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

export interface Turns {
  /** Runs an effect when it is the key's turn. */
  readonly of: (key: string) => InTurn
}

/** More than fills the batches of a payment's commits only lengthens the queues inside. */
const AT_ONCE_MAX = 32
/** So long after the last request of somebody else a user counts as alone again. */
const ALONE_AFTER_MS = 1_000

interface Place {
  granted: boolean
  readonly enter: () => void
}

interface Line {
  running: number
  readonly waiting: Set<Place>
}

export const makeTurns = (atOnceMax = AT_ONCE_MAX): Effect.Effect<Turns> =>
  Effect.map(Clock.Clock, (clock) => {
    const doors = new Doors(atOnceMax, () => clock.currentTimeMillisUnsafe())
    const of =
      (key: string): InTurn =>
      (effect) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.andThen(
            restore(doors.enter(key)),
            Effect.ensuring(
              restore(effect),
              Effect.sync(() => doors.leave(key))
            )
          )
        )
    return { of }
  })

class Doors {
  private readonly lines = new Map<string, Line>()
  private readonly atOnceMax: number
  private readonly now: () => number
  private sharedAt = Number.NEGATIVE_INFINITY

  constructor(atOnceMax: number, now: () => number) {
    this.atOnceMax = atOnceMax
    this.now = now
  }

  enter(key: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const line = this.lines.get(key) ?? { running: 0, waiting: new Set() }
      this.lines.set(key, line)
      if (line.waiting.size === 0 && this.hasRoom(line)) {
        line.running++
        return Effect.void
      }
      return Effect.callback<void>((resume) => {
        const place = { granted: false, enter: () => resume(Effect.void) }
        line.waiting.add(place)
        return Effect.sync(() => (place.granted ? this.leave(key) : this.giveUp(key, place)))
      })
    })
  }

  leave(key: string): void {
    const line = this.lines.get(key) as Line
    line.running--
    for (const place of line.waiting) {
      if (!this.hasRoom(line)) break
      line.waiting.delete(place)
      line.running++
      place.granted = true
      place.enter()
    }
    if (line.running === 0) this.lines.delete(key)
  }

  private giveUp(key: string, place: Place): void {
    this.lines.get(key)?.waiting.delete(place)
  }

  /** While one of a line runs its end lets others in, so nobody waits at a door behind which there is nobody. */
  private hasRoom({ running }: Line): boolean {
    if (running < this.atOnceMax) return true
    const now = this.now()
    if (this.lines.size > 1) this.sharedAt = now
    return now - this.sharedAt >= ALONE_AFTER_MS
  }
}
