/** The whole platform in one process, as a scope: what was started last stops first. */
import { Clock, Context, Effect, Fiber, Layer } from "effect"
import { Api, type ApiSettings } from "../../services/api/app.ts"
import { ensureDevelopmentKey } from "../../services/api/auth.ts"
import { makeBell } from "../../services/api/bell.ts"
import { opsStoreLayer } from "../../services/api/ops/store.ts"
import { Readiness } from "../../services/api/readiness.ts"
import { retentionLayer } from "../../services/api/retention.ts"
import { ApiServer } from "../../services/api/server.ts"
import { storeLayer } from "../../services/api/store.ts"
import { gateway } from "../../services/gateway/index.ts"
import { measureRecovery } from "../../services/metrics/metrics.ts"
import { Gauges, MetricsServer } from "../../services/metrics/server.ts"
import { embeddedBus } from "../../shared/runtime/bus/embedded.ts"
import { Commands } from "../../shared/runtime/commands.ts"
import { crashAt } from "../../shared/runtime/crashpoint.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { postgresStoreFrom } from "../../shared/runtime/journal/postgres.ts"
import { both } from "../../shared/runtime/observer.ts"
import { Sql } from "../../shared/runtime/postgres.ts"
import { makeTimers } from "../../shared/runtime/timers.ts"
import type { Configuration } from "./configuration.ts"
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

/** What is in flight at the end has this long; the rest is found by the next start. */
const DRAIN_MS = 5_000

export const platform = Effect.fnUntraced(function* (
  configuration: Configuration,
  databaseUrl: string,
  simulatorUrl: string | undefined,
  apiKey: string
) {
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
    const processors = yield* makeProcessors(configuration, settings, both(logging, bell.observer))
    const timers = yield* makeTimers()
    const looked = yield* timers.restart
    const loops = [...Object.values(processors).map(({ run }) => run), timers.run]
    const work = yield* Effect.forkScoped(Effect.all(loops, { concurrency: "unbounded", discard: true }))
    yield* Effect.forkScoped(watch(processors, readiness))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(DAY_MS), Effect.ignore(monthsAhead))))
    yield* Layer.build(retentionLayer)
    yield* Effect.addFinalizer(() => settled(processors, DRAIN_MS))
    yield* catchUp(processors, looked)
    const servers = yield* Layer.build(serversOf(processors, { tracing: configuration.tracing, bell }))
    readiness.enter("running")
    return {
      url: Context.get(servers, ApiServer).url,
      metricsUrl: Context.get(servers, MetricsServer).url,
      run: Effect.andThen(Fiber.join(work), Effect.never)
    } satisfies Platform
  }).pipe(Effect.provide(base))
})

const serversOf = (processors: Processors, settings: ApiSettings) => {
  const commands = Layer.succeed(Commands, {
    payment: processors.payment.submit,
    wallet: processors.wallet.submit,
    saga: processors.saga.submit,
    gateway: processors.gateway.submit,
    audit: processors.audit.submit
  })
  const gauges = Layer.succeed(Gauges, {
    lag: () => Object.values(processors).map(({ service, lag }) => [service, lag()] as const),
    deadLetters: () => Object.values(processors).map(({ service, deadLetters }) => [service, deadLetters()] as const)
  })
  const api = ApiServer.layer.pipe(
    Layer.provide(Api.layerFrom(settings)),
    Layer.provide(storeLayer),
    Layer.provide(opsStoreLayer)
  )
  return Layer.mergeAll(api.pipe(Layer.provide(commands)), MetricsServer.layer.pipe(Layer.provide(gauges)))
}

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

/** Ready only when the log is read to where it stood, and everything unfinished has been looked at. */
const catchUp = (processors: Processors, looked: number) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const behind = Object.values(processors).reduce((sum, { lag }) => sum + lag(), 0)
    while (Object.values(processors).some(({ lag, healthy }) => lag() > 0 && healthy())) yield* Effect.sleep(5)
    const took = ((yield* Clock.currentTimeMillis) - began) / 1000
    measureRecovery(took, behind)
    if (behind + looked > 0) yield* Effect.logInfo(`caught up in ${took} s: ${behind} messages, ${looked} open timers`)
  })

const settled = (processors: Processors, withinMs: number) =>
  Effect.gen(function* () {
    for (let waited = 0; waited < withinMs; waited += LOOK_EVERY_MS / 10) {
      if (Object.values(processors).every(({ idle }) => idle())) return
      yield* Effect.sleep(LOOK_EVERY_MS / 10)
    }
  })
