/**
 * Turns due timers into messages. One row a stream says when it wants to be woken; a firing travels through the log
 * like every other message, so it is delivered in order, once, and survives a crash (DECISIONS D6).
 */
import { Clock, Effect, Option, Result } from "effect"
import { tenantOf } from "../contract/codec.ts"
import type { Message, Service } from "../contract/envelope.ts"
import { commandTopic, type TimerFired } from "../contract/timer.ts"
import { type Topic, topicOf, topicPartitions } from "../contract/topics.ts"
import { Bus } from "./bus/bus.ts"
import { reach } from "./crashpoint.ts"
import { uuidv5 } from "./ids.ts"
import { JournalStore, type Store, type StoreFailure, type TimerRow } from "./journal/store.ts"
import { send } from "./sending.ts"

export interface TimerSettings {
  /** How often due timers are looked for (ms). */
  readonly pollMs: number
  /** Timers one poll fires at most. */
  readonly batchMax: number
}
export const defaultTimerSettings: TimerSettings = { pollMs: 100, batchMax: 500 }

type Kind = "due" | "restart"

const serviceOf = (tp: number): Service => topicOf(tp).replace("-commands", "") as Service

/** Where firings travel. */
const PARTITIONS = Object.values(commandTopic).flatMap(topicPartitions)
/** Each lost race is another instance's progress, so a few are enough. */
const RACES_MAX = 100
/** Records one read of unheard firings brings (MISSION 10.5). */
const READ_MAX = 1_000

/**
 * One firing, one id. The row that goes in the same write keeps two instances from firing it twice, so the id tells the
 * firings of one deadline apart: two restarts may find the same one armed, and both must be heard.
 */
const firing = (timer: TimerRow, kind: Kind, now: number): Message => {
  const service = serviceOf(timer.tp)
  return {
    id: uuidv5(timer.stream, `${kind}/${timer.due_at}/${now}`),
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

const kindOf = ({ data }: Message): Kind => (data as TimerFired["data"]).kind
const rowOf = (message: Message, tp: number): TimerRow => {
  const { subject: stream, partitionkey, correlationid, data } = message
  return { stream, tp, due_at: (data as TimerFired["data"]).due_at, partitionkey, correlationid }
}

/**
 * Deadlines that had fired when the last process died, and were not heard: their rows are gone, so the scan of rows
 * misses them, and the firing itself says nothing of a restart.
 */
const unheardIn = (store: Store) =>
  Effect.gen(function* () {
    const heads = yield* store.heads(PARTITIONS)
    const found = new Map<string, TimerRow>()
    for (const [service, topic] of Object.entries(commandTopic) as ReadonlyArray<[Service, Topic]>) {
      for (const [tp, from] of yield* store.offsets(service, topicPartitions(topic))) {
        for (let off = from; off < (heads.get(tp) ?? 0); off += READ_MAX) {
          for (const { message } of yield* store.read(tp, off, READ_MAX)) {
            if (message?.type === "TimerFired" && kindOf(message) === "due") {
              found.set(message.subject, rowOf(message, tp))
            }
          }
        }
      }
    }
    return [...found.values()]
  })

export const makeTimers = Effect.fnUntraced(function* (settings: TimerSettings = defaultTimerSettings) {
  const bus = yield* Bus
  const stores = yield* JournalStore
  const store = yield* stores.open("timers")

  /** `rows`: the timers still have theirs, which go in the same write. */
  const fire = Effect.fnUntraced(function* (timers: ReadonlyArray<TimerRow>, kind: Kind, rows = true) {
    if (timers.length === 0) return
    const now = yield* Clock.currentTimeMillis
    const messages = timers.map((timer) => ({ message: firing(timer, kind, now), tp: timer.tp }))
    yield* reach("timers.before-fire")
    yield* send({ store, bus }, "saga", messages, { fired: rows ? timers : [] })
    yield* reach("timers.after-fire")
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
    const waiting = yield* unheardIn(store)
    for (let i = 0; i < waiting.length; i += settings.batchMax) {
      yield* fire(waiting.slice(i, i + settings.batchMax), "restart", false)
    }
    let fired = waiting.length
    for (let races = 0; ; ) {
      const open = yield* store.due(Number.MAX_SAFE_INTEGER, settings.batchMax)
      const failure = Result.getFailure(yield* Effect.result(fire(open, "restart")))
      if (Option.isSome(failure)) {
        // An instance that starts at the same moment has fired some of these rows: what it left is looked at again.
        if (failure.value._tag !== "Conflict" || ++races > RACES_MAX) return yield* failure.value
        continue
      }
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
