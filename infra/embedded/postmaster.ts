/**
 * One postmaster on one folder: what an earlier one left behind is cleared away, then a new one is started, as often
 * as it takes within a deadline. Used by the watcher only, which is the postmaster's parent and so reaps it.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { PostgresBinaries } from "./postgres-binaries.ts"
import { identityOf, looksLikePostgres, processesIn, someRecovers } from "./process-identity.ts"
import type { RunAs } from "./run-as.ts"
import { type PostgresSettings, serverArguments } from "./settings.ts"

const startDeadlineMs = 60_000 // recovery after a crash replays up to max_wal_size
const staleDeadlineMs = 15_000
const fastStopMs = 8_000
const pollMs = 10
const logLimitBytes = 16 * 1024 * 1024

export interface Postmaster {
  readonly process: ChildProcess
  readonly port: number
}

export interface PostmasterOptions {
  readonly pgData: string
  readonly logFile: string
  readonly binaries: PostgresBinaries
  readonly user: RunAs
  readonly settings: PostgresSettings
  readonly signal: AbortSignal
}

export const startPostmaster = async (options: PostmasterOptions): Promise<Postmaster> => {
  const deadline = performance.now() + staleDeadlineMs
  rotate(options.logFile)
  for (;;) {
    await clearStale(options.pgData, deadline)
    options.signal.throwIfAborted()
    const outcome = await attempt(options)
    if (typeof outcome !== "string") return outcome
    // Backends of a killed postmaster live on for a moment, and a free port may be taken before we bind it.
    const passes = /lock file|shared memory block|could not bind|could not create any TCP/.test(outcome)
    if (!passes || performance.now() > deadline) throw new Error(`Postgres did not start: ${outcome}`)
    await sleep(100)
  }
}

/** The postmaster when it accepts connections, or the reason why it ended. */
const attempt = async (options: PostmasterOptions): Promise<Postmaster | string> => {
  const port = await freePort()
  const log = openSync(options.logFile, "a")
  const from = statSync(options.logFile).size
  const [file = "", ...args] = [
    ...options.user.prefix,
    options.binaries.postgres,
    "-D",
    options.pgData,
    ...serverArguments(options.settings, port)
  ]
  const child = spawn(file, args, { stdio: ["ignore", log, log], cwd: "/" })
  closeSync(log)
  let ended: string | undefined
  child.on("error", (error) => (ended = error.message))
  child.on("exit", (code, signal) => (ended = `it ended with ${signal ?? `code ${code}`}`))
  const deadline = performance.now() + startDeadlineMs
  while (ended === undefined) {
    const status = pidFile(options.pgData)
    if (status?.pid === child.pid && status?.ready) return { process: child, port }
    if (options.signal.aborted || performance.now() > deadline) child.kill("SIGQUIT")
    await sleep(pollMs)
  }
  return lastComplaint(options.logFile, from) ?? ended
}

/** Ends when no postmaster of this folder is left, and no lock file that Postgres would take for a live one. */
const clearStale = async (pgData: string, deadline: number): Promise<void> => {
  const started = performance.now()
  for (;;) {
    const pid = pidFile(pgData)?.pid
    if (pid === undefined) return
    const users = processesIn(pgData)
    const postmaster = identityOf(pid) !== undefined && (users?.includes(pid) ?? looksLikePostgres(pid))
    if (!postmaster && (users?.length ?? 0) === 0) {
      // Provably dead: no such process, or a zombie, or one that is no Postgres; and no backend works here.
      rmSync(join(pgData, "postmaster.pid"), { force: true })
      return
    }
    if (performance.now() > deadline) throw new Error(`${pgData}: the earlier Postgres (process ${pid}) does not end`)
    // In recovery it has written nothing that the next recovery would not write again.
    const atOnce = performance.now() - started > fastStopMs || someRecovers(users ?? [])
    if (postmaster) end(pid, atOnce ? "SIGQUIT" : "SIGINT")
    await sleep(50)
  }
}

const end = (pid: number, signal: "SIGINT" | "SIGQUIT"): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return
    throw new Error(`an earlier Postgres (process ${pid}) runs on this data folder as another user: stop it first`)
  }
}

const pidFile = (pgData: string): { pid: number; ready: boolean } | undefined => {
  try {
    const lines = readFileSync(join(pgData, "postmaster.pid"), "utf8").split("\n")
    const pid = Math.abs(Number(lines[0])) // negative: a single-user server
    return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === "ready" } : undefined
  } catch {
    return undefined
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const lastComplaint = (logFile: string, from: number): string | undefined => {
  const length = Math.min(statSync(logFile).size - from, 64_000)
  if (length <= 0) return undefined
  const buffer = Buffer.alloc(length)
  const log = openSync(logFile, "r")
  readSync(log, buffer, 0, length, from)
  closeSync(log)
  return /(?:FATAL|PANIC|postgres):\s*(.+)/.exec(buffer.toString("utf8"))?.[1]
}

/** One older log is kept, so that years of restarts do not fill the disk. */
const rotate = (logFile: string): void => {
  if (existsSync(logFile) && statSync(logFile).size > logLimitBytes) renameSync(logFile, `${logFile}.1`)
}
