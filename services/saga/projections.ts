/** Saga events → read-model rows. Pure. */
import { Schema } from "effect"
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { Failure } from "../../shared/contract/payment.ts"
import type { SagaEvent } from "../../shared/contract/saga.ts"
import type { Projected } from "../../shared/runtime/decider.ts"
import { sagaProgress } from "../../shared/runtime/progress.ts"
import type { State } from "./saga.ts"
import { sagasTable } from "./store.ts"
import { story } from "./story.ts"

/**
 * A step that goes well moves the payment's progress, not the saga's row: it is written at its start, turns and
 * end.
 */
const PASSING: ReadonlySet<SagaEvent["type"]> = new Set(["SagaStepCompleted", "CompensationStepCompleted"])

const encodeFailure = Schema.encodeSync(Failure)

export const project = (state: State, event: Recorded<SagaEvent>, cause: Message): ReadonlyArray<Projected> => {
  if (state === undefined) return []
  const { payment_id, user_id, deadline } = state.order
  if (event.type === "SagaStepCompleted") {
    const shows = story[event.data.step].shows
    return shows === undefined ? [] : [sagaProgress(payment_id, shows, event.time)]
  }
  if (PASSING.has(event.type)) return []
  const row = {
    payment_id,
    tenant: cause.tenant,
    user_id,
    status: state.status,
    step: state.step,
    failure: state.failure === undefined ? null : JSON.stringify(encodeFailure(state.failure)),
    deadline,
    stuck_since: state.stuckTold ? (state.waitingSince ?? state.startedAt) : null,
    parked: state.parked,
    version: event.version,
    started_at: state.startedAt,
    updated_at: event.time
  }
  return [{ table: sagasTable, row }]
}
