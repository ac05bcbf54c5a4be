/**
 * Who owns a DATA_DIR. One platform per folder: the second is refused at once, in one line.
 *
 * There is no portable file lock without native code, so a claim is a file `owner.<n>` that names a live process. To
 * take over from a dead owner n one creates n + 1, which only one process can do; a claim counts only if it is still
 * the highest afterwards. A released claim is overwritten, not removed, so that n never falls back.
 */
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts"

export interface Claim {
  readonly release: () => void
}

const attempts = 20

/** A killed process takes a moment to be gone, and a restart may be quicker. */
const patienceMs = 1_000

export const claimDataDir = async (dataDir: string): Promise<Claim> => {
  const deadline = performance.now() + patienceMs
  for (let attempt = 0; attempt < attempts; ) {
    const highest = Math.max(0, ...generations(dataDir))
    const owner = highest === 0 ? undefined : readOwner(dataDir, highest)
    if (owner !== undefined && isAlive(owner)) {
      if (owner.pid === process.pid || performance.now() > deadline) throw inUse(dataDir, owner)
      await sleep(10)
      continue
    }
    attempt++
    const mine = highest + 1
    if (!create(dataDir, mine)) continue
    if (Math.max(...generations(dataDir)) !== mine) {
      rmSync(file(dataDir, mine), { force: true })
      continue
    }
    for (const older of generations(dataDir)) if (older < mine) rmSync(file(dataDir, older), { force: true })
    return { release: () => release(dataDir, mine) }
  }
  throw new Error(`${dataDir}: other processes keep claiming this data folder`)
}

const inUse = (dataDir: string, owner: ProcessIdentity) =>
  new Error(`${dataDir} is in use by process ${owner.pid}: stop it, or choose another DATA_DIR`)

const file = (dataDir: string, generation: number) => join(dataDir, `owner.${generation}`)

const generations = (dataDir: string): ReadonlyArray<number> =>
  readdirSync(dataDir).flatMap((name) => {
    const match = /^owner\.(\d+)$/.exec(name)
    return match === null ? [] : [Number(match[1])]
  })

const readOwner = (dataDir: string, generation: number): ProcessIdentity | undefined => {
  try {
    return JSON.parse(readFileSync(file(dataDir, generation), "utf8")) as ProcessIdentity
  } catch {
    return undefined // removed by a newer owner, or torn by a power cut: nobody alive wrote it
  }
}

let serial = 0
const temporary = (dataDir: string) => join(dataDir, `.owner-${process.pid}-${serial++}`)

/** The content must appear together with the name: written aside, then linked, which fails when the name is taken. */
const create = (dataDir: string, generation: number): boolean => {
  const aside = temporary(dataDir)
  writeFileSync(aside, JSON.stringify(ownIdentity()))
  try {
    linkSync(aside, file(dataDir, generation))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

const release = (dataDir: string, generation: number): void => {
  const aside = temporary(dataDir)
  try {
    writeFileSync(aside, JSON.stringify({ pid: 0, started: "released" }))
    renameSync(aside, file(dataDir, generation))
  } catch {} // the folder is gone: so is the claim
}
