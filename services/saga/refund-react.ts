/** What the refunds' own events send: the next step, the release, and the word to the user. */
import type { Recorded } from "../../shared/contract/envelope.ts"
import type { Outgoing, Reaction } from "../../shared/runtime/decider.ts"
import { NOTHING } from "../../shared/runtime/decider.ts"
import { findRefund, type Refund, type RefundEvent } from "./refund.ts"
import { refundStory, release, verifyRefund } from "./refund-story.ts"
import type { State } from "./state.ts"

/** A command has one id for the refund's whole life, so that sending it again is harmless. */
const named = (send: Outgoing, name: string, { order }: Refund): Outgoing => ({
  ...send,
  name: `refund:${order.refund_id}:${name}`
})

const stepOf = (refund: Refund): Outgoing =>
  named(refundStory[refund.step].send(refund.order, refund), refund.step, refund)

const releaseOf = (refund: Refund): Outgoing => {
  const failure = refund.failure ?? { code: "REFUSED", reason: "the provider refused the refund" }
  return named(release(refund.order, failure), "release", refund)
}

const notify = (refund: Refund): Outgoing => {
  const { payment_id, refund_id, user_id, amount, currency } = refund.order
  const failure = refund.failure === undefined ? {} : { refund_failure: refund.failure }
  const outcome = refund.status === "FAILED" ? ("refund_failed" as const) : ("refunded" as const)
  const data = { payment_id, user_id, outcome, amount, currency, refund_id, ...failure }
  const command = { type: "NotifyUser", data }
  return named({ topic: "notification-commands", subject: `notification-${payment_id}`, command }, "NotifyUser", refund)
}

export const reactToRefund = (state: State, event: Recorded<RefundEvent>): Reaction<never> => {
  const refund = state && findRefund(state, event.data.refund_id)
  if (refund === undefined) return NOTHING
  switch (event.type) {
    case "SagaRefundStarted":
      return { commands: [stepOf(refund)] }
    case "SagaRefundStepCompleted":
      return refundStory[event.data.step].next === undefined ? NOTHING : { commands: [stepOf(refund)] }
    case "SagaRefundStepFailed":
      return { commands: [releaseOf(refund)] }
    case "SagaRefundRecoveryAttempted": {
      const { action, reason } = event.data
      if (action === "verify") return { commands: [verifyRefund(refund.order, reason)] }
      return { commands: [refund.status === "RELEASING" ? releaseOf(refund) : stepOf(refund)] }
    }
    case "SagaRefundCompleted":
    case "SagaRefundFailed":
      return { commands: [notify(refund)] }
    case "SagaRefundWaits":
    case "SagaRefundParked":
      return NOTHING
  }
}
