/**
 * Call-backs on their way into the store: one write at a time, with everything that came meanwhile, so that a thousand
 * of them a second are not as many commits.
 */
import { Deferred, Effect } from "effect"
import { NotAccepted } from "../../../shared/runtime/commands.ts"
import type { Sql } from "../../../shared/runtime/postgres.ts"
import { makeSignal } from "../../../shared/runtime/signal.ts"
import { type Arrived, keep, keyOf } from "./store.ts"

interface Waiting {
  readonly arrived: ReadonlyArray<Arrived>
  readonly reply: Deferred.Deferred<ReadonlySet<string>, NotAccepted>
}

/** Beyond that a provider is told to come again. */
const WAITING_MAX = 5_000
/** Rows of one write. */
const BATCH_MAX = 500

export const makeGathering = (kept: () => void) => {
  const signal = makeSignal()
  const waiting: Array<Waiting> = []
  const add = (arrived: ReadonlyArray<Arrived>): Effect.Effect<ReadonlySet<string>, NotAccepted> =>
    Effect.suspend(() => {
      if (waiting.length >= WAITING_MAX) return new NotAccepted({ detail: `${waiting.length} call-backs wait` })
      const reply = Deferred.makeUnsafe<ReadonlySet<string>, NotAccepted>()
      waiting.push({ arrived, reply })
      signal.raise()
      return Deferred.await(reply)
    })
  const write = Effect.gen(function* () {
    yield* signal.wait
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH_MAX)
      const written = yield* Effect.result(keep(batch.flatMap(({ arrived }) => arrived)))
      if (written._tag === "Failure") {
        const failure = new NotAccepted({ detail: `call-backs cannot be kept: ${written.failure._tag}` })
        for (const { reply } of batch) Deferred.doneUnsafe(reply, Effect.fail(failure))
        continue
      }
      const keys = new Set(written.success.map(keyOf))
      for (const { reply } of batch) Deferred.doneUnsafe(reply, Effect.succeed(keys))
      if (keys.size > 0) kept()
    }
  })
  /** Works until it is interrupted. */
  const run: Effect.Effect<never, never, Sql> = Effect.forever(write)
  return { add, run }
}
