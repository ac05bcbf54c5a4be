/** One process of the crew: plays the seeds it is sent, and answers with their sums. Ends with its parent. */
import type { Job } from "./crew.ts"
import { hunt, tryAll } from "./trial.ts"

function* seedsOf({ from, seeds }: Job): Generator<number> {
  for (let seed = from; seed < from + seeds; seed++) yield seed
}

const play = (job: Job) =>
  job.mutation === undefined ? tryAll(seedsOf(job), job.days) : hunt(job.mutation, job.from, job.seeds, job.days)

process.on("disconnect", () => process.exit(0))
process.on("message", (job: Job) => process.send?.(play(job)))
process.send?.("ready")
