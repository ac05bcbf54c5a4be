/**
 * A platform that is killed again and again on one DATA_DIR and one port, while the providers live on beside it, as
 * they do in the world. With a database of its own it can lose that one, too.
 */
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import postgres from "postgres"
import { isAlive } from "../../infra/embedded/process-identity.ts"
import { databaseName, passwordFile, userName } from "../../infra/embedded/settings.ts"
import { freePort, processesOf } from "../../infra/left-behind.ts"
import { spawnSimulator } from "../../infra/simulator/spawn.ts"
import { asUser, ORDINARY_UID, type User } from "../../infra/users.ts"
import { apiAt, simAt } from "../scenarios/client.ts"
import { eventually } from "../scenarios/eventually.ts"

const root = join(import.meta.dir, "../..")
const API_KEY = "sk_dev_chaos"
/** From the start of the process to its readiness, its recovery included; beside other tests on the same cores. */
export const READY_MS_MAX = 15_000
/** The very first start makes a database. */
const FIRST_READY_MS_MAX = 60_000
/** Processes that were told, or left alone, to end. */
export const GONE_MS_MAX = 15_000

/** Unknown outcomes come often and are asked about soon; nothing depends on a deadline that is minutes away. */
const PACE = {
  GATEWAY_TIMEOUT_MS: "1000",
  GATEWAY_BACKOFF_MS: "50",
  BREAKER_RESET_MS: "300",
  RECOVERY_INTERVAL_MS: "2000",
  DRAIN_MS: "1000",
  LOG_LEVEL: "Warn"
}

export type Victim = Awaited<ReturnType<typeof makeVictim>>
export type Life = ReturnType<Victim["begin"]>

interface Options {
  readonly user: User
  /** Absent: an embedded Postgres, which dies with the rest. */
  readonly databaseUrl?: string
}

export const makeVictim = async ({ user, databaseUrl }: Options) => {
  const dataDir = mkdtempSync(join(tmpdir(), "wallet-kill-"))
  chmodSync(dataDir, 0o755)
  if (user === "ordinary" && process.getuid?.() === 0) chownSync(dataDir, ORDINARY_UID, ORDINARY_UID)
  const world = mkdtempSync(join(tmpdir(), "wallet-providers-"))
  const [http, metrics] = [await lastingPort(), await lastingPort()]
  const url = `http://127.0.0.1:${http}`
  const simulator = await spawnSimulator({
    dataDir: world,
    env: {
      WEBHOOK_TARGET: `${url}/webhooks`,
      STRIPE_WEBHOOK_SECRET: "whsec_simulated",
      PAYPAL_WEBHOOK_ID: "WH-SIMULATED"
    }
  })
  const env = {
    ...process.env,
    ...PACE,
    HTTP_PORT: String(http),
    METRICS_PORT: String(metrics),
    SIMULATOR_PORT: "0",
    STRIPE_URL: simulator.url,
    PAYPAL_URL: simulator.url,
    DATA_DIR: dataDir,
    HOME: dataDir,
    API_KEY,
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl })
  }
  const main = [...asUser(user), process.execPath, join(root, "infra/embedded/main.ts")]
  const ownDatabase = () => databaseUrl ?? embeddedUrl(dataDir)
  return {
    user,
    embedded: databaseUrl === undefined,
    api: apiAt(() => url, API_KEY),
    sim: simAt(() => simulator.url),
    begin: (crashAt = "") => begin(main, { ...env, CRASH_AT: crashAt }, `${url}/ready`),
    /** A connection of the test's own; it has to be asked for again after the server was killed. */
    connect: () => postgres(ownDatabase(), { max: 2, types: { bigint: postgres.BigInt }, onnotice: () => {} }),
    postmaster: () => Number(postmasterLines(dataDir)[0]),
    /** Waits until nothing of it runs any more, not even what watches over it. */
    nothingLeft: async () => {
      const left = () => processesOf(dataDir).filter(isAlive)
      await eventually(
        "nothing is left running",
        async () => left(),
        ({ length }) => length === 0,
        GONE_MS_MAX
      )
      for (const port of [http, metrics]) await freePort(port)
    },
    /** Also of what a failed test has left running. */
    [Symbol.asyncDispose]: async () => {
      await simulator.stop()
      for (const { pid } of processesOf(dataDir)) signalled(pid, "SIGKILL")
      for (const folder of [dataDir, world]) rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** Below those the system gives to others, who would take it while the platform is dead. */
const lastingPort = async (): Promise<number> => {
  for (;;) {
    const port = await freePort(20_000 + Math.floor(Math.random() * 12_000)).catch(() => undefined)
    if (port !== undefined) return port
  }
}

const postmasterLines = (dataDir: string) => readFileSync(join(dataDir, "postgres/postmaster.pid"), "utf8").split("\n")

const embeddedUrl = (dataDir: string): string => {
  const password = readFileSync(join(dataDir, "postgres", passwordFile), "utf8").trim()
  return `postgres://${userName}:${password}@127.0.0.1:${postmasterLines(dataDir)[3]}/${databaseName}`
}

/** One life: it has begun, and may be ready or dead at any moment. In a group of its own it can be killed with all. */
const begin = (main: ReadonlyArray<string>, env: Record<string, string | undefined>, readyUrl: string) => {
  const began = performance.now()
  const child = Bun.spawn([...main], {
    cwd: root,
    env,
    detached: true,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  let printed = ""
  const listen = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) printed = (printed + decoder.decode(chunk, { stream: true })).slice(-5_000)
  }
  void listen(child.stdout)
  void listen(child.stderr)
  const isReady = () =>
    fetch(readyUrl).then(
      ({ ok }) => ok,
      () => false
    )
  const dead = () => child.exitCode !== null || child.signalCode !== null
  return {
    dead,
    /** Milliseconds until it was ready; undefined where it died before. */
    ready: async ({ first = false } = {}): Promise<number | undefined> => {
      const look = async () => dead() || (await isReady())
      const within = first ? FIRST_READY_MS_MAX : READY_MS_MAX
      await eventually("ready", look, (done) => done, within).catch((error: Error) => {
        throw new Error(`${error.message}\n${printed}`)
      })
      return dead() ? undefined : performance.now() - began
    },
    isReady,
    killGroup: () => signalled(-child.pid, "SIGKILL"),
    killParent: () => signalled(child.pid, "SIGKILL"),
    term: () => signalled(-child.pid, "SIGTERM"),
    exited: child.exited,
    signal: () => child.signalCode,
    printed: () => printed
  }
}

const signalled = (pid: number, signal: "SIGKILL" | "SIGTERM") => {
  try {
    process.kill(pid, signal)
  } catch {} // it has died already, which is what all this is about
}
