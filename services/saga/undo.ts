/** Undoing: which steps, in which order, and why. */
import type { Failure } from "../../shared/contract/payment.ts"
import type { Step } from "../../shared/contract/saga.ts"
import { append, type Decided, type Saga } from "./state.ts"
import { story } from "./story.ts"

export const undoing = (state: Saga, failure: Failure, undo: ReadonlyArray<Step>): Decided =>
  append({ type: "CompensationStarted", data: { payment_id: state.order.payment_id, failure, undo } })

/** Steps before this one that have something to undo, last first. */
export const before = (step: Step): ReadonlyArray<Step> => {
  const steps = Object.keys(story) as ReadonlyArray<Step>
  return steps
    .slice(0, steps.indexOf(step))
    .filter((earlier) => story[earlier].undo !== undefined && earlier !== "ProcessWithGateway")
    .reverse()
}
/** The same with the step itself, whose command may have been carried out although no answer came. */
export const upTo = (step: Step): ReadonlyArray<Step> => (step === "DeductWalletBalance" ? [step] : before(step))

const timedOut = (state: Saga): Failure => ({
  code: "PAYMENT_TIMED_OUT",
  stage: "SAGA",
  reason: `the payment did not end in time, it was at ${state.step}`
})

const stopped = (state: Saga): Failure => ({
  code: "PAYMENT_STOPPED",
  stage: "SAGA",
  reason: `an operator ended the payment, it was at ${state.step}`
})

/** Why a saga that was asked to end compensates: a person's word, or time that was up. */
export const givenUp = (state: Saga): Failure => (state.stopped === true ? stopped(state) : timedOut(state))
