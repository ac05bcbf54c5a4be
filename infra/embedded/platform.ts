/** The whole platform in one process, as a scope: what was started last stops first. */
import { Cause, Clock, Context, Effect, Fiber, Layer } from "effect"
import { Api, type ApiSettings } from "../../services/api/app.ts"
import { ensureDevelopmentKey } from "../../services/api/auth.ts"
import { makeBell } from "../../services/api/bell.ts"
import { lettersLayer } from "../../services/api/letters/store.ts"
import { opsStoreLayer } from "../../services/api/ops/store.ts"
import { Readiness } from "../../services/api/readiness.ts"
import { retentionLayer } from "../../services/api/retention.ts"
import { ApiServer } from "../../services/api/server.ts"
import { storeLayer } from "../../services/api/store.ts"
import { auditTrailLayer } from "../../services/audit/trail/service.ts"
import { gateway } from "../../services/gateway/index.ts"
import { measureRecovery, measureWebhook } from "../../services/metrics/metrics.ts"
import { Gauges, MetricsServer } from "../../services/metrics/server.ts"
import { DeadLetterAsks } from "../../shared/runtime/asks.ts"
import { embeddedBus } from "../../shared/runtime/bus/embedded.ts"
import { Commands } from "../../shared/runtime/commands.ts"
import { crashAt } from "../../shared/runtime/crashpoint.ts"
import { beginLife, CrashWatched, type Life } from "../../shared/runtime/crashwatch.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { postgresStoreFrom } from "../../shared/runtime/journal/postgres.ts"
import { logPruning } from "../../shared/runtime/journal/prune.ts"
import { both } from "../../shared/runtime/observer.ts"
import { Sql } from "../../shared/runtime/postgres.ts"
import { makeTimers } from "../../shared/runtime/timers.ts"
import { Webhooks } from "../../shared/runtime/webhooks.ts"
import { deskOf } from "../consistency/desk.ts"
import { consistencyLayer } from "../consistency/service.ts"
import type { Configuration } from "./configuration.ts"
import { decidersOf } from "./deciders.ts"
import { logging } from "./logging.ts"
import { makeProcessors, type Processors } from "./processors.ts"
import { monthsAhead, prepareDatabase } from "./schema.ts"

export interface Platform {
  readonly url: string
  readonly metricsUrl: string
  /** Ends only with the process's own end: a processor that dies takes the platform with it. */
  readonly run: Effect.Effect<never>
}

const DAY_MS = 86_400_000
/** How often health is read off the processors. */
const LOOK_EVERY_MS = 200

/** Commits still under way when the drain's time is over; a provider call that hangs is found by the next start. */
const COMMITS_MS = 2_000

export const platform = Effect.fnUntraced(function* (
  configuration: Configuration,
  databaseUrl: string,
  simulatorUrl: string | undefined,
  apiKey: string
) {
  const began = yield* Clock.currentTimeMillis
  const settings = yield* gateway.settings(simulatorUrl)
  const pool = yield* Layer.build(Sql.layerFrom({ url: databaseUrl, max: configuration.databasePool }))
  yield* Effect.provide(prepareDatabase, pool)
  const stores = Layer.mergeAll(
    Layer.succeedContext(pool),
    postgresStoreFrom({ url: databaseUrl }),
    Ids.layer,
    Readiness.layer,
    gateway.layers(settings),
    crashAt(configuration.crashAt)
  )
  const base = Layer.provideMerge(embeddedBus, stores)
  return yield* Effect.gen(function* () {
    yield* ensureDevelopmentKey(apiKey)
    yield* gateway.restore
    const readiness = yield* Readiness
    const bell = makeBell()
    const life = yield* beginLife("embedded")
    const processors = yield* makeProcessors(configuration, settings, both(logging, bell.observer)).pipe(
      Effect.provideService(CrashWatched, life)
    )
    const timers = yield* makeTimers()
    const looked = yield* timers.restart
    const behind = lagOf(processors)
    const loops = [...Object.values(processors).map(({ run }) => run), timers.run]
    const work = yield* Effect.forkScoped(Effect.all(loops, { concurrency: "unbounded", discard: true }))
    yield* Effect.forkScoped(watch(processors, readiness))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(DAY_MS), Effect.ignore(monthsAhead))))
    yield* Layer.build(Layer.mergeAll(retentionLayer, logPruning))
    const webhooks = yield* gateway.webhooks(settings, { submit: processors.gateway.submit, count: measureWebhook })
    yield* Effect.forkScoped(webhooks.run)
    const drain = { began: 0 }
    yield* Effect.addFinalizer(() => settled(processors, drain.began + configuration.drainMs))
    const desk = deskOf(decidersOf(configuration, settings), (service) => processors[service].memory)
    const consistency = yield* Layer.build(consistencyLayer(desk, databaseUrl, simulatorUrl))
    const trail = yield* Layer.build(auditTrailLayer(databaseUrl))
    const edge = Layer.provide(
      apiOf(processors, { tracing: configuration.tracing, bell, aloneSince: began }),
      Layer.succeed(Webhooks, { receive: webhooks.receive })
    )
    const api = yield* Effect.provide(Layer.build(edge), Context.merge(consistency, trail))
    yield* catchUp(processors, { began, behind, looked })
    const metrics = yield* Layer.build(metricsOf(processors))
    // What is added last ends first: from here on the drain's time runs.
    yield* Effect.addFinalizer(() => Effect.map(Clock.currentTimeMillis, (now) => void (drain.began = now)))
    readiness.enter("running")
    return {
      url: Context.get(api, ApiServer).url,
      metricsUrl: Context.get(metrics, MetricsServer).url,
      run: Effect.andThen(Effect.onError(Fiber.join(work), broken(life)), Effect.never)
    } satisfies Platform
  }).pipe(Effect.provide(base))
})

