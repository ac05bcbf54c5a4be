/**
 * Serves the app with Bun. On the way down: readiness and new requests get 503, streams end, what is in flight is
 * answered (who waits for a payment is given DRAIN_MS, then what there is), and only then the listener and the
 * connections go.
 */
import { Config, Context, Effect, Layer } from "effect"
import { Api } from "./app.ts"
import { Readiness } from "./readiness.ts"

export class ApiServer extends Context.Service<ApiServer, { readonly url: string; readonly port: number }>()(
  "api/ApiServer"
) {
  static readonly layer = Layer.effect(
    ApiServer,
    Effect.gen(function* () {
      const hostname = yield* Config.String("HTTP_HOST").pipe(Config.withDefault("127.0.0.1"))
      const port = yield* Config.Int("HTTP_PORT").pipe(Config.withDefault(8080))
      // What is in flight, and those who wait for a payment, have this long once the process is told to stop.
      const drainMs = yield* Config.Int("DRAIN_MS").pipe(Config.withDefault(5_000))
      const api = yield* Api
      const readiness = yield* Readiness
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => listen(api, hostname, port)),
        (server) => drain(api, readiness, server, drainMs)
      )
      return { url: `http://${hostname}:${server.port}`, port: server.port ?? port }
    })
  )
}

/** Longer than the longest wait of a client, so that the server never hangs up first. */
const IDLE_TIMEOUT_S = 60
/** The app answers 413 itself, from 64 KiB on; this only bounds what the runtime would take in. */
const BODY_MAX_BYTES = 16 * 1024 * 1024

const listen = (api: Api["Service"], hostname: string, port: number) =>
  Bun.serve({
    hostname,
    port,
    idleTimeout: IDLE_TIMEOUT_S,
    maxRequestBodySize: BODY_MAX_BYTES,
    development: false,
    fetch: (request) => api.fetch(request)
  })

const LOOK_EVERY_MS = 10
const ANSWERS_MS = 5_000
/** A client that reads no more keeps nobody. */
const LAST_BYTES_MS = 1_000

/** The listener stays open while something is in flight: a balancer reads 503, not a refused connection. */
const drain = (
  api: Api["Service"],
  readiness: Readiness["Service"],
  server: ReturnType<typeof listen>,
  drainMs: number
) =>
  Effect.gen(function* () {
    readiness.enter("draining")
    api.endStreams()
    yield* until(() => api.inFlight() === 0, drainMs)
    api.release()
    yield* until(() => api.inFlight() === 0, ANSWERS_MS)
    // Its promise also waits for the requests, which are watched here, with a bound.
    const stopped = server.stop(false)
    // What is answered is not yet with the client: the last bytes of answers and streams.
    yield* until(() => server.pendingRequests === 0, LAST_BYTES_MS)
    let closed = false
    server.stop(true)
    stopped.then(() => {
      closed = true
    })
    yield* until(() => closed, ANSWERS_MS)
  })

/** A loop and not a timeout: a finalizer cannot be interrupted, so its waits have to end by themselves. */
const until = (done: () => boolean, withinMs: number): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let waited = 0; !done() && waited < withinMs; waited += LOOK_EVERY_MS) yield* Effect.sleep(LOOK_EVERY_MS)
  })
