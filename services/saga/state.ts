/** What a saga remembers, and the bounds it keeps to. */
import type { Failure } from "../../shared/contract/payment.ts"
import type { SagaEvent, Step } from "../../shared/contract/saga.ts"
import type { Decision } from "../../shared/runtime/decider.ts"
import type { Refund } from "./refund.ts"
import type { Order } from "./story.ts"

export interface Settings {
  readonly sagaTimeoutMs: number
  readonly stepTimeoutMs: number
  /** How often an open saga that waits for a provider is looked at again. */
  readonly recoveryIntervalMs: number
  /** An open payment that waited for so long is flagged stuck, once (MISSION 7). */
  readonly stuckAfterMs: number
}

export type Status = "PROCESSING" | "AWAITING_GATEWAY" | "COMPENSATING" | "COMPLETED" | "FAILED"

export interface Saga {
  readonly order: Order
  readonly status: Status
  /** The step whose answer is awaited. */
  readonly step: Step
  readonly deducted: boolean
  readonly provider?: string | undefined
  readonly provider_reference?: string | undefined
  /** Why it compensates. */
  readonly failure?: Failure | undefined
  /** Steps still to be undone, next first; empty while compensating: the payment is being marked. */
  readonly undo: ReadonlyArray<Step>
  /** True once CompensationStarted was told: a refusal with nothing to undo needs none. */
  readonly compensated: boolean
  /** The gateway was asked to close the payment and has not said yes. */
  readonly closing: boolean
  /** An operator asked for its end, which is then the reason why it compensates. */
  readonly stopped?: boolean | undefined
  /** ms; when the current step's time is up. */
  readonly stepDeadline: number
  readonly recoveries: number
  readonly startedAt: number
  readonly waitingSince?: number | undefined
  /** What it waits for, in a word or a sentence. */
  readonly waitsFor?: string | undefined
  readonly stuckTold: boolean
  /** Recoveries helped nothing and a person was paged; an answer that comes all the same still counts. */
  readonly parked: boolean
  /** Refunds of the payment, run by refund.ts; absent: none was asked for. */
  readonly refunds?: ReadonlyArray<Refund> | undefined
  /** This event ended its being parked, so that its row must be written. */
  readonly unparked?: boolean | undefined
}
export type State = Saga | undefined

export type Decided = Decision<SagaEvent>
export const nothing: Decided = { events: [] }
export const append = (...events: ReadonlyArray<SagaEvent>): Decided => ({ events })

/** At most so many times is a step sent again; then a person is paged (asking is not counted). */
export const RECOVERIES_MAX = 3

export const isOpen = ({ status }: Pick<Saga, "status">): boolean => status !== "COMPLETED" && status !== "FAILED"
