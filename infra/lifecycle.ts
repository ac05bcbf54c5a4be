/**
 * Kills the platform in every way it will be killed, and starts it again at once: `bun infra/lifecycle.ts --cycles 50`.
 *
 * Each cycle starts the command on the same DATA_DIR and HTTP_PORT, waits until it is ready, and ends it by one of:
 * SIGKILL to its process group, SIGKILL to the parent only, SIGTERM to the group; every seventh start is killed before
 * it is ready. The next cycle follows without a pause, and must be ready within 10 s; of the processes of the cycle
 * before, none may be left. Started as root it does everything twice: as root, and as an ordinary user.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { isAlive, type ProcessIdentity } from "./embedded/process-identity.ts"
import { freePort, processesOf } from "./left-behind.ts"
import { asUser, ORDINARY_UID, type User, users } from "./users.ts"

const readyLimitMs = 10_000
const goneLimitMs = 10_000
const drainLimitMs = 30_000

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "50" },
    command: { type: "string" },
    ready: { type: "string", default: "/ready" }
  }
})
const defaultCommand = `${process.execPath} ${fileURLToPath(new URL("embedded/main.ts", import.meta.url))}`
const command = values.command ?? defaultCommand

type End = "kill group" | "kill parent" | "term group" | "kill starting"
const ends: ReadonlyArray<End> = ["kill group", "kill parent", "term group"]

interface World {
  readonly user: User
  readonly dataDir: string
  readonly port: number
}

const say = (line: string) => process.stdout.write(`${line}\n`)

const main = async (): Promise<void> => {
  const total = Number(values.cycles)
  const worlds = await Promise.all(users(say).map(makeWorld))
  let passed = 0
  const readyTimes: Array<number> = []
  for (const [index, world] of worlds.entries()) {
    const cycles = Math.floor(total / worlds.length) + (index < total % worlds.length ? 1 : 0)
    let before: ReadonlyArray<ProcessIdentity> = []
    for (let cycle = 0; cycle < cycles; cycle++) {
      const end = cycle % 7 === 3 ? "kill starting" : ends[cycle % ends.length]!
      const outcome = await runCycle(world, end, before)
      before = outcome.left
      if (outcome.readyMs !== undefined) readyTimes.push(outcome.readyMs)
      if (outcome.failure === undefined) passed++
      const ready = outcome.readyMs === undefined ? "" : ` ready ${Math.round(outcome.readyMs)} ms`
      say(`${world.user} ${cycle + 1}/${cycles} ${end}${ready} ${outcome.failure ?? "ok"}`)
    }
    const last = await leaveNothing(world, before)
    if (last !== undefined) {
      say(`${world.user} at the end: ${last}`)
      passed--
    }
  }
  readyTimes.sort((a, b) => a - b)
  const at = (share: number) => Math.round(readyTimes[Math.floor((readyTimes.length - 1) * share)] ?? 0)
  say(`ready: median ${at(0.5)} ms, longest ${at(1)} ms`)
  say(`${passed} passed, ${total - passed} failed`)
  process.exit(passed === total ? 0 : 1)
}

const makeWorld = async (user: User): Promise<World> => {
  const dataDir = mkdtempSync(join(tmpdir(), "wallet-lifecycle-"))
  chmodSync(dataDir, 0o755)
  if (user === "ordinary" && process.getuid?.() === 0) chownSync(dataDir, ORDINARY_UID, ORDINARY_UID)
  return { user, dataDir, port: await freePort() }
}

interface Outcome {
  readonly readyMs?: number
  readonly failure?: string
  /** The processes alive when the kill fell; they have until the end of the next cycle's start to be gone. */
  readonly left: ReadonlyArray<ProcessIdentity>
}

const runCycle = async (world: World, end: End, before: ReadonlyArray<ProcessIdentity>): Promise<Outcome> => {
  const started = performance.now()
  const program = start(world)
  if (end === "kill starting") {
    await sleep(20 + Math.random() * 300)
    return { left: await kill(world, program, end) }
  }
  const trouble = await untilReady(world, program, started + readyLimitMs)
  const readyMs = performance.now() - started
  const failure = trouble ?? (await allGone(before))
  const left = await kill(world, program, end)
  const lasting =
    failure ?? (end === "term group" && program.child.exitCode !== 0 ? `exit ${program.how()}` : undefined)
  return { readyMs, left, ...(lasting !== undefined && { failure: lasting }) }
}

interface Program {
  readonly child: ChildProcess
  readonly exited: Promise<void>
  readonly output: () => string
  readonly how: () => string
}

const start = ({ user, dataDir, port }: World): Program => {
  const [file = "", ...args] = [...asUser(user), ...command.split(" ")]
  const env = {
    ...process.env,
    DATA_DIR: dataDir,
    HTTP_PORT: String(port),
    METRICS_PORT: "0",
    SIMULATOR_PORT: "0",
    HOME: dataDir
  }
  const child = spawn(file, args, { detached: true, env, stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output = (output + chunk).slice(-2_000)
    })
  }
  const exited = new Promise<void>((resolve) => child.on("exit", () => resolve()).on("error", () => resolve()))
  return { child, exited, output: () => output, how: () => `${child.signalCode ?? child.exitCode}` }
}

const untilReady = async (world: World, program: Program, deadline: number): Promise<string | undefined> => {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${world.port}${values.ready}`).catch(() => undefined)
    if (answer?.ok) return undefined
    if (program.child.exitCode !== null || program.child.signalCode !== null) {
      return `ended while starting (${program.how()}): ${program.output().trim()}`
    }
    if (performance.now() > deadline) return `not ready in ${readyLimitMs} ms: ${program.output().trim()}`
    await sleep(10)
  }
}

const kill = async (world: World, { child, exited }: Program, end: End): Promise<ReadonlyArray<ProcessIdentity>> => {
  const left = processesOf(world.dataDir)
  const pid = child.pid ?? 0
  const target = end === "kill parent" ? pid : -pid
  try {
    process.kill(target, end === "term group" ? "SIGTERM" : "SIGKILL")
  } catch {} // it has ended by itself; the cycle says so
  await Promise.race([exited, sleep(drainLimitMs, undefined, { ref: false })])
  return left
}

const allGone = async (processes: ReadonlyArray<ProcessIdentity>): Promise<string | undefined> => {
  const deadline = performance.now() + goneLimitMs
  for (;;) {
    const alive = processes.filter(isAlive)
    if (alive.length === 0) return undefined
    if (performance.now() > deadline) return `still alive: ${alive.map(({ pid }) => pid).join(", ")}`
    await sleep(20)
  }
}

/** After the last kill nobody starts again, so what watches the data folder has to clear up alone. */
const leaveNothing = async (world: World, before: ReadonlyArray<ProcessIdentity>): Promise<string | undefined> => {
  const alive = await allGone([...before, ...processesOf(world.dataDir)])
  const taken = await freePort(world.port).then(
    () => undefined,
    () => `port ${world.port} is still taken`
  )
  rmSync(world.dataDir, { recursive: true, force: true })
  return alive ?? taken
}

await main()
