/** Processor time of processes, from /proc. */
import { readdirSync, readFileSync } from "node:fs"

const TICKS_A_SECOND = 100

const stat = (pid: number) => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1")
    const fields = text.slice(text.lastIndexOf(") ") + 2).split(" ")
    return {
      parent: Number(fields[1]),
      own: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
      /** Of children that have ended and were waited for. */
      ended: (Number(fields[13]) + Number(fields[14])) / TICKS_A_SECOND
    }
  } catch {
    return { parent: 0, own: 0, ended: 0 } // it has ended meanwhile
  }
}

export const childrenOf = (parent: number): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((name) =>
    /^\d+$/.test(name) && stat(Number(name)).parent === parent ? [Number(name)] : []
  )

export const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")

/** User and system seconds of one process, all its threads. */
export const cpuSeconds = (pid: number): number => stat(pid).own

/** The same of a server and all its processes, also those that have ended. */
export const cpuSecondsOfFamily = (pid: number): number => {
  const { own, ended } = stat(pid)
  return childrenOf(pid).reduce((total, child) => total + stat(child).own, own + ended)
}

/** Of all processes together, on all cores; idle time and time waiting for a disk are not in it. */
export const cpuSecondsOfMachine = (): number => {
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0] = (
    readFileSync("/proc/stat", "latin1").split("\n")[0] ?? ""
  )
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + soft) / TICKS_A_SECOND
}
