/**
 * A platform for the demo alone: a temporary data folder, free ports, and times short enough to watch. It can be killed
 * and started again; at the end nothing of it is left, and if the demo itself is killed, it ends by itself.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { until } from "./client.ts"

export const TIMEOUT_MS = 1_000
export const BREAKER_RESET_MS = 4_000
const BACKOFF_MS = 50

const READY_MS = 60_000
const STOP_MS = 15_000
const GONE_MS = 20_000
const API_KEY = "demo_0123456789abcdef0123456789abcdef"

/** The demo must show the same whatever the machine's own settings are, so only these are passed on. */
const KEPT = ["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LD_LIBRARY_PATH"]
const SETTINGS = {
  HTTP_PORT: "0",
  METRICS_PORT: "0",
  SIMULATOR_PORT: "0",
  API_KEY,
  LOG_LEVEL: "Warn",
  // The scenarios are about two: with a third one "nobody can charge" is longer and no clearer.
  GATEWAY_PROVIDERS: "stripe,paypal",
  // A call-back that comes first would make another story of the same scenario: here the platform must ask.
  SIMULATOR_WEBHOOKS: "off",
  GATEWAY_TIMEOUT_MS: String(TIMEOUT_MS),
  GATEWAY_BACKOFF_MS: String(BACKOFF_MS),
  BREAKER_RESET_MS: String(BREAKER_RESET_MS),
  RECOVERY_INTERVAL_MS: "1000"
}

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

interface Running {
  readonly child: ChildProcess
  readonly exited: Promise<void>
  readonly url: string
  readonly metricsUrl: string
  readonly simulatorUrl: string
}

export class Platform {
  readonly apiKey = API_KEY
  private readonly dataDir = mkdtempSync(join(tmpdir(), "wallet-demo-"))
  private running: Running | undefined
  private starting: ChildProcess | undefined
  private stopped: Promise<void> | undefined

  readonly url = (): string => this.running?.url ?? ""
  readonly simulatorUrl = (): string => this.running?.simulatorUrl ?? ""

  async start(): Promise<void> {
    if (this.stopped !== undefined) throw new Error("the demo was stopped")
    const command = ["--preload", file("../lifeline.ts"), file("../embedded/main.ts")]
    const kept = KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))
    const env = { ...Object.fromEntries(kept), ...SETTINGS, DATA_DIR: this.dataDir }
    const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe", "ipc"], env })
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    this.starting = child
    this.running = { child, exited, ...(await addresses(child)) }
  }

  /** The platform and its database, as a power cut would end them. Returns when nothing of them runs any more. */
  async kill9(): Promise<void> {
    const { child, exited, simulatorUrl } = this.running as Running
    const postmaster = this.postmaster()
    child.kill("SIGKILL")
    if (postmaster !== undefined) process.kill(postmaster, "SIGKILL")
    await exited
    await this.gone(simulatorUrl)
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(this.running?.metricsUrl ?? "")).text()
    const line = text.split("\n").find((line) => line.startsWith(`${name} `))
    if (line === undefined) throw new Error(`${name} is not exported`)
    return Number(line.slice(line.lastIndexOf(" ")))
  }

  /** In good order; `abandon`: at once, since nobody will look at the data again. Further calls wait for the first. */
  stop(how: "in order" | "abandon" = "in order"): Promise<void> {
    this.stopped ??= this.end(how)
    return this.stopped
  }

  private async end(how: "in order" | "abandon"): Promise<void> {
    const child = this.starting
    if (child !== undefined) {
      const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
      if (child.exitCode === null && child.signalCode === null) {
        // Before it is ready nothing is in flight, and nobody knows yet which processes it has.
        child.kill(how === "abandon" && this.running?.child === child ? "SIGKILL" : "SIGTERM")
        const patience = setTimeout(() => child.kill("SIGKILL"), STOP_MS)
        await exited
        clearTimeout(patience)
      }
      await this.gone(this.simulatorUrl())
    }
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 })
  }

  /** Postgres and the simulator end after the platform; two of them must never write into one folder. */
  private async gone(simulatorUrl: string): Promise<void> {
    const alive = async () => {
      const postmaster = this.postmaster()
      return (postmaster !== undefined && isAlive(postmaster)) || (await answers(simulatorUrl))
    }
    await until("the platform's processes end", alive, (alive) => !alive, GONE_MS)
  }

  private postmaster(): number | undefined {
    try {
      return Number(readFileSync(join(this.dataDir, "postgres", "postmaster.pid"), "utf8").split("\n")[0]) || undefined
    } catch {
      return undefined
    }
  }
}

const answers = (url: string): Promise<boolean> =>
  url === ""
    ? Promise.resolve(false)
    : fetch(`${url}/_sim/health`).then(
        ({ ok }) => ok,
        () => false
      )

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** Where the platform says it is, once it is ready; what it said instead, if it ends before. */
const addresses = (child: ChildProcess) =>
  new Promise<Pick<Running, "url" | "metricsUrl" | "simulatorUrl">>((resolve, reject) => {
    let printed = ""
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new Error(`the platform ${why}:\n${printed.slice(-2_000)}`))
    }
    const timer = setTimeout(() => fail(`was not ready within ${READY_MS / 1000} s`), READY_MS)
    child.once("exit", (code, signal) => fail(`ended with ${signal ?? `code ${code}`} before it was ready`))
    const hear = (chunk: unknown) => {
      printed = (printed + String(chunk)).slice(-20_000)
      const [url, metricsUrl, simulatorUrl] = [/are ready on (\S+)\n/, /metrics\s+(\S+)\n/, /simulated at (\S+)\n/].map(
        (pattern) => pattern.exec(printed)?.[1]
      )
      if (url === undefined || metricsUrl === undefined || simulatorUrl === undefined) return
      clearTimeout(timer)
      resolve({ url, metricsUrl, simulatorUrl })
    }
    child.stdout?.on("data", hear)
    child.stderr?.on("data", hear)
  })
