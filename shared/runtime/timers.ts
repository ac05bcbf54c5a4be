/**
 * Turns due timers into messages. One row a stream says when it wants to be woken; a firing travels through the log
 * like every other message, so it is delivered in order, once, and survives a crash (DECISIONS D6).
 */
import { Clock, Effect } from "effect"
import { tenantOf } from "../contract/codec.ts"
import type { Message, Service } from "../contract/envelope.ts"
import { topicOf } from "../contract/topics.ts"
import { Bus } from "./bus/bus.ts"
import { reach } from "./crashpoint.ts"
import { uuidv5 } from "./ids.ts"
import { JournalStore, type StoreFailure, type TimerRow } from "./journal/store.ts"
import { send } from "./sending.ts"

export interface TimerSettings {
  /** How often due timers are looked for (ms). */
  readonly pollMs: number
  /** Timers one poll fires at most. */
  readonly batchMax: number
}
export const defaultTimerSettings: TimerSettings = { pollMs: 100, batchMax: 500 }

type Kind = "due" | "restart"

/** The same firing has the same id, whoever fires it. */
const firing = (timer: TimerRow, kind: Kind, now: number): Message => {
  const service = topicOf(timer.tp).replace("-commands", "") as Service
  return {
    id: uuidv5(timer.stream, `${kind}/${timer.due_at}`),
    type: "TimerFired",
    subject: timer.stream,
    time: now,
    tenant: tenantOf(timer.partitionkey),
    partitionkey: timer.partitionkey,
    correlationid: timer.correlationid,
    causationid: timer.stream,
    actor: `service:${service}`,
    schema: 1,
    data: { kind, due_at: timer.due_at }
  }
}

export const makeTimers = Effect.fnUntraced(function* (settings: TimerSettings = defaultTimerSettings) {
  const bus = yield* Bus
  const stores = yield* JournalStore
  const store = yield* stores.open("timers")

  const fire = Effect.fnUntraced(function* (timers: ReadonlyArray<TimerRow>, kind: Kind) {
    if (timers.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const messages = timers.map((timer) => ({ message: firing(timer, kind, now), tp: timer.tp }))
    yield* reach("timers.before-fire")
    yield* Effect.provideService(send(store, "saga", messages, { fired: timers }), Bus, bus)
  })

  /** Fires what is due now; true where there may be more. */
  const sweep = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const due = yield* store.due(now, settings.batchMax)
    yield* fire(due, "due")
    return due.length === settings.batchMax
  })

  /**
   * At the start of a process: everything unfinished is looked at once, whenever it would be due. Before the processors
   * run, because they arm the same rows again.
   */
  const restart: Effect.Effect<number, StoreFailure> = Effect.gen(function* () {
    let fired = 0
    for (;;) {
      const open = yield* store.due(Number.MAX_SAFE_INTEGER, settings.batchMax)
      yield* fire(open, "restart")
      fired += open.length
      if (open.length < settings.batchMax) return fired
    }
  })

  /**
   * Another instance that fired the same timer, or a store that is away: the next poll looks again. If only the answer
   * was lost, the bus has to look for what was written.
   */
  const run: Effect.Effect<never> = Effect.forever(
    Effect.flatMap(
      Effect.catch(sweep, () => Effect.as(Effect.ignore(bus.refresh), false)),
      (more) => (more ? Effect.void : Effect.sleep(settings.pollMs))
    )
  )
  return { run, restart, sweep }
})
