/** The checks as a running platform has them: asked for at the edge, and by themselves at every interval. */
import { Config, Context, Effect, Layer, Option, Schema } from "effect"
import {
  inconsistenciesFound,
  inconsistenciesResolved,
  measureReplay,
  measureVerification
} from "../../services/metrics/metrics.ts"
import { Bus } from "../../shared/runtime/bus/bus.ts"
import { Consistency, type Report } from "../../shared/runtime/consistency.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { Sql } from "../../shared/runtime/postgres.ts"
import type { Desk } from "./desk.ts"
import { ProviderLedger, simulatorLedger } from "./provider.ts"
import { repair } from "./repair.ts"
import { refused, type Tally, Verifier } from "./verify.ts"

const Whole = (minimum: number) => Schema.NumberFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(minimum))

export const consistencySettings = Config.all({
  /** Events or rows of one batch. */
  batch: Config.schema(Whole(1), "CONSISTENCY_BATCH").pipe(Config.withDefault(1_000)),
  /** Between two periodic looks (ms); 0: none. */
  intervalMs: Config.schema(Whole(0), "CONSISTENCY_INTERVAL_MS").pipe(Config.withDefault(60_000))
})

/** Of its own, so that a long verification keeps no connection from a request. */
const CONNECTIONS = 2

const tally: Tally = {
  found: inconsistenciesFound,
  resolved: inconsistenciesResolved,
  verified: (report: Report) => measureVerification(report.started_at + report.duration_ms, report.total)
}

/** `simulatorUrl` absent: providers are live, and their ledger is not compared. */
export const consistencyLayer = (desk: Desk, databaseUrl: string, simulatorUrl: string | undefined) =>
  Layer.effect(
    Consistency,
    Effect.gen(function* () {
      const { batch, intervalMs } = yield* consistencySettings
      const bus = yield* Bus
      const ids = yield* Ids
      const connections = yield* Layer.build(
        Sql.layerFrom({ url: databaseUrl, max: CONNECTIONS, applicationName: "consistency" })
      )
      const context = Option.match(Option.fromUndefinedOr(simulatorUrl), {
        onNone: () => Context.add(connections, Ids, ids),
        onSome: (url) => Context.add(Context.add(connections, Ids, ids), ProviderLedger, simulatorLedger(url))
      })
      const verifier = new Verifier(desk, { batch }, tally)
      const of = { desk, verifier, replayed: measureReplay, committed: Effect.ignore(bus.refresh) }
      if (intervalMs > 0) yield* Effect.forkScoped(Effect.provide(periodically(verifier, intervalMs), context))
      return Consistency.of({
        last: () => verifier.last(),
        verify: (scope, streams) => Effect.provide(verifier.verify(scope, streams), context),
        repair: (request) =>
          verifier.inTurn(Effect.mapError(repair(of, request), refused)).pipe(Effect.provide(context))
      })
    })
  )

/** A store that is away is heard of elsewhere; what is wrong with the data is said here, each time it is seen. */
const periodically = (verifier: Verifier, intervalMs: number) =>
  Effect.forever(
    Effect.andThen(
      Effect.sleep(intervalMs),
      verifier.periodic.pipe(
        Effect.flatMap(({ total, inconsistencies }) =>
          total === 0
            ? Effect.void
            : Effect.logError(`${total} inconsistencies, the first: ${inconsistencies[0]?.detail ?? ""}`)
        ),
        Effect.catch(({ detail }) => Effect.logWarning(`verification failed: ${detail}`))
      )
    )
  )
