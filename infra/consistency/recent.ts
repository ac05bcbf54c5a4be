/**
 * The periodic look: what the log says was touched since the last one, and a slice of everything else. It costs the
 * same however large the platform is; in many looks it has seen everything.
 */
import { Clock, Effect } from "effect"
import type { Desk } from "./desk.ts"
import { provider } from "./provider.ts"
import { atOneMoment, type Looked, type Verification } from "./run.ts"
import { heads, touched } from "./store.ts"
import { inspect, locate, peekAt } from "./streams.ts"
import { sums } from "./sums.ts"
import { Tour } from "./tour.ts"

/** Streams one look takes from the log at most; those it leaves out come with the slices. */
const TOUCHED_MAX = 1_000
/** Events or rows of the slice of one look. */
const SLICE_MAX = 5_000
/** Small, so that nobody waits behind a batch for longer than some milliseconds. */
const BATCH = 100
const STREAMS_AT_ONCE = 20
/** A stream with a snapshot of that version or later is folded from it on; its beginning comes with the slices. */
const LONG_FROM_VERSION = 500
/** Who asked for a look waits for it; by itself it takes its time, and makes room for whoever asks. */
export interface Pace {
  /** Of the time a batch took, the pause after it. */
  readonly pauseShare: number
  /** True: stop here, what is left comes with later looks. */
  readonly isOver: () => boolean
}

export class RecentLook {
  private readonly desk: Desk
  private readonly seen = new Map<number, number>()
  private tour: Tour | undefined

  constructor(desk: Desk) {
    this.desk = desk
  }

  look(run: Verification, pace: Pace): Looked {
    return Effect.gen({ self: this }, function* (this: RecentLook) {
      const placed = yield* locate(this.desk, yield* this.touched())
      for (let at = 0; at < placed.length; at += STREAMS_AT_ONCE) {
        if (pace.isOver()) return
        const part = placed.slice(at, at + STREAMS_AT_ONCE)
        const look = Effect.suspend(() => inspect(this.desk, part, peekAt(part), LONG_FROM_VERSION))
        run.add(yield* paced(atOneMoment(look), pace))
      }
      yield* Effect.tapError(this.slice(run, pace), () =>
        Effect.sync(() => {
          this.tour = undefined // A page that failed half-way is begun anew with its tour.
        })
      )
    })
  }

  private slice(run: Verification, pace: Pace): Looked {
    return Effect.gen({ self: this }, function* (this: RecentLook) {
      const tour = (this.tour ??= new Tour(this.desk))
      let read = 0
      while (!tour.done() && read < SLICE_MAX && !pace.isOver()) {
        const page = yield* paced(atOneMoment(tour.step(BATCH)), pace)
        run.add(page)
        read += Math.max(1, page.read)
      }
      if (!tour.done()) return
      this.tour = undefined
      for (const found of [...(yield* sums), ...(yield* provider)]) run.note(found)
    })
  }

  /** Where more was touched than one look takes: the latest of each partition. */
  private touched() {
    return Effect.gen({ self: this }, function* (this: RecentLook) {
      const tps = [...new Set(this.desk.books.flatMap(({ tps }) => tps))]
      const each = Math.ceil(TOUCHED_MAX / tps.length)
      const streams = new Set<string>()
      for (const { tp, next } of yield* heads(tps)) {
        const head = Number(next)
        const from = this.seen.get(tp) ?? head - each
        if (from >= head) continue
        for (const { stream } of yield* touched(tp, Math.max(0, from), each)) streams.add(stream)
        this.seen.set(tp, head)
      }
      return [...streams]
    })
  }
}

const paced = <A, E, R>(work: Effect.Effect<A, E, R>, { pauseShare }: Pace): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const done = yield* work
    yield* Effect.sleep(((yield* Clock.currentTimeMillis) - began) * pauseShare)
    return done
  })
