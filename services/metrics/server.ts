/** `:9091/metrics`: Prometheus text, and nothing else. */
import { Config, Context, Effect, Layer } from "effect"
import { PrometheusMetrics } from "effect/observability"
import type { Service } from "../../shared/contract/envelope.ts"
import { declareMetrics, measureDeadLetters, measureLag } from "./metrics.ts"

/** What is read at the moment of a scrape instead of being counted. */
export class Gauges extends Context.Service<
  Gauges,
  {
    readonly lag: () => ReadonlyArray<readonly [Service, number]>
    readonly deadLetters: () => ReadonlyArray<readonly [Service, number]>
  }
>()("metrics/Gauges") {}

export class MetricsServer extends Context.Service<MetricsServer, { readonly url: string }>()("metrics/MetricsServer") {
  static readonly layer = Layer.effect(
    MetricsServer,
    Effect.gen(function* () {
      const hostname = yield* Config.String("HTTP_HOST").pipe(Config.withDefault("127.0.0.1"))
      const port = yield* Config.Int("METRICS_PORT").pipe(Config.withDefault(9091))
      const gauges = yield* Gauges
      declareMetrics()
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => Bun.serve({ hostname, port, fetch: (request) => scrape(request, gauges) })),
        (server) => Effect.promise(() => server.stop(true))
      )
      return { url: `http://${hostname}:${server.port}/metrics` }
    })
  )
}

const scrape = (request: Request, { lag, deadLetters }: Gauges["Service"]): Response => {
  if (new URL(request.url).pathname !== "/metrics") return new Response("see /metrics\n", { status: 404 })
  for (const [service, records] of lag()) measureLag(service, records)
  for (const [service, open] of deadLetters()) measureDeadLetters(service, open)
  const text = PrometheusMetrics.formatUnsafe(Context.empty())
  return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } })
}
