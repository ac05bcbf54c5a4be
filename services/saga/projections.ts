/** Saga events → read-model rows. Pure. */
import { Schema } from "effect"
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { Failure } from "../../shared/contract/payment.ts"
import type { SagaEvent } from "../../shared/contract/saga.ts"
import type { Projected } from "../../shared/runtime/decider.ts"
import { sagaProgress } from "../../shared/runtime/progress.ts"
import { findRefund, isRefundEvent, type RefundEvent } from "./refund.ts"
import { isOpen, type Saga, type State } from "./state.ts"
import { refundsTable, sagasTable } from "./store.ts"
import { story } from "./story.ts"

/**
 * A step that goes well moves the payment's progress, not the saga's row: it is written at its start, turns and
 * end.
 */
const PASSING: ReadonlySet<SagaEvent["type"]> = new Set(["SagaStepCompleted", "CompensationStepCompleted"])

const encodeFailure = Schema.encodeSync(Failure)

export const project = (state: State, event: Recorded<SagaEvent>, cause: Message): ReadonlyArray<Projected> => {
  if (state === undefined) return []
  if (isRefundEvent(event)) return refundRow(state, event, cause)
  const { payment_id } = state.order
  if (event.type === "SagaStepCompleted") {
    const shows = story[event.data.step].shows
    const progress = shows === undefined ? [] : [sagaProgress(payment_id, shows, event.time)]
    return state.unparked === true ? [...progress, ...sagaRow(state, event, cause)] : progress
  }
  return PASSING.has(event.type) && state.unparked !== true ? [] : sagaRow(state, event, cause)
}

const sagaRow = (state: Saga, event: Recorded<SagaEvent>, cause: Message): ReadonlyArray<Projected> => {
  const { payment_id, user_id, deadline } = state.order
  const row = {
    payment_id,
    tenant: cause.tenant,
    user_id,
    status: shownStatus(state),
    step: state.step,
    failure: state.failure === undefined ? null : JSON.stringify(encodeFailure(state.failure)),
    deadline,
    stuck_since: state.stuckTold && isOpen(state) ? (state.waitingSince ?? state.startedAt) : null,
    parked: state.parked,
    waits: waits(state),
    version: event.version,
    started_at: state.startedAt,
    updated_at: event.time
  }
  return [{ table: sagasTable, row }]
}

/** A compensation that gave up is a state of its own to people: one of them is called (DECISIONS D3). */
const shownStatus = ({ status, parked }: Saga): string =>
  status === "COMPENSATING" && parked ? "COMPENSATION_FAILED" : status

/** What keeps an open saga, for people; nothing where nothing does, as in every payment that goes well. */
const waits = ({ recoveries, waitsFor, waitingSince, closing, status }: Saga): string | null => {
  if (!isOpen({ status }) || (recoveries === 0 && waitsFor === undefined && !closing)) return null
  return JSON.stringify({ recoveries, reason: waitsFor, since: waitingSince, closing })
}

const refundRow = (state: Saga, event: Recorded<RefundEvent>, cause: Message): ReadonlyArray<Projected> => {
  const refund = findRefund(state, event.data.refund_id)
  if (refund === undefined) return []
  const { payment_id, refund_id, user_id } = refund.order
  const { status, step, failure, parked, startedAt: started_at } = refund
  const told = failure === undefined ? null : JSON.stringify(failure)
  const of = { refund_id, payment_id, tenant: cause.tenant, user_id }
  const row = { ...of, status, step, failure: told, parked, started_at, updated_at: event.time }
  return [{ table: refundsTable, row }]
}
