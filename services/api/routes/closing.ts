/**
 * An operator's compensation asks the gateway to close the payment first, and only the gateway's answer says whether
 * money may go back (DECISIONS D3). It is waited for here, because the operator has to hear a no.
 */
import { Clock, Effect, Result } from "effect"
import { decode, partitionKey } from "../../../shared/contract/codec.ts"
import { topicPartition } from "../../../shared/contract/topics.ts"
import type { Outcome } from "../../../shared/runtime/journal/fold.ts"
import type { SagaRecord } from "../ops/records.ts"
import { problem } from "../problem.ts"
import type { EventRecord } from "../records.ts"
import type { ApiFailure } from "../responses.ts"
import type { ApiRequest } from "../route.ts"
import type { Parts } from "./parts.ts"

/** How often the gateway's answer is looked for, and for how long (ms); it comes within two commits. */
const LOOK_EVERY_MS = 20
const ANSWER_WITHIN_MS = 4_000
/** Closed, the money is back and the payment marked within some commits more. */
const END_WITHIN_MS = 2_000

const ANSWERS = ["GatewayClosed", "GatewayCloseRefused"] as const
const ANY_VERSION = 2 ** 31 - 1

/** Remembers what the gateway had said before; the result waits for what it says after the saga's commit. */
export const closing = ({ store, wait }: Parts, { principal }: Pick<ApiRequest, "principal">, saga: SagaRecord) => {
  const key = partitionKey(principal.tenant, saga.user_id)
  const stream = { tp: topicPartition("gateway-events", key), stream: `gateway-${saga.id}` }
  const last = store.lastEvent(stream, ANY_VERSION, ANSWERS)
  return Effect.map(
    last,
    (before) =>
      (outcome: Outcome): Effect.Effect<void, ApiFailure> =>
        Effect.gen(function* () {
          const began = yield* Clock.currentTimeMillis
          if (asksToClose(outcome)) {
            let answer = before
            while (answer === undefined || answer.version === before?.version) {
              if ((yield* Clock.currentTimeMillis) > began + ANSWER_WITHIN_MS) return
              yield* Effect.sleep(LOOK_EVERY_MS)
              answer = yield* last
            }
            if (answer.type === "GatewayCloseRefused") return yield* Effect.fail(notNow(saga.id, answer))
          }
          yield* wait.ended(saga.id, (yield* Clock.currentTimeMillis) + END_WITHIN_MS)
        })
  )
}

/** Applied before and its answer lost: whether it asked is not known, so it is looked for. */
const asksToClose = (outcome: Outcome): boolean =>
  outcome._tag === "Applied"
    ? outcome.events.some(
        ({ type, data }) => type === "SagaRecoveryAttempted" && (data as { action?: string }).action === "close"
      )
    : outcome._tag === "Skipped"

const notNow = (payment_id: string, { id, type, stream, cause, body }: EventRecord) => {
  const message = Result.getOrThrow(decode(body, { id, type, subject: stream, causationid: cause }))
  const { reason } = message.data as { readonly reason: string }
  return problem("SAGA_NOT_COMPENSATABLE", {
    detail: `${reason}: it is being fenced, and the payment ends as soon as nothing can take money`,
    details: { payment_id, closing: true }
  })
}
