/**
 * Finds what ends the process again and again (CASES P112, RELIABILITY F10). After two unexplained ends in a row a life
 * is careful: what is in progress is marked in the store before it begins, so that the next life knows what was under
 * way at the end. What was under way at three ends is condemned, and becomes a dead letter of class crash.
 */
import { Clock, Context, Effect, Semaphore } from "effect"
import type { Service } from "../contract/envelope.ts"
import { query, Sql, type SqlFailure } from "./postgres.ts"

/** Unexplained ends in a row that make the next life careful. */
export const CAREFUL_AFTER_DEATHS = 2
/** Ends at one piece of work that condemn it. */
export const CRASH_DEATHS_MAX = 3
/** What was under way at so many ends is done alone, among its like, so that the next end tells which of them it is. */
const ALONE_AFTER_DEATHS = 2
/** A life this long is no loop: marks and counts are forgotten. */
export const CRASH_LOOP_WITHIN_MS = 60_000
/** Before work that was under way at an end is done again: 250 ms, doubled by each end. */
const PAUSE_MS = 250

export interface CrashWatch {
  /** True in a careful life: lanes take one record at a time, and mark it. */
  readonly careful: () => boolean
  /** Ends at the work of this unit, if they condemn it. */
  readonly condemned: (service: Service, unit: string) => number | undefined
  /** Marks the work before it begins and takes the mark away when it is done. */
  readonly marked: <A>(service: Service, unit: string, doing: string, work: Effect.Effect<A>) => Effect.Effect<A>
  /** The verdict is carried out. */
  readonly buried: (service: Service, unit: string) => Effect.Effect<void>
}

/** What a processor has that nobody watches: every piece of work is as good as another. */
export const unwatched: CrashWatch = {
  careful: () => false,
  condemned: () => undefined,
  marked: (_service, _unit, _doing, work) => work,
  buried: () => Effect.void
}

export const CrashWatched = Context.Reference<CrashWatch>("shared/CrashWatch", { defaultValue: () => unwatched })

interface Mark {
  readonly service: string
  readonly unit: string
  readonly doing: string
  readonly deaths: number
}

export interface Life extends CrashWatch {
  readonly deaths: number
  /** Something broke in this process: its end, though in order, is one more of these. */
  readonly broke: () => void
}

/** A life of `process`, begun now; its end in good order is recorded when the scope closes. */
export const beginLife = Effect.fnUntraced(function* (process: string) {
  const sql = yield* Sql
  const on = <A, E>(self: Effect.Effect<A, E, Sql>) => Effect.provideService(self, Sql, sql)
  const deaths = yield* begin(process)
  const marks = deaths === 0 ? [] : yield* marksOf(process)
  const watch = new Watch(process, deaths >= CAREFUL_AFTER_DEATHS, marks, on)
  yield* Effect.addFinalizer(() => (watch.broken ? Effect.void : tolerate(on(end(process)))))
  yield* Effect.forkScoped(Effect.andThen(Effect.sleep(CRASH_LOOP_WITHIN_MS), watch.survived))
  if (watch.careful()) yield* Effect.logWarning(`${deaths} ends without a word in a row: going on carefully`)
  return {
    deaths,
    broke: () => void (watch.broken = true),
    careful: () => watch.careful(),
    condemned: (service, unit) => watch.condemned(service, unit),
    marked: (service, unit, doing, work) => watch.marked(service, unit, doing, work),
    buried: (service, unit) => watch.buried(service, unit)
  } satisfies Life
})

type On = <A, E>(self: Effect.Effect<A, E, Sql>) => Effect.Effect<A, E>
const TOLERATED_MS = 1_000
/** A mark that cannot be written stops nobody: the store that refuses it refuses the work as well. */
const tolerate = (self: Effect.Effect<unknown, SqlFailure>): Effect.Effect<void> =>
  Effect.ignore(Effect.timeout(self, TOLERATED_MS))

class Watch {
  broken = false
  private readonly process: string
  private readonly on: On
  private isCareful: boolean
  private readonly deaths: Map<string, number>
  /** By unit: the most ends at any of its work. */
  private readonly verdicts = new Map<string, number>()
  private readonly alone = Semaphore.makeUnsafe(1)

