/**
 * The process between the platform and Postgres. It is Postgres' parent, lives in a session of its own, and ends
 * Postgres (fast, with a checkpoint) when it is told to or when the platform is gone, however that was killed.
 *
 * - Its own session: a Ctrl-C or a signal to the platform's group does not reach Postgres before the drain has ended.
 * - It learns of the platform's death twice: its standard input ends, at once; and it looks every 500 ms whether the
 *   process with that number and start time still lives, should a copy of the pipe have leaked elsewhere.
 * - Being the parent, it reaps the postmaster, so a restart meets no zombie that holds the lock file.
 *
 * It speaks one line of JSON on its standard output: `{ "port": … }` or `{ "error": … }`.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { initialise } from "./initialise.ts"
import { postgresBinaries } from "./postgres-binaries.ts"
import { type Postmaster, startPostmaster } from "./postmaster.ts"
import { isAlive, type ProcessIdentity } from "./process-identity.ts"
import { runAs } from "./run-as.ts"
import type { PostgresSettings } from "./settings.ts"

export interface WatcherConfig {
  readonly dataDir: string
  readonly parent: ProcessIdentity
  readonly settings: PostgresSettings
  /** For tests: the folder goes with the server. */
  readonly removeDataDir: boolean
}

const pollMs = 500
const pollAfterEndMs = 20
const patienceMs = [20_000, 5_000, 5_000] // after SIGINT, SIGQUIT, SIGKILL

const main = async (config: WatcherConfig): Promise<void> => {
  const stop = new AbortController()
  watchParent(config.parent, () => stop.abort(new Error("the platform is gone")))
  try {
    const postmaster = await start(config, stop.signal)
    process.stdout.write(`${JSON.stringify({ port: postmaster.port })}\n`)
    await supervise(postmaster, stop.signal)
  } finally {
    if (config.removeDataDir) rmSync(config.dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

const start = async (config: WatcherConfig, signal: AbortSignal): Promise<Postmaster> => {
  const { dataDir, settings } = config
  const pgData = join(dataDir, "postgres")
  const binaries = postgresBinaries()
  const user = runAs({ dataDir, pgData, binary: binaries.postgres })
  await initialise({ dataDir, pgData, binaries, user, durable: settings.durable, signal })
  return startPostmaster({ pgData, logFile: join(dataDir, "postgres.log"), binaries, user, settings, signal })
}

const watchParent = (parent: ProcessIdentity, gone: () => void): void => {
  const look = () => {
    if (!isAlive(parent)) gone()
  }
  setInterval(look, pollMs)
  process.stdin.on("data", gone) // the one thing the platform ever says is "stop"
  // Its end of the pipe closes a moment before the process counts as dead, so look again soon, but do look: a pipe
  // that closed while the platform lives is no reason to take its database away.
  process.stdin.on("close", () => setInterval(look, pollAfterEndMs))
  process.stdin.on("error", look)
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, gone)
  process.on("SIGHUP", () => {})
}

/** Ends when the postmaster has: because it was asked to, or by itself, which is an error. */
const supervise = async ({ process: postmaster }: Postmaster, stop: AbortSignal): Promise<void> => {
  const ended = new Promise<string>((resolve) => {
    if (postmaster.exitCode !== null || postmaster.signalCode !== null) resolve("at once")
    postmaster.on("exit", (code, signal) => resolve(signal ?? `code ${code}`))
  })
  const asked = new Promise<undefined>((resolve) => {
    if (stop.aborted) resolve(undefined)
    stop.addEventListener("abort", () => resolve(undefined))
  })
  const how = await Promise.race([ended, asked])
  if (how !== undefined) throw new Error(`Postgres ended by itself (${how})`)
  for (const [index, signal] of (["SIGINT", "SIGQUIT", "SIGKILL"] as const).entries()) {
    postmaster.kill(signal)
    const patience = new Promise<undefined>((resolve) => setTimeout(resolve, patienceMs[index]))
    if ((await Promise.race([ended, patience])) !== undefined) return
  }
}

process.stdout.on("error", () => {}) // the platform may be gone before it heard
main(JSON.parse(process.argv[2] ?? "") as WatcherConfig).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stdout.write(`${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`, () =>
      process.exit(1)
    )
  }
)
