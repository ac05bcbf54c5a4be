/**
 * What a provider told by itself, and what it makes of a payment. It takes the same way as an answer that was asked for
 * (CASES P17): news is news whoever brings it, and what tells nothing new leaves no trace in the stream. So neither the
 * order of call-backs nor how often they come decides anything.
 */
import type { GatewayEvent, Operation, Provider } from "../../shared/contract/gateway.ts"
import type { Currency, Minor } from "../../shared/contract/money.ts"
import type { Decision } from "../../shared/runtime/decider.ts"
import type { Answer, RefundAnswer } from "./calls.ts"
import { answer, Draft } from "./choose.ts"
import { find } from "./evolve.ts"
import { answerRefund, findRefund, lookAgainAtRefund } from "./refunds.ts"
import type { Rules } from "./rules.ts"
import type { State } from "./state.ts"

/** As a provider's own words are read; whose it is stands in the reference we gave it. */
export type Notice = { readonly payment_id: string } & (
  | {
      readonly about: "attempt"
      readonly attempt: number
      readonly operation: Operation
      readonly answer: Answer
    }
  | {
      readonly about: "refund"
      readonly refund_id: string
      readonly answer: RefundAnswer
      readonly amount?: Minor
      readonly currency?: Currency
    }
)

/** RecordWebhook: one event of a provider, read and addressed. */
export interface Heard {
  readonly payment_id: string
  readonly provider: Provider
  readonly event_id: string
  readonly event_type: string
  readonly notice: Notice
}

type Decided = Decision<GatewayEvent>
const refuse = (code: string, reason: string): Decided => ({ refusal: { code, reason } })

/** `STRANGE`: it is no news of ours, though it says so: a person's case. `NOT_YET`: it may make sense later. */
export const hear = (state: State, heard: Heard, now: number, rules: Rules): Decided => {
  const { payment_id, provider, event_id, event_type, notice } = heard
  if (state.payment === undefined) return refuse("NOT_YET", "no provider was asked for this payment")
  const strange = strangeness(state, provider, notice)
  if (strange !== undefined) return refuse("STRANGE", strange)
  const { events } = take(new Draft(state, now, rules), provider, notice)
  if (events.length === 0) return { events }
  return {
    events: [{ type: "GatewayWebhookReceived", data: { payment_id, provider, event_id, event_type } }, ...events]
  }
}

const take = (draft: Draft, provider: Provider, notice: Notice): Draft => {
  const { payment_id } = notice
  switch (notice.about) {
    case "attempt": {
      const { attempt, operation } = notice
      const call = { payment_id, provider, attempt, operation, try: 0, breaker_failures: 0, jitter: 0 }
      return answer(draft, { ...notice.answer, ...call })
    }
    case "refund": {
      const { refund_id } = notice
      // Refused, and now it is said to be done: call-backs overtake each other, so the provider is asked.
      if (notice.answer.outcome === "succeeded" && findRefund(draft.state, refund_id)?.status === "REFUSED")
        return lookAgainAtRefund(draft, payment_id, refund_id, `${provider} tells that it is done`)
      return answerRefund(draft, { ...notice.answer, payment_id, refund_id, provider, try: 0, jitter: 0 })
    }
  }
}

/** Why it cannot be about what it names. */
const strangeness = (state: State, provider: Provider, notice: Notice): string | undefined => {
  switch (notice.about) {
    case "attempt": {
      const { attempt: n, answer } = notice
      const attempt = find(state, provider, n)
      if (attempt === undefined) return `attempt ${n} at ${provider} was never made`
      const other = answer.handle !== undefined && attempt.handle !== undefined && answer.handle !== attempt.handle
      return other ? `attempt ${n} at ${provider} is ${attempt.handle}, not ${answer.handle}` : undefined
    }
    case "refund": {
      const refund = findRefund(state, notice.refund_id)
      if (refund === undefined || refund.provider !== provider) return `refund ${notice.refund_id} was never asked for`
      const { amount = refund.amount, currency = refund.currency } = notice
      const same = amount === refund.amount && currency === refund.currency
      return same ? undefined : `refund ${notice.refund_id} is over another amount`
    }
  }
}