  constructor(process: string, careful: boolean, marks: ReadonlyArray<Mark>, on: On) {
    this.process = process
    this.isCareful = careful
    this.on = on
    this.deaths = new Map(marks.map(({ service, unit, doing, deaths }) => [`${service}/${unit}/${doing}`, deaths]))
    for (const { service, unit, deaths } of marks)
      if (deaths >= CRASH_DEATHS_MAX) this.verdicts.set(`${service}/${unit}`, deaths)
  }

  careful(): boolean {
    return this.isCareful
  }
  condemned(service: Service, unit: string): number | undefined {
    return this.verdicts.size === 0 ? undefined : this.verdicts.get(`${service}/${unit}`)
  }

  marked<A>(service: Service, unit: string, doing: string, work: Effect.Effect<A>): Effect.Effect<A> {
    return Effect.suspend(() => {
      if (!this.isCareful) return work
      const deaths = this.deaths.get(`${service}/${unit}/${doing}`) ?? 0
      const done = Effect.sync(() => this.deaths.delete(`${service}/${unit}/${doing}`))
      const watched = Effect.gen({ self: this }, function* () {
        const now = yield* Clock.currentTimeMillis
        yield* tolerate(this.on(mark(this.process, service, unit, doing, now)))
        const result = yield* work
        yield* Effect.andThen(done, tolerate(this.on(unmark(this.process, service, unit, doing))))
        return result
      })
      if (deaths === 0) return watched
      const later = Effect.delay(watched, PAUSE_MS * 2 ** (deaths - 1))
      return deaths < ALONE_AFTER_DEATHS ? later : this.alone.withPermit(later)
    })
  }

  buried(service: Service, unit: string): Effect.Effect<void> {
    this.verdicts.delete(`${service}/${unit}`)
    return tolerate(this.on(forget(this.process, service, unit)))
  }

  readonly survived: Effect.Effect<void> = Effect.suspend(() => {
    this.isCareful = false
    this.verdicts.clear()
    return tolerate(this.on(lived(this.process)))
  })
}

const begin = (process: string) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const [life] = yield* query<{ deaths: number }>(
      (
        sql
      ) => sql`insert into bus.lives as l (process, started_at, ended_at, deaths) values (${process}, ${now}, null, 0)
        on conflict (process) do update set started_at = ${now}, ended_at = null,
          deaths = case when l.ended_at is null then l.deaths + 1 else 0 end
        returning deaths`
    )
    const deaths = life?.deaths ?? 0
    yield* query((sql) =>
      deaths === 0
        ? sql`delete from bus.in_progress where process = ${process}`
        : sql`update bus.in_progress set deaths = deaths + 1, active = false where process = ${process} and active`
    )
    return deaths
  })

const marksOf = (process: string) =>
  query<{ service: string; unit: string; doing: string; deaths: number }>(
    (sql) => sql`select service, unit, doing, deaths from bus.in_progress where process = ${process}`
  )
const mark = (process: string, service: string, unit: string, doing: string, now: number) =>
  query(
    (sql) => sql`insert into bus.in_progress (process, service, unit, doing, active, deaths, since)
      values (${process}, ${service}, ${unit}, ${doing}, true, 0, ${now})
      on conflict (process, service, unit, doing) do update set active = true, since = excluded.since`
  )
const unmark = (process: string, service: string, unit: string, doing: string) =>
  query(
    (sql) => sql`delete from bus.in_progress
      where process = ${process} and service = ${service} and unit = ${unit} and doing = ${doing}`
  )
const forget = (process: string, service: string, unit: string) =>
  query(
    (sql) => sql`delete from bus.in_progress where process = ${process} and service = ${service} and unit = ${unit}`
  )
const end = (process: string) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    query((sql) => sql`update bus.lives set ended_at = ${now}, deaths = 0 where process = ${process}`)
  )
const lived = (process: string) =>
  Effect.andThen(
    query((sql) => sql`update bus.lives set deaths = 0 where process = ${process}`),
    query((sql) => sql`delete from bus.in_progress where process = ${process}`)
  )
