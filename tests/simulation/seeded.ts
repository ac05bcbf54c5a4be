/** Randomness and scheduling out of one seed: one seed is one interleaving, on Bun and Node alike. */

/** mulberry32: small, fast and the same everywhere. */
export const prng = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Task = () => void

/** One run queue for Effect's fibers: the seed picks the next task and every place to yield. */
export class SeededScheduler {
  readonly executionMode = "async" as const
  private readonly tasks: Array<Task> = []
  private readonly random: () => number
  private readonly yields: number
  private armed = false

  constructor(random: () => number, yields: number) {
    this.random = random
    this.yields = yields
  }

  shouldYield(): boolean {
    return this.random() < this.yields
  }

  makeDispatcher() {
    return {
      scheduleTask: (task: Task) => {
        this.tasks.push(task)
        if (this.armed) return
        this.armed = true
        queueMicrotask(() => {
          this.armed = false
          this.drain()
        })
      },
      flush: () => this.drain()
    }
  }

  private drain(): void {
    while (this.tasks.length > 0) {
      const at = Math.floor(this.random() * this.tasks.length)
      const task = this.tasks[at] as Task
      this.tasks[at] = this.tasks[this.tasks.length - 1] as Task
      this.tasks.pop()
      task()
    }
  }
}

/** FNV-1a over the lines, 32 bit. */
export const hashOf = (lines: ReadonlyArray<string>): number => {
  let hash = 2_166_136_261
  for (const line of lines)
    for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 16_777_619)
  return hash >>> 0
}
