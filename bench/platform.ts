/** The platform as its users run it: `bun infra/embedded/main.ts` on a fresh folder and free ports. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { databaseName, passwordFile, userName } from "../infra/embedded/settings.ts"
import { childrenOf, commandOf } from "./processes.ts"

export interface Platform {
  readonly url: string
  readonly metricsUrl: string
  readonly simulatorUrl: string
  readonly databaseUrl: string
  readonly apiKey: string
  readonly pids: { readonly platform: number; readonly postmaster: number; readonly simulator: number }
  /** Lines it complained with. */
  readonly complaints: () => ReadonlyArray<string>
  readonly stop: () => Promise<void>
}

const API_KEY = "bench_0123456789abcdef0123456789abcdef"
const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000

/** `dataDir` is removed at the end; `bunArguments` stand before the program's file. */
export const startPlatform = async (dataDir: string, bunArguments: ReadonlyArray<string> = []): Promise<Platform> => {
  const program = fileURLToPath(new URL("../infra/embedded/main.ts", import.meta.url))
  const child = spawn(process.execPath, [...bunArguments, program], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...withoutSettings(process.env),
      DATA_DIR: dataDir,
      HTTP_PORT: "0",
      METRICS_PORT: "0",
      SIMULATOR_PORT: "0",
      // Call-backs come twice a payment, at its end: a habit of providers, no part of it. README.md has the cost.
      SIMULATOR_WEBHOOKS: process.env["SIMULATOR_WEBHOOKS"] ?? "off",
      API_KEY
    }
  })
  const complaints: Array<string> = []
  child.stderr?.on("data", (text) => complaints.push(...String(text).split("\n").filter(Boolean)))
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const stop = async () => {
    child.kill("SIGTERM")
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
    rmSync(dataDir, { recursive: true, force: true })
  }
  try {
    const urls = await ready(child, complaints)
    const platform = child.pid ?? 0
    const simulator = childrenOf(platform).find((pid) => commandOf(pid).includes("simulator/main.ts")) ?? 0
    const { postmaster, databaseUrl } = postgresOf(dataDir)
    return {
      ...urls,
      databaseUrl,
      apiKey: API_KEY,
      pids: { platform, postmaster, simulator },
      complaints: () => complaints,
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

export const freshDataDir = (): string => mkdtempSync(join(tmpdir(), "wallet-bench-"))

/** A developer's own settings must not change what is measured; tuning the bench is meant to be possible. */
const withoutSettings = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const dropped = ["DATABASE_URL", "BUS", "PROVIDERS", "OTEL_EXPORTER_OTLP_ENDPOINT", "REDIS_REST_URL", "HTTP_HOST"]
  return Object.fromEntries(Object.entries(env).filter(([name]) => !dropped.includes(name)))
}

const ready = (child: ChildProcess, complaints: ReadonlyArray<string>) =>
  new Promise<Pick<Platform, "url" | "metricsUrl" | "simulatorUrl">>((resolve, reject) => {
    let text = ""
    const fail = (why: string) => reject(new Error(`the platform ${why}: ${complaints.slice(-3).join(" ")}`))
    const timer = setTimeout(() => fail("was not ready in time"), READY_TIMEOUT_MS)
    child.once("exit", (code) => fail(`ended with ${code}`))
    child.stdout?.on("data", (chunk) => {
      text += String(chunk)
      const at = (pattern: RegExp) => pattern.exec(text)?.[1]
      const url = at(/are ready on (\S+)\n/)
      const metricsUrl = at(/metrics\s+(\S+)\n/)
      const simulatorUrl = at(/simulated at (\S+)\n/)
      if (url === undefined || metricsUrl === undefined || simulatorUrl === undefined) return
      clearTimeout(timer)
      resolve({ url, metricsUrl, simulatorUrl })
    })
  })

const postgresOf = (dataDir: string) => {
  const file = (name: string) => readFileSync(join(dataDir, "postgres", name), "utf8")
  const lines = file("postmaster.pid").split("\n")
  const databaseUrl = `postgres://${userName}:${file(passwordFile).trim()}@127.0.0.1:${lines[3]}/${databaseName}`
  return { postmaster: Number(lines[0]), databaseUrl }
}
