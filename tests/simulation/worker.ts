/** One process of the crew: plays the seeds it is sent, and answers with their sums. Ends with its parent. */
import type { Job } from "./crew.ts"
import { tryAll } from "./trial.ts"

function* seedsOf({ from, seeds }: Job): Generator<number> {
  for (let seed = from; seed < from + seeds; seed++) yield seed
}

process.on("disconnect", () => process.exit(0))
process.on("message", (job: Job) => process.send?.(tryAll(seedsOf(job), job.days)))
process.send?.("ready")
