/** After the faults: everything must finish by itself, however long its own times are, and then be at rest. */
import { Effect } from "effect"
import { resumeAll } from "./operators.ts"
import { dead, dealWith } from "./poison.ts"
import type { World } from "./world.ts"

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** Waits grow from a minute to a day; this many of them are some seven weeks. */
const WAITS_MAX = 60

const OPEN_ATTEMPTS = new Set(["STARTED", "UNKNOWN", "PENDING", "REVIEW", "REVERSING"])

/** What has not ended: its table, and how it stands. */
export const unfinished = ({ memory }: World): ReadonlyArray<string> => {
  const open = (table: string, is: (status: string) => boolean) =>
    memory
      .rows(table)
      .flatMap((row) =>
        is(String(row["status"])) ? [`${table}: ${row["id"] ?? row["payment_id"]} is ${row["status"]}`] : []
      )
  return [
    ...open("payment.payments", (status) => status === "INITIATED" || status === "VALIDATED"),
    ...open("payment.refunds", (status) => status === "pending"),
    ...open("saga.sagas", (status) => status !== "COMPLETED" && status !== "FAILED"),
    ...open("gateway.attempts", (status) => OPEN_ATTEMPTS.has(status)),
    ...open("wallet.holds", (status) => status.toLowerCase().startsWith("held"))
  ]
}

const resting = (world: World): boolean =>
  unfinished(world).length === 0 &&
  world.memory.timers.size === 0 &&
  dead(world.memory).length === 0 &&
  world.platforms.length > 0 &&
  world.platforms.every(({ idle }) => idle())

export const settle = (world: World): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let n = 0; n < WAITS_MAX; n++) {
      yield* world.time.sleep(Math.min(DAY_MS, MINUTE_MS * 1.6 ** n))
      if (resting(world)) break
      yield* dealWith(world)
      yield* resumeAll(world)
    }
    // What providers take back days later has its time as well.
    yield* world.time.sleep(4 * DAY_MS)
    for (const platform of world.platforms) {
      platform.life.onEnd = undefined
      yield* Effect.forkDetach(platform.life.bury)
    }
  })
