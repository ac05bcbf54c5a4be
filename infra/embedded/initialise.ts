/**
 * The first start: initdb, the database, a password. All of it happens in a folder aside, which is renamed when it is
 * whole, so a start that is killed half-way leaves nothing that a later one could mistake for a database.
 */
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { PostgresBinaries } from "./postgres-binaries.ts"
import type { RunAs } from "./run-as.ts"
import { databaseName, passwordFile, userName } from "./settings.ts"

const asidePrefix = "postgres.init-"

export interface Initialise {
  readonly dataDir: string
  readonly pgData: string
  readonly binaries: PostgresBinaries
  readonly user: RunAs
  readonly durable: boolean
  readonly signal: AbortSignal
}

export const initialise = async (options: Initialise): Promise<void> => {
  removeLeftovers(options.dataDir)
  if (existsSync(options.pgData)) return
  const aside = join(options.dataDir, `${asidePrefix}${process.pid}`)
  const data = join(aside, "data")
  const password = join(aside, "password")
  mkdirSync(aside, { mode: 0o700 })
  try {
    writeFileSync(password, randomBytes(24).toString("base64url"), { mode: 0o600 })
    options.user.own(password)
    options.user.own(aside)
    await run(options, [
      options.binaries.initdb,
      `--pgdata=${data}`,
      `--username=${userName}`,
      `--pwfile=${password}`,
      "--auth=scram-sha-256", // the port is on the loopback, which every user of this machine can reach
      "--locale=C",
      "--encoding=UTF8",
      ...(options.durable ? [] : ["--no-sync"])
    ])
    await run(
      options,
      [options.binaries.postgres, "--single", "-D", data, "-c", `fsync=${options.durable ? "on" : "off"}`, "postgres"],
      `create database ${databaseName}\n`
    )
    renameSync(password, join(data, passwordFile))
    renameSync(data, options.pgData)
  } finally {
    // Only ours: the watcher of a killed start may end while the next start is at work beside it.
    remove(aside)
  }
}

const removeLeftovers = (dataDir: string): void => {
  for (const name of readdirSync(dataDir).filter((name) => name.startsWith(asidePrefix))) remove(join(dataDir, name))
}

/** A killed initdb may still be writing there for a moment, so what resists is left to the next start. */
const remove = (folder: string): void => {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  } catch {}
}

const run = ({ user, signal }: Initialise, command: ReadonlyArray<string>, input = ""): Promise<void> =>
  new Promise((resolve, reject) => {
    const [file = "", ...args] = [...user.prefix, ...command]
    const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], cwd: "/", signal, killSignal: "SIGKILL" })
    let output = ""
    const keep = (chunk: Buffer) => {
      output = (output + chunk).slice(-8_000)
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.stdin.on("error", () => {}) // it ended without reading: its exit code and output tell why
    child.stdin.end(input)
    child.on("error", reject)
    child.on("close", (code) => {
      // A single-user server reports a failed statement in its output only, and ends with 0.
      const failure = /(?:error|ERROR|FATAL|PANIC):\s*(.+)/.exec(output)?.[1]
      if (code === 0 && failure === undefined) resolve()
      else reject(new Error(`creating the database failed: ${failure ?? `code ${code}`}`))
    })
  })
