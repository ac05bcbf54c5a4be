/** Prints the trace hashes of a few hostile worlds, one line: run on Bun and on Node, the lines must be the same. */
import { hostile, simulate } from "./world.ts"

const seeds = (process.argv[2] ?? "1,2,3").split(",").map(Number)
const hashes: Array<number> = []
for (const seed of seeds) hashes.push((await simulate(seed, hostile)).hash)
process.stdout.write(`${hashes.join(",")}\n`)
