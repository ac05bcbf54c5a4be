/** Worlds are independent: one process a core plays them, each asking for the next few when it is done. */
import { availableParallelism } from "node:os"
import { join } from "node:path"

/** What a worker is asked, and how it answers. */
export interface Job {
  readonly from: number
  readonly seeds: number
  readonly days: number
  /** Play with this deliberate bug until it is found. */
  readonly mutation?: string
}

export interface Crew<Answer> {
  /** One answer per job, as they come. */
  readonly work: (jobs: Iterator<Job>, heard: (answer: Answer, job: Job) => void) => Promise<void>
  readonly size: number
}

const worker = join(import.meta.dir, "worker.ts")

const start = <Answer>(jobs: Iterator<Job>, heard: (answer: Answer, job: Job) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    let job: Job | undefined
    const next = () => {
      const { done, value } = jobs.next()
      job = done === true ? undefined : value
      if (job === undefined) child.kill()
      else child.send(job)
    }
    const child = Bun.spawn([process.execPath, worker], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (answer: Answer | "ready") => {
        if (answer !== "ready" && job !== undefined) heard(answer, job)
        next()
      },
      onExit: (_child, code, signal) => {
        if (job === undefined) resolve()
        else reject(new Error(`a worker ended (${signal ?? code}) while it played seeds from ${job.from}`))
      }
    })
  })

export const crewOf = <Answer>(size = availableParallelism()): Crew<Answer> => ({
  size,
  work: async (jobs, heard) => {
    await Promise.all(Array.from({ length: size }, () => start(jobs, heard)))
  }
})

/** Cuts seeds into jobs: small enough for an even end, large enough to cost nothing. */
export function* pieces(from: number, seeds: number, days: number, size: number): Generator<Job> {
  for (let at = 0; at < seeds; at += size) yield { from: from + at, seeds: Math.min(size, seeds - at), days }
}
