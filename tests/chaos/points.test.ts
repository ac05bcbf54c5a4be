/** F08 in short: every labelled point, a few times each. `npm run kill` is the long form. */
import { afterAll, expect, test } from "bun:test"
import { join } from "node:path"
import { migrations } from "../../infra/embedded/schema.ts"
import { testDatabase } from "../../infra/testing/postgres.ts"
import { CRASH_POINTS } from "../../shared/runtime/crashpoint.ts"
import { prng } from "../simulation/seeded.ts"
import { judged, ROUND_MS_MAX, seed } from "./judged.ts"
import { play, type Way } from "./rounds.ts"
import { makeVictim } from "./victim.ts"

const HITS = 2

test("F08 no labelled point is forgotten: those that the source reaches are those that are killed at", async () => {
  const root = join(import.meta.dir, "../..")
  const reached = new Set<string>()
  for (const folder of ["services", "shared", "infra"]) {
    for (const file of new Bun.Glob("**/*.ts").scanSync(join(root, folder))) {
      const source = await Bun.file(join(root, folder, file)).text()
      for (const [, label] of source.matchAll(/\breach\(\s*"([^"]+)"/g)) reached.add(label as string)
    }
  }
  expect([...reached].sort()).toEqual([...CRASH_POINTS].sort())
})

const database = await testDatabase({ migrations })
afterAll(() => database.drop())

const points: ReadonlyArray<Way> = Array.from({ length: HITS }, () => CRASH_POINTS).flat()
test(
  `F08 P22 P109 kill -9 at each of ${CRASH_POINTS.length} labelled points under load: nothing is lost, or done twice`,
  async () => {
    await using victim = await makeVictim({ user: "root", databaseUrl: database.url })
    judged(await play(victim, points, prng(seed)))
  },
  points.length * ROUND_MS_MAX
)
