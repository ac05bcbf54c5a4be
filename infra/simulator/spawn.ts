/** Starts the simulator as its own process and waits for its ready line; for the embedded start and for tests. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const READY = /simulator ready on (http:\/\/\S+)/
const READY_TIMEOUT_MS = 15_000
const STOP_TIMEOUT_MS = 3_000

export type SpawnOptions = {
  /** 0, the default, takes any free port. */
  readonly port?: number
  readonly dataDir?: string
  /** More environment, such as WEBHOOK_TARGET and STRIPE_WEBHOOK_SECRET. */
  readonly env?: { readonly [name: string]: string }
}

export type Spawned = {
  readonly url: string
  readonly pid: number
  /** SIGTERM, and SIGKILL if that does not end it in time. */
  readonly stop: () => Promise<void>
  /** `kill -9`, as a crash test does. */
  readonly kill: () => Promise<void>
  readonly exited: Promise<void>
}

/** Under Node (the launcher, the workers) the installed Bun runs it. */
const bun = (): string =>
  process.versions["bun"] === undefined
    ? fileURLToPath(new URL("../../node_modules/.bin/bun", import.meta.url))
    : process.execPath

const readyUrl = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let out = ""
    let complaint = ""
    const timer = setTimeout(
      () => reject(new Error(`simulator not ready after ${READY_TIMEOUT_MS} ms`)),
      READY_TIMEOUT_MS
    )
    child.stdout?.on("data", (chunk) => {
      out += String(chunk)
      const url = READY.exec(out)?.[1]
      if (url === undefined) return
      clearTimeout(timer)
      resolve(url)
    })
    child.stderr?.on("data", (chunk) => {
      complaint = (complaint + String(chunk)).slice(-2000)
    })
    child.once("error", reject)
    child.once("exit", (code) => {
      clearTimeout(timer)
      reject(new Error(`simulator ended before it was ready (${code}): ${complaint.trim()}`))
    })
  })

export const spawnSimulator = async (options: SpawnOptions = {}): Promise<Spawned> => {
  const child = spawn(bun(), [fileURLToPath(new URL("main.ts", import.meta.url))], {
    // Its own process group: a signal to ours must not take the outside world away before we have drained.
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      DATA_DIR: options.dataDir ?? "",
      SIMULATOR_PORT: String(options.port ?? 0),
      SIMULATOR_EXIT_WITH_PARENT: "1",
      ...options.env
    }
  })
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    child.kill(signal)
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
  }
  try {
    const url = await readyUrl(child)
    return { url, pid: child.pid ?? 0, stop: () => end("SIGTERM"), kill: () => end("SIGKILL"), exited }
  } catch (error) {
    child.kill("SIGKILL")
    throw error
  }
}
