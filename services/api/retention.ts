/** Idempotency keys are kept for 30 days, and never shorter than their payment is open (DECISIONS D4). */
import { Clock, Effect, Layer } from "effect"
import type { Sql } from "../../shared/runtime/postgres.ts"
import { forgetIdempotencyKeys } from "./store.ts"

const KEPT_MS = 30 * 24 * 60 * 60 * 1000
const LOOK_EVERY_MS = 60 * 60 * 1000
/** Small enough that a delete never holds up the commits that write new keys. */
const BATCH = 1_000
const BATCHES_MAX = 1_000
const PAUSE_MS = 50

const forget = Effect.gen(function* () {
  const before = (yield* Clock.currentTimeMillis) - KEPT_MS
  for (let batch = 0; batch < BATCHES_MAX; batch++) {
    if ((yield* forgetIdempotencyKeys(before, BATCH)) < BATCH) return
    yield* Effect.sleep(PAUSE_MS)
  }
})

/** Runs as long as the layer lives; a store that is away is asked again an hour later. */
export const retentionLayer: Layer.Layer<never, never, Sql> = Layer.effectDiscard(
  Effect.forkScoped(
    Effect.forever(
      forget.pipe(
        Effect.catchCause((cause) => Effect.logWarning("idempotency keys were not forgotten", cause)),
        Effect.andThen(Effect.sleep(LOOK_EVERY_MS))
      )
    )
  )
)
