/** F08 in short: every way to be killed, with a database that can be killed as well, as whoever may start it. */
import { test } from "bun:test"
import { users } from "../../infra/users.ts"
import { prng } from "../simulation/seeded.ts"
import { judged, ROUND_MS_MAX, seed } from "./judged.ts"
import { KILLS, play } from "./rounds.ts"
import { makeVictim } from "./victim.ts"

for (const user of users(console.log))
  test(
    `F08 P22 as ${user}: the group, the parent alone, Postgres alone, one of its backends; and told to stop`,
    async () => {
      await using victim = await makeVictim({ user })
      judged(await play(victim, KILLS, prng(seed)))
    },
    (KILLS.length + 1) * ROUND_MS_MAX
  )
