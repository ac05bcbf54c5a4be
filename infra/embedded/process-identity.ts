/**
 * Which process is meant, beyond its number: numbers are reused, so a start time goes with each. A zombie counts as
 * gone: it runs nothing and holds nothing, and some init processes reap it only seconds later, or never.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"

export interface ProcessIdentity {
  readonly pid: number
  readonly started: string
}

const onLinux = process.platform === "linux"

export const identityOf = (pid: number): ProcessIdentity | undefined =>
  onLinux ? identityFromProc(pid) : identityFromPs(pid)

export const isAlive = ({ pid, started }: ProcessIdentity): boolean => identityOf(pid)?.started === started

export const ownIdentity = (): ProcessIdentity => {
  const identity = identityOf(process.pid)
  if (identity === undefined) throw new Error("cannot read this process's own start time")
  return identity
}

const identityFromProc = (pid: number): ProcessIdentity | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name may hold spaces and brackets, so fields are counted from its closing bracket: state is the 3rd, start
    // time (in ticks since boot) the 22nd.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    if (fields[0] === "Z" || fields[0] === "X") return undefined
    return { pid, started: `${bootId()}:${fields[19]}` }
  } catch {
    return undefined
  }
}

let boot: string | undefined
const bootId = (): string => (boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim())

const identityFromPs = (pid: number): ProcessIdentity | undefined => {
  const { stdout } = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" })
  const [state = "", ...started] = (stdout ?? "").trim().split(/\s+/)
  return state === "" || state.startsWith("Z") ? undefined : { pid, started: started.join(" ") }
}

/** The live processes that work in this folder; only Linux can tell, elsewhere the answer is `undefined`. */
export const processesIn = (folder: string): ReadonlyArray<number> | undefined =>
  onLinux ? allPids().filter((pid) => identityOf(pid) !== undefined && link(`/proc/${pid}/cwd`) === folder) : undefined

export const allPids = (): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

const link = (path: string): string | undefined => {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** Does one of these processes replay the log after a crash? Then its postmaster hears of no orderly shutdown. */
export const someRecovers = (pids: ReadonlyArray<number>): boolean =>
  pids.some((pid) => {
    try {
      return /^postgres: startup/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
    } catch {
      return false
    }
  })

/** Is this live process a Postgres? Where it cannot be told, the answer is yes: the careful one. */
export const looksLikePostgres = (pid: number): boolean => {
  try {
    if (onLinux) return /postgres/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
    return /postgres/.test(spawnSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).stdout)
  } catch {
    return true
  }
}
