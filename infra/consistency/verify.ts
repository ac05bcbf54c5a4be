/**
 * One verification at a time. What is found is looked at a second time before it is told, and what was told is looked
 * at again each time: so it is also known when it is mended.
 */
import { Clock, Effect, Semaphore } from "effect"
import {
  type Checked,
  type Inconsistency,
  LISTED_MAX,
  NotVerified,
  type Report,
  type Scope
} from "../../shared/runtime/consistency.ts"
import type { Sql } from "../../shared/runtime/postgres.ts"
import type { Desk } from "./desk.ts"
import { type Found, identityOf } from "./finding.ts"
import { provider } from "./provider.ts"
import { type Pace, RecentLook } from "./recent.ts"
import { atOneMoment, type Looked, Verification } from "./run.ts"
import { secondLook } from "./second.ts"
import type { Asked } from "./store.ts"
import { familiesOf, inspect, locate, peekAt, rowsNaming } from "./streams.ts"
import { sums } from "./sums.ts"
import { Tour } from "./tour.ts"

export interface VerifySettings {
  /** Events or rows of one batch of a full verification. */
  readonly batch: number
}

/** What is told to whoever counts. */
export interface Tally {
  readonly found: (count: number) => void
  readonly resolved: (count: number) => void
  readonly verified: (report: Report) => void
}

/** Verifications that may wait for the one that runs. */
const WAITING_MAX = 8
/** Of the time a batch took, the pause after it: the payment path goes on meanwhile. */
const ASKED_PAUSE_SHARE = 0.5
const PERIODIC_PAUSE_SHARE = 9
const STREAMS_AT_ONCE = 200
const LOG_EVERY_EVENTS = 100_000

const ASKED: Pace = { pauseShare: ASKED_PAUSE_SHARE, isOver: () => false }

export class Verifier {
  private readonly desk: Desk
  private readonly settings: VerifySettings
  private readonly tally: Tally
  private readonly turn: Semaphore.Semaphore
  private readonly recent: RecentLook
  private known: ReadonlyMap<string, Found> = new Map()
  /** Verifications and repairs that run or wait. */
  private present = 0
  private latest: Report | undefined

  constructor(desk: Desk, settings: VerifySettings, tally: Tally) {
    this.desk = desk
    this.settings = settings
    this.tally = tally
    this.turn = Semaphore.makeUnsafe(1)
    this.recent = new RecentLook(desk)
  }

  last(): Report | undefined {
    return this.latest
  }

  /** What is known to be wrong. */
  open(): ReadonlyArray<Found> {
    return [...this.known.values()]
  }

  /** Alone: nothing else is verified or mended meanwhile. */
  inTurn<A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E | NotVerified, R> {
    return Effect.suspend((): Effect.Effect<A, E | NotVerified, R> => {
      if (this.present > WAITING_MAX) return new NotVerified({ detail: `${WAITING_MAX} verifications wait already` })
      this.present++
      return Effect.ensuring(
        this.turn.withPermit(work),
        Effect.sync(() => this.present--)
      )
    })
  }

  verify(scope: Scope, streams: ReadonlyArray<string> = []): Effect.Effect<Report, NotVerified, Sql> {
    return this.inTurn(Effect.mapError(this.look(scope, streams), (error) => refused(error)))
  }

  /** By itself: slowly, and no longer than until somebody asks for something. */
  readonly periodic: Effect.Effect<Report, NotVerified, Sql> = Effect.suspend(() => {
    const pace = { pauseShare: PERIODIC_PAUSE_SHARE, isOver: () => this.present > 1 }
    return this.inTurn(Effect.mapError(this.look("recent", [], pace), (error) => refused(error)))
  })

  /** For whoever has the turn already. */
  readonly look = Effect.fnUntraced(
    { self: this },
    function* (this: Verifier, scope: Scope, streams: ReadonlyArray<string>, pace: Pace = ASKED) {
      const began = yield* Clock.currentTimeMillis
      const run = new Verification()
      const named = familiesOf(streams)
      if (scope === "full") yield* this.everything(run)
      else if (scope === "recent") yield* this.recent.look(run, pace)
      else yield* this.named(run, named)
      const confirmed = yield* this.settle(run)
      const duration_ms = (yield* Clock.currentTimeMillis) - began
      const among = new Set([...named, ...streams])
      const told = scope === "streams" ? confirmed.filter(({ stream }) => among.has(stream)) : confirmed
      const report: Report = {
        scope,
        started_at: began,
        duration_ms,
        checked: run.counts satisfies Checked,
        total: told.length + run.beyond,
        inconsistencies: told.slice(0, LISTED_MAX).map(publicOf)
      }
      if (scope !== "streams") this.latest = report
      this.tally.verified(report)
      return report
    }
  )

  private everything(run: Verification): Looked {
    return Effect.gen({ self: this }, function* (this: Verifier) {
      const tour = new Tour(this.desk)
      let logged = 0
      while (!tour.done()) {
        const began = yield* Clock.currentTimeMillis
        run.add(yield* atOneMoment(tour.step(this.settings.batch)))
        if (run.counts.events - logged >= LOG_EVERY_EVENTS) {
          logged = run.counts.events
          yield* Effect.logInfo(`verification: ${run.counts.streams} streams, ${logged} events so far`)
        }
        yield* Effect.sleep(((yield* Clock.currentTimeMillis) - began) * ASKED_PAUSE_SHARE)
      }
      for (const found of [...(yield* sums), ...(yield* provider)]) run.note(found)
    })
  }

  private named(run: Verification, streams: ReadonlyArray<string>): Asked<void> {
    return Effect.gen({ self: this }, function* (this: Verifier) {
      const placed = yield* locate(this.desk, streams)
      for (let at = 0; at < placed.length; at += STREAMS_AT_ONCE) {
        const part = placed.slice(at, at + STREAMS_AT_ONCE)
        run.add(yield* atOneMoment(inspect(this.desk, part, peekAt(part))))
      }
      for (const source of this.desk.sources)
        for (const found of yield* atOneMoment(rowsNaming(this.desk, source, streams))) run.note(found)
    })
  }

  /** What was found now, and what was known before, as a second look finds it. */
  private settle(run: Verification) {
    return Effect.gen({ self: this }, function* (this: Verifier) {
      const candidates = new Map([...this.known, ...run.findings])
      const confirmed = yield* secondLook(this.desk, [...candidates.values()], [...run.unsettled])
      const known = new Map(confirmed.map((found) => [identityOf(found), found]))
      const before = this.known
      this.known = known
      this.tally.found([...known.keys()].filter((key) => !before.has(key)).length)
      this.tally.resolved([...before.keys()].filter((key) => !known.has(key)).length)
      return confirmed
    })
  }
}

export const refused = (error: { readonly _tag: string; readonly message?: string }): NotVerified =>
  error instanceof NotVerified ? error : new NotVerified({ detail: `${error._tag} ${error.message ?? ""}`.trim() })

export const publicOf = ({ pass: _, change: __, cells: ___, ...told }: Found): Inconsistency => told