/** A defect that ends the process, in however good order, is an end to be counted. */
const broken = (life: Life) => (cause: Cause.Cause<never>) =>
  Effect.sync(() => {
    if (!Cause.hasInterruptsOnly(cause)) life.broke()
  })

/** Its health is told while the rest catches up; nothing else is taken before that. */
const apiOf = (processors: Processors, settings: ApiSettings) => {
  const commands = Layer.succeed(Commands, {
    payment: processors.payment.submit,
    wallet: processors.wallet.submit,
    saga: processors.saga.submit,
    gateway: processors.gateway.submit,
    audit: processors.audit.submit
  })
  return ApiServer.layer.pipe(
    Layer.provide(Api.layerFrom(settings)),
    Layer.provide(storeLayer),
    Layer.provide(opsStoreLayer),
    Layer.provide(commands),
    Layer.provide(lettersLayer),
    Layer.provide(DeadLetterAsks.layer)
  )
}

const metricsOf = (processors: Processors) =>
  MetricsServer.layer.pipe(
    Layer.provide(
      Layer.succeed(Gauges, {
        lag: () => Object.values(processors).map(({ service, lag }) => [service, lag()] as const),
        deadLetters: () =>
          Object.values(processors).map(({ service, deadLetters }) => [service, deadLetters()] as const)
      })
    )
  )

const watch = (processors: Processors, readiness: Readiness["Service"]) =>
  Effect.forever(
    Effect.andThen(
      Effect.sync(() => {
        for (const { service, healthy, lag } of Object.values(processors)) {
          readiness.report(service, { up: healthy(), detail: `${lag()} messages behind` })
        }
      }),
      Effect.sleep(LOOK_EVERY_MS)
    )
  )

const lagOf = (processors: Processors) => Object.values(processors).reduce((sum, { lag }) => sum + lag(), 0)

interface Start {
  /** ms; when the stores were first asked. */
  readonly began: number
  /** Records that were in the log, and streams that were open. */
  readonly behind: number
  readonly looked: number
}

/** How often a start looks whether it has caught up, and how often it tells of a store that keeps it from that. */
const CATCH_UP_MS = 5
const TELL_EVERY_MS = 10_000

/** Ready only when the log is read to where it stood, and everything unfinished has been looked at. */
const catchUp = (processors: Processors, { began, behind, looked }: Start) =>
  Effect.gen(function* () {
    for (let waited = 0; !Object.values(processors).every(({ caughtUp }) => caughtUp()); waited += CATCH_UP_MS) {
      if (waited > 0 && waited % TELL_EVERY_MS === 0) yield* Effect.logWarning(`${lagOf(processors)} messages behind`)
      yield* Effect.sleep(CATCH_UP_MS)
    }
    const took = ((yield* Clock.currentTimeMillis) - began) / 1000
    measureRecovery(took, behind)
    if (behind + looked > 0) yield* Effect.logInfo(`caught up in ${took} s: ${behind} messages, ${looked} open timers`)
  })

/** What is in flight has until the deadline (ms), commits a little longer; the rest is found by the next start. */
const settled = (processors: Processors, deadline: number) =>
  Effect.gen(function* () {
    for (;;) {
      const now = yield* Clock.currentTimeMillis
      const all = Object.values(processors)
      if (all.every(({ idle }) => idle())) return
      if (now >= deadline && (now >= deadline + COMMITS_MS || all.every(({ caughtUp }) => caughtUp()))) return
      yield* Effect.sleep(LOOK_EVERY_MS / 10)
    }
  })
