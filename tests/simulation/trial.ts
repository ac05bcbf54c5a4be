/** One world played and judged, as numbers that can be added up; and the whole of it again, told, where it failed. */
import { judge } from "./invariants.ts"
import { MUTATIONS } from "./mutations/index.ts"
import { planOf } from "./plan.ts"
import { reachedIn } from "./sometimes.ts"
import { Tally } from "./tally.ts"
import { type Mutate, simulate, type Violation, type World } from "./world.ts"

export interface Trial {
  readonly seeds: number
  readonly payments: number
  readonly messages: number
  readonly virtualMs: number
  /** Kind → how often. */
  readonly faults: ReadonlyArray<readonly [string, number]>
  /** Property → in how many worlds. */
  readonly reached: ReadonlyArray<readonly [string, number]>
  readonly failed: ReadonlyArray<Failed>
  /** Of all traces, whatever their order. */
  readonly hash: number
}

export interface Failed {
  readonly seed: number
  readonly violations: ReadonlyArray<Violation>
}

export const worldOf = (seed: number, days: number, mutate?: Mutate): World => {
  const world = simulate(seed, planOf(seed, days), mutate)
  judge(world)
  return world
}

export interface Hunt {
  /** Worlds it took to find the bug; undefined: it was not found. */
  readonly seeds: number | undefined
  readonly by?: Violation | undefined
}

/** Plays world after world with a deliberate bug in it, until an invariant tells of it. */
export const hunt = (mutation: string, from: number, seeds: number, days: number): Hunt => {
  const mutate = MUTATIONS[mutation]
  for (let n = 0; n < seeds; n++) {
    const { violations } = worldOf(from + n, days, mutate)
    if (violations.length > 0) return { seeds: n + 1, by: violations[0] }
  }
  return { seeds: undefined }
}

/** One world in so many is played twice: it must take the same course (I12). */
const TWICE_EVERY = 50

export const tryAll = (seeds: Iterable<number>, days: number): Trial => {
  const [faults, reached] = [new Tally(), new Tally()]
  const failed: Array<Failed> = []
  let [count, payments, messages, virtualMs, hash] = [0, 0, 0, 0, 0]
  for (const seed of seeds) {
    const world = worldOf(seed, days)
    if (seed % TWICE_EVERY === 0 && worldOf(seed, days).hash !== world.hash)
      world.violate("I12", "played again, the same world took another course")
    count++
    payments += world.memory.rows("payment.payments").length
    messages += world.history.length
    virtualMs += world.time.now
    hash = (hash + Math.imul(world.hash ^ seed, 2_654_435_761)) >>> 0
    faults.join(world.tally.counts)
    for (const name of reachedIn(world)) reached.add(name)
    if (world.violations.length > 0) failed.push({ seed, violations: world.violations })
  }
  return {
    seeds: count,
    payments,
    messages,
    virtualMs,
    hash,
    failed,
    faults: [...faults.counts],
    reached: [...reached.counts]
  }
}

export const NOTHING: Trial = {
  seeds: 0,
  payments: 0,
  messages: 0,
  virtualMs: 0,
  faults: [],
  reached: [],
  failed: [],
  hash: 0
}

export const together = (a: Trial, b: Trial): Trial => {
  const sum = (...parts: ReadonlyArray<Trial["faults"]>) => {
    const tally = new Tally()
    for (const part of parts) tally.join(part)
    return [...tally.counts].sort(([one], [other]) => (one < other ? -1 : 1))
  }
  return {
    seeds: a.seeds + b.seeds,
    payments: a.payments + b.payments,
    messages: a.messages + b.messages,
    virtualMs: a.virtualMs + b.virtualMs,
    faults: sum(a.faults, b.faults),
    reached: sum(a.reached, b.reached),
    failed: [...a.failed, ...b.failed],
    hash: (a.hash + b.hash) >>> 0
  }
}
