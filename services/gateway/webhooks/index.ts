/** Call-backs as composition needs them: who receives one, and what works on them afterwards. */
import { Clock, Effect } from "effect"
import { HttpClient } from "effect/http"
import type { Submit } from "../../../shared/runtime/commands.ts"
import type { Sql } from "../../../shared/runtime/postgres.ts"
import { makeSignal } from "../../../shared/runtime/signal.ts"
import type { Webhooks } from "../../../shared/runtime/webhooks.ts"
import { makeCertificates } from "./certificates.ts"
import { makeGathering } from "./gathering.ts"
import { round } from "./process.ts"
import { type Count, FIRST_LOOK_MS, makeReceive } from "./receive.ts"
import type { WebhookSettings } from "./settings.ts"
import { forget, soonest } from "./store.ts"

/** How long (ms) a row that another process has kept, or one that is parked, may be due before it is noticed. */
const LOOK_EVERY_MS = 1_000
const FORGET_EVERY_MS = 3_600_000
/** Small enough that a delete never holds up the writes of new ones. */
const FORGET_BATCH = 1_000
const FORGET_BATCHES_MAX = 1_000
/** After the store refused. */
const PAUSE_MS = 500

export interface WebhookParts {
  readonly settings: WebhookSettings
  /** Of the gateway's processor. */
  readonly submit: Submit
  readonly count: Count
}

export const makeWebhooks = Effect.fnUntraced(function* ({ settings, submit, count }: WebhookParts) {
  const sql = yield* Effect.context<Sql>()
  const signal = makeSignal()
  const gathering = makeGathering(signal.raise)
  const certificates = makeCertificates(yield* HttpClient.HttpClient, settings.certificates)
  const { retention_ms } = settings

  /** Sleeps until something is due or something new came; what is new has a moment before it is looked at. */
  const rest = Effect.gen(function* () {
    const [now, next] = [yield* Clock.currentTimeMillis, yield* soonest]
    const wait = next === undefined ? LOOK_EVERY_MS : Math.min(Math.max(next - now, 1), LOOK_EVERY_MS)
    yield* Effect.raceFirst(Effect.andThen(signal.wait, Effect.sleep(FIRST_LOOK_MS)), Effect.sleep(wait))
  })
  const process = round({ submit, count, retention_ms }).pipe(
    Effect.flatMap((more) => (more ? Effect.void : rest)),
    Effect.catchCause((cause) =>
      Effect.andThen(Effect.logWarning("call-backs are not processed now", cause), Effect.sleep(PAUSE_MS))
    )
  )
  const forgetting = Effect.gen(function* () {
    const before = (yield* Clock.currentTimeMillis) - retention_ms
    for (let batch = 0; batch < FORGET_BATCHES_MAX; batch++)
      if ((yield* forget(before, FORGET_BATCH)) < FORGET_BATCH) return
  }).pipe(
    Effect.catchCause((cause) => Effect.logWarning("old call-backs were not forgotten", cause)),
    Effect.andThen(Effect.sleep(FORGET_EVERY_MS))
  )
  const loops = [gathering.run, Effect.forever(process), Effect.forever(forgetting)]
  const receive: Webhooks["Service"]["receive"] = makeReceive({ settings, certificates, count, keep: gathering.add })
  return {
    receive,
    /** Works until it is interrupted. */
    run: Effect.provideContext(Effect.all(loops, { concurrency: "unbounded", discard: true }), sql)
  }
})
