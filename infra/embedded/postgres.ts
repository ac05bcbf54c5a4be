/**
 * Postgres inside DATA_DIR, for a platform started without one: nothing to install, durable, and gone with the
 * platform. Start and stop here; `watcher.ts` is the process that owns the server meanwhile.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readFileSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Context, Effect, Layer, Schema } from "effect"
import { type Claim, claimDataDir } from "./owner.ts"
import { ownIdentity } from "./process-identity.ts"
import { databaseName, defaultSettings, type PostgresSettings, passwordFile, userName } from "./settings.ts"
import type { WatcherConfig } from "./watcher.ts"

/** The message is one line that says what to do. */
export class EmbeddedPostgresError extends Schema.TaggedError<EmbeddedPostgresError>()("EmbeddedPostgresError", {
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

export interface EmbeddedPostgresOptions {
  readonly dataDir: string
  readonly settings?: Partial<PostgresSettings>
  /** For tests: the watcher removes the folder after the server has ended. */
  readonly removeDataDir?: boolean
}

export interface RunningPostgres {
  /** Of the database `wallet`; contains the password. */
  readonly url: string
  readonly port: number
  /** Ends the server (fast shutdown) and releases the folder; further calls wait for the first. */
  readonly stop: () => Promise<void>
  /** Settles when the server has ended, with the reason if nobody asked it to. */
  readonly ended: Promise<string | undefined>
}

export const startPostgres = async (options: EmbeddedPostgresOptions): Promise<RunningPostgres> => {
  try {
    return await start(options)
  } catch (error) {
    throw new EmbeddedPostgresError({ reason: error instanceof Error ? error.message : String(error) })
  }
}

export class EmbeddedPostgres extends Context.Service<EmbeddedPostgres, RunningPostgres>()("infra/EmbeddedPostgres") {
  static readonly layer = (options: EmbeddedPostgresOptions) => Layer.effect(EmbeddedPostgres, scoped(options))
}

const scoped = (options: EmbeddedPostgresOptions) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => startPostgres(options),
      catch: (error) => error as EmbeddedPostgresError
    }),
    (running) => Effect.promise(() => running.stop())
  )

const start = async (options: EmbeddedPostgresOptions): Promise<RunningPostgres> => {
  if (process.platform === "win32") throw new Error("embedded Postgres needs Linux or macOS: set DATABASE_URL instead")
  mkdirSync(options.dataDir, { recursive: true })
  const dataDir = realpathSync(options.dataDir) // as /proc shows it, so that an earlier server is recognised
  const claim = await claimDataDir(dataDir)
  const settings = { ...defaultSettings, ...options.settings }
  const config: WatcherConfig = {
    dataDir,
    parent: ownIdentity(),
    settings,
    removeDataDir: options.removeDataDir ?? false
  }
  const watcher = spawn(
    process.execPath,
    [fileURLToPath(new URL("watcher.ts", import.meta.url)), JSON.stringify(config)],
    {
      detached: true, // its own session and process group
      cwd: "/",
      env: { PATH: process.env["PATH"], HOME: "/", LC_ALL: "C" }, // no PG… variable and none of our secrets
      stdio: ["pipe", "pipe", "ignore"]
    }
  )
  return speakWith(watcher, dataDir, claim)
}

const speakWith = async (watcher: ChildProcess, dataDir: string, claim: Claim): Promise<RunningPostgres> => {
  watcher.stdin?.on("error", () => {}) // it ended first
  let stopping: Promise<void> | undefined
  let last: { port?: number; error?: string } = {}
  const exited = new Promise<void>((resolve) => {
    watcher.on("close", () => resolve())
    watcher.on("error", (error) => {
      last = { error: error.message }
      resolve()
    })
  }).then(() => claim.release())
  const answered = new Promise<void>((resolve) => {
    let text = ""
    watcher.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8")
      const lines = text.split("\n")
      text = lines.pop() ?? ""
      for (const line of lines) last = JSON.parse(line)
      if (lines.length > 0) resolve()
    })
  })
  await Promise.race([answered, exited])
  if (last.port === undefined) {
    await exited
    throw new Error(last.error ?? "the watcher of Postgres ended without a word")
  }
  letExit(watcher)
  const stop = () => {
    const held = setInterval(() => {}, 60_000) // the watcher does not keep this process up, a stop under way must
    watcher.stdin?.write("stop\n")
    return exited.finally(() => clearInterval(held))
  }
  return {
    url: urlOf(dataDir, last.port),
    port: last.port,
    stop: () => (stopping ??= stop()),
    ended: exited.then(() => (stopping === undefined ? (last.error ?? "its watcher was killed") : undefined))
  }
}

/** A platform that has nothing more to do may end; the watcher then ends Postgres. */
const letExit = (watcher: ChildProcess): void => {
  watcher.unref()
  for (const pipe of [watcher.stdin, watcher.stdout]) (pipe as { unref?: () => void } | null)?.unref?.()
}

/** Of a server in that folder; contains the password. */
export const urlOf = (dataDir: string, port: number): string => {
  const password = readFileSync(join(dataDir, "postgres", passwordFile), "utf8").trim()
  return `postgres://${userName}:${password}@127.0.0.1:${port}/${databaseName}`
}
