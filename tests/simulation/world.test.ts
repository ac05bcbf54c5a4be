import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { judge } from "./invariants.ts"
import { calmPlan, type Plan, planOf } from "./plan.ts"
import { tryAll } from "./trial.ts"
import { simulate } from "./world.ts"

/** Worlds one after the other until this time (ms) is over, so that the machine says how many: at least `SEEDS_MIN`. */
const WORLDS_MS = 15_000
const SEEDS_MIN = 100
const FROM = 1_000_000

const calm = (of: Partial<Plan> = {}) => {
  const world = simulate(1, calmPlan(of))
  judge(world)
  return world
}

test("a calm world: every payment completes, the wallet pays for each once", () => {
  const world = calm()
  expect(world.violations).toEqual([])
  expect(world.memory.rows("payment.payments").map((row) => row["status"])).toEqual(Array(5).fill("COMPLETED"))
})

test("a calm world with Adyen first, which takes two calls a charge", () => {
  const world = calm({ providers: ["adyen"] })
  expect(world.violations).toEqual([])
  expect(world.memory.rows("payment.payments").map((row) => row["provider"])).toEqual(Array(5).fill("adyen"))
})

test("I12 the same seed is the same world, another seed another", () => {
  const hash = (seed: number) => simulate(seed, planOf(seed, 30)).hash
  expect(hash(7)).toBe(hash(7))
  expect(hash(8)).not.toBe(hash(7))
})

/** Node 20 strips no types, so Node gets a bundle of the same sources. */
test("I12 the same seed is the same world on Bun and on Node", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hashes-"))
  try {
    const entrypoints = [join(import.meta.dir, "hashes.ts")]
    const { success } = await Bun.build({
      entrypoints,
      target: "node",
      format: "esm",
      outdir: folder,
      naming: "hashes.mjs"
    })
    expect(success).toBe(true)
    const run = (command: ReadonlyArray<string>) =>
      Bun.spawnSync([...command, "1,2,3,4,16"])
        .stdout.toString()
        .trim()
    const onBun = run([process.execPath, ...entrypoints])
    expect(onBun.split(",").length).toBe(5)
    expect(run(["node", join(folder, "hashes.mjs")])).toBe(onBun)
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 60_000)

/** What every run of some length meets; the rarer properties are for the long runs (`npm run simulate`). */
const OFTEN = [
  "unknown outcome, then completed",
  "fallback to a second provider",
  "fallback to a third provider",
  "payment failed, money back",
  "payment cancelled",
  "cancel race lost",
  "refund unknown, then done",
  "refund failed late",
  "hold expired",
  "OffsetsMoved refused",
  "commit done, answer lost",
  "crash at journal.after-write"
]

test("I1-I12 hostile worlds: no unit of money lost, made or charged twice, and everything ends", () => {
  const began = performance.now()
  function* seeds() {
    for (let n = 0; n < SEEDS_MIN || performance.now() - began < WORLDS_MS; n++) yield FROM + n
  }
  const { failed, reached, seeds: played, virtualMs } = tryAll(seeds(), 30)
  const took = (performance.now() - began) / 1000
  console.log(`${played} worlds, ${Math.round(played / took)}/s, ${Math.round(virtualMs / 86_400_000)} virtual days`)
  expect(failed).toEqual([])
  const names = new Set(reached.map(([name]) => name))
  expect(OFTEN.filter((name) => !names.has(name))).toEqual([])
}, 120_000)
