/** `npm start`: the whole platform on this machine. Ctrl-C drains and stops. */

import { mkdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { Cause, Effect, Exit, Option, Redacted, Runtime } from "effect"
import { whyOf } from "../command.ts"
import { spawnSimulator } from "../simulator/spawn.ts"
import { keyOf } from "./api-key.ts"
import { callBack, signing } from "./callbacks.ts"
import { configuration } from "./configuration.ts"
import { platform } from "./platform.ts"
import { startPostgres } from "./postgres.ts"
import { welcome } from "./welcome.ts"

/** A child of ours that ends by itself takes the platform with it: half a platform is worse than none. */
const ended = (what: string, promise: Promise<unknown>) =>
  Effect.flatMap(
    Effect.promise(() => promise),
    (reason) => Effect.die(new Error(`${what} ended: ${String(reason ?? "")}`))
  )

/** Without its store nothing can be drained or answered: it ends at once, as in a crash; the next start recovers. */
const endedWithout = (store: string, promise: Promise<unknown>) =>
  Effect.flatMap(
    Effect.promise(() => promise),
    (reason) =>
      Effect.sync(() => {
        console.error(`cannot go on: ${store} ended: ${String(reason ?? "")}`)
        process.exit(1)
      })
  )

const program = Effect.gen(function* () {
  const settings = yield* configuration
  const dataDir = resolve(settings.dataDir)
  yield* Effect.sync(() => mkdirSync(dataDir, { recursive: true }))
  const postgres = Option.isSome(settings.databaseUrl)
    ? { url: Redacted.value(settings.databaseUrl.value), ended: new Promise<never>(() => {}) }
    : yield* Effect.acquireRelease(
        Effect.promise(() => startPostgres({ dataDir })),
        ({ stop }) => Effect.promise(() => stop())
      )
  const simulator =
    settings.providers === "live"
      ? undefined
      : yield* Effect.acquireRelease(
          Effect.promise(() =>
            spawnSimulator({
              port: settings.simulatorPort,
              dataDir: join(dataDir, "simulator"),
              env: { SIMULATOR_EXIT_WITH_PARENT: "1", ...signing(process.env) }
            })
          ),
          ({ stop }) => Effect.promise(() => stop())
        )
  const apiKey = Option.getOrElse(settings.apiKey, () => keyOf(dataDir))
  const { url, metricsUrl, run } = yield* platform(settings, postgres.url, simulator?.url, apiKey)
  // Whoever names a target of his own has told the simulator by that.
  if (simulator !== undefined && settings.simulatorWebhooks === "on" && !process.env["WEBHOOK_TARGET"]) {
    yield* Effect.promise(() => callBack(simulator.url, url))
  }
  welcome({ url, metricsUrl, apiKey, simulatorUrl: simulator?.url, dataDir })
  const lost = simulator === undefined ? [] : [ended("the provider simulator", simulator.exited)]
  return yield* Effect.raceAllFirst([run, endedWithout("Postgres", postgres.ended), ...lost])
})

const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  const stop = () => fiber.interruptUnsafe()
  process.once("SIGINT", stop).once("SIGTERM", stop)
  fiber.addObserver((exit) => teardown(exit, (code) => process.exit(code === 130 ? 0 : code)))
})

/** A start that cannot succeed says why in one line. */
const told = Effect.tapCause(program, (cause) =>
  Cause.hasInterruptsOnly(cause)
    ? Effect.void
    : Effect.sync(() => {
        console.error(whyOf(cause))
        if (process.env["LOG_LEVEL"] === "Debug") console.error(Cause.pretty(cause))
      })
)

runMain(
  Effect.scoped(Effect.exit(told)).pipe(Effect.flatMap(Exit.match({ onSuccess: () => Effect.void, onFailure: failed })))
)

function failed(cause: Cause.Cause<unknown>): Effect.Effect<void> {
  return Effect.sync(() => {
    if (!Cause.hasInterruptsOnly(cause)) process.exitCode = 1
  })
}
