/**
 * The real platform in a process of its own, on free ports, with a database and a data folder of its own: several test
 * files run side by side. It can be stopped, killed and started again on what it left behind.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import postgres from "postgres"
import { migrations } from "../../infra/embedded/schema.ts"
import { testDatabase } from "../../infra/testing/postgres.ts"
import { apiAt, simAt } from "./client.ts"
import { eventually } from "./eventually.ts"

const root = join(import.meta.dir, "../..")
const READY_MS = 40_000
const STOP_MS = 20_000
const API_KEY = "sk_dev_scenarios"

/** Short enough for a test, long enough for a busy machine. */
export const PACE = {
  GATEWAY_TIMEOUT_MS: "1000",
  GATEWAY_BACKOFF_MS: "50",
  BREAKER_RESET_MS: "60000",
  RECOVERY_INTERVAL_MS: "1000",
  // What asking alone finds out is the subject of most; who wants call-backs turns them on.
  SIMULATOR_WEBHOOKS: "off"
}

export type Environment = Readonly<Record<string, string>>
export type Platform = Awaited<ReturnType<typeof startPlatform>>

interface Options {
  readonly env?: Environment
  /** Another way to the database, for the platform alone: the test keeps its own. */
  readonly through?: (databaseUrl: string) => Promise<string>
}

export const startPlatform = async ({ env = {}, through = async (url) => url }: Options = {}) => {
  const database = await testDatabase({ migrations })
  const dataDir = mkdtempSync(join(tmpdir(), "wallet-scenario-"))
  const sql = postgres(database.url, { max: 2, types: { bigint: postgres.BigInt }, onnotice: () => {} })
  const databaseUrl = await through(database.url)
  const begin = (more: Environment) =>
    launch({ ...PACE, ...env, ...more, DATABASE_URL: databaseUrl, DATA_DIR: dataDir })
  let running = await begin({})
  const sim = simAt(() => running.simulatorUrl)
  const gone = async () => {
    await running.exited
    // It ends with its parent; two of them must not write into one folder.
    await eventually("the simulator ends", sim.alive, (alive) => !alive)
  }
  return {
    api: apiAt(() => running.url, API_KEY),
    apiKey: API_KEY,
    apiAs: (key: string) => apiAt(() => running.url, key),
    sim,
    sql,
    databaseUrl: database.url,
    url: () => running.url,
    /** What it printed since its last start. */
    printed: () => running.printed(),
    metric: (name: string, labels = "") => metricAt(running.metricsUrl, name, labels),
    /** Ends as told by SIGTERM; its exit code. */
    terminate: async () => {
      running.kill("SIGTERM")
      await gone()
      return await running.exited
    },
    kill9: async () => {
      running.kill("SIGKILL")
      await gone()
    },
    /** Waits for an end that comes by itself, such as CRASH_AT. */
    ended: gone,
    /** Starts again on the same data. */
    restart: async (more: Environment = {}) => {
      running = await begin(more)
    },
    stop: async () => {
      running.kill("SIGTERM")
      await gone()
      // An end with a failure, or before it was told to, has its reason there.
      if ((await running.exited) !== 0) console.error(running.printed())
      await sql.end()
      await database.drop()
      rmSync(dataDir, { recursive: true, force: true })
    }
  }
}

export const launch = async (env: Environment) => {
  const child = Bun.spawn([process.execPath, join(root, "infra/embedded/main.ts")], {
    cwd: root,
    env: {
      ...process.env,
      HTTP_PORT: "0",
      METRICS_PORT: "0",
      SIMULATOR_PORT: "0",
      API_KEY,
      LOG_LEVEL: "Warn",
      ...env
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  let printed = ""
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) printed = (printed + decoder.decode(chunk, { stream: true })).slice(-50_000)
  }
  void listen(child.stdout)
  void listen(child.stderr)
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const find = (pattern: RegExp) => pattern.exec(printed)?.[1] ?? ""
  const isReady = async () => printed.includes("Ctrl-C drains") || hasEnded()
  await eventually("the platform starts", isReady, (ready) => ready, READY_MS).catch(() => {})
  const url = find(/ready on (http:\S+)/)
  if (url === "" || hasEnded()) {
    child.kill("SIGKILL")
    throw new Error(`the platform did not start:\n${printed}`)
  }
  return {
    url,
    metricsUrl: find(/metrics +(http:\S+)/),
    simulatorUrl: find(/simulated at (http:\S+)/),
    printed: () => printed,
    exited: child.exited,
    kill: (signal: "SIGTERM" | "SIGKILL") => {
      child.kill(signal)
      if (signal === "SIGTERM") setTimeout(() => child.kill("SIGKILL"), STOP_MS).unref()
    }
  }
}

/** The value of one series; a series that is not exported is a mistake of the test, or of the platform. */
const metricAt = async (url: string, name: string, labels: string): Promise<number> => {
  const text = await (await fetch(url)).text()
  const line = text.split("\n").find((line) => line.startsWith(`${name}${labels} `))
  if (line === undefined) throw new Error(`${name}${labels} is not exported`)
  return Number(line.slice(line.lastIndexOf(" ")))
}
