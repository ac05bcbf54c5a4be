/** Randomness and scheduling out of one seed: one seed is one interleaving, on Bun and Node alike. */

export type Random = () => number

/** mulberry32: small, fast and the same everywhere. */
export const prng = (seed: number): Random => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Task = () => void

/** At one moment of virtual time. */
const TASKS_MAX = 300_000

/** One run queue for Effect's fibers: the seed picks the next task and every place to yield. Nothing runs by itself. */
export class SeededScheduler {
  readonly executionMode = "sync" as const
  private readonly tasks: Array<Task> = []
  private readonly random: Random
  private readonly apart: number
  private left: number

  /** `apart`: operations between two places to yield, on average. */
  constructor(random: Random, apart: number) {
    this.random = random
    this.apart = apart
    this.left = this.draw()
  }

  private draw(): number {
    return 1 + Math.floor(2 * this.apart * this.random())
  }

  shouldYield(): boolean {
    if (--this.left > 0) return false
    this.left = this.draw()
    return true
  }

  makeDispatcher() {
    return { scheduleTask: (task: Task) => void this.tasks.push(task), flush: () => undefined }
  }

  /** Runs until nobody can go on; false: nobody ever rests. */
  drain(): boolean {
    const { tasks, random } = this
    for (let n = 0; tasks.length > 0; n++) {
      if (n > TASKS_MAX) return false
      const at = tasks.length === 1 ? 0 : Math.floor(random() * tasks.length)
      const task = tasks[at] as Task
      const last = tasks.pop() as Task
      if (at < tasks.length) tasks[at] = last
      task()
    }
    return true
  }
}

export const HASH_BEGIN = 2_166_136_261

/** FNV-1a, 32 bit; goes on from an earlier hash. */
export const hashOf = (text: string, from = HASH_BEGIN): number => {
  let hash = from
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16_777_619)
  return hash >>> 0
}
