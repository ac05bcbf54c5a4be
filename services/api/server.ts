/**
 * Serves the app with Bun. On the way down: readiness says no, the listener closes, streams end, what is in flight is
 * answered (who waits for a payment is given some seconds, then what there is), and only then the connections go.
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
      const api = yield* Api
      const readiness = yield* Readiness
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => listen(api, hostname, port)),
        (server) => drain(api, readiness, server)
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
/** Those who wait for a payment have this long to see its end. */
const WAITERS_MS = 5_000
const ANSWERS_MS = 5_000
/** A client that reads no more keeps nobody. */
const LAST_BYTES_MS = 1_000

const drain = (api: Api["Service"], readiness: Readiness["Service"], server: ReturnType<typeof listen>) =>
  Effect.gen(function* () {
    readiness.enter("draining")
    // Closes the listener at once; its promise also waits for the requests, which are watched here, with a bound.
    const stopped = server.stop(false)
    api.endStreams()
    yield* until(() => api.inFlight() === 0, WAITERS_MS)
    api.release()
    yield* until(() => api.inFlight() === 0, ANSWERS_MS)
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
