/** Prints the trace hashes of a few hostile worlds, one line: run on Bun and on Node, the lines must be the same. */
import { planOf } from "./plan.ts"
import { simulate } from "./world.ts"

const seeds = (process.argv[2] ?? "1,2,3").split(",").map(Number)
process.stdout.write(`${seeds.map((seed) => simulate(seed, planOf(seed, 30)).hash).join(",")}\n`)
