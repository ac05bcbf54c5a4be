/**
 * Virtual time. Nothing ever waits: when nobody can go on, the next moment at which anybody wants to is now. The wall
 * clock that programs read may be set (`jump`), what they wait for goes on as a monotonic clock does.
 */
import { type Clock, Duration, Effect } from "effect"

/** Any moment will do, as long as it is the same in every world. */
export const BEGINNING = Date.parse("2026-01-01T00:00:00.000Z")
const NANOS = 1_000_000n

interface Sleeper {
  readonly at: number
  readonly n: number
  wake: (() => void) | undefined
}

const earlier = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || (a.at === b.at && a.n < b.n)

export class VirtualTime {
  /** ms since the beginning, monotonic. */
  now = 0
  private offset = 0
  private count = 0
  private readonly heap: Array<Sleeper> = []

  /** What the programs believe it is. */
  wall(): number {
    return BEGINNING + this.now + this.offset
  }

  jump(ms: number): void {
    this.offset += ms
  }

  /** When, monotonic, the wall clock will show this. */
  whenWall(at: number): number {
    return at - BEGINNING - this.offset
  }

  /** Calls back in `ms`; what it returns takes that back. */
  after(ms: number, wake: () => void): () => void {
    const sleeper: Sleeper = { at: this.now + Math.max(0, ms), n: this.count++, wake }
    this.push(sleeper)
    return () => {
      sleeper.wake = undefined
    }
  }

  /** When somebody wants to be woken; undefined: nobody sleeps. */
  soonest(): number | undefined {
    while (this.heap.length > 0 && this.heap[0]?.wake === undefined) this.pop()
    return this.heap[0]?.at
  }

  /** Goes to the next moment and wakes one sleeper. */
  next(): boolean {
    if (this.soonest() === undefined) return false
    const { at, wake } = this.pop()
    this.now = Math.max(this.now, at)
    wake?.()
    return true
  }

  sleep(ms: number): Effect.Effect<void> {
    if (ms <= 0) return Effect.yieldNow
    if (ms === Number.POSITIVE_INFINITY) return Effect.never
    return Effect.callback<void>((resume) => {
      const undo = this.after(ms, () => resume(Effect.void))
      return Effect.sync(undo)
    })
  }

  readonly clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => this.wall(),
    currentTimeMillis: Effect.sync(() => this.wall()),
    currentTimeNanosUnsafe: () => BigInt(this.wall()) * NANOS,
    currentTimeNanos: Effect.sync(() => BigInt(this.wall()) * NANOS),
    monotonicTimeNanosUnsafe: () => BigInt(this.now) * NANOS,
    monotonicTimeNanos: Effect.sync(() => BigInt(this.now) * NANOS),
    sleep: (duration) => this.sleep(Math.ceil(Duration.toMillis(duration)))
  }

  private push(sleeper: Sleeper): void {
    const { heap } = this
    let at = heap.push(sleeper) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!earlier(sleeper, heap[parent] as Sleeper)) break
      heap[at] = heap[parent] as Sleeper
      at = parent
    }
    heap[at] = sleeper
  }

  private pop(): Sleeper {
    const { heap } = this
    const first = heap[0] as Sleeper
    const last = heap.pop() as Sleeper
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && earlier(heap[child + 1] as Sleeper, heap[child] as Sleeper)) child++
      if (!earlier(heap[child] as Sleeper, last)) break
      heap[at] = heap[child] as Sleeper
      at = child
    }
    heap[at] = last
    return first
  }
}
