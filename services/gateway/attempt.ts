/**
 * One attempt: one provider asked for one payment under one key. It reads from top to bottom: what an attempt is, what
 * an answer means, when it is looked at, and what each event makes of it. What is asked next is next.ts.
 *
 * The rule all of it serves: an unknown outcome is a state. Another provider may be asked only when this one cannot
 * take money any more, as its own durable answer says (a refusal of the only send, or a fence), never because time
 * passed.
 */
import type { GatewayEvent } from "../../shared/contract/gateway.ts"
import { type Answered, RECEIVED } from "./calls.ts"
import { isStored, spacingMs } from "./next.ts"
import type { Rules } from "./rules.ts"
import type { Attempt, Payment, Status } from "./state.ts"

type DataOf<Type extends GatewayEvent["type"]> = Extract<GatewayEvent, { readonly type: Type }>["data"]

const UNRESOLVED: ReadonlySet<Status> = new Set<Status>(["STARTED", "UNKNOWN", "PENDING", "REVIEW"])

/** Nobody knows yet: the attempt may take money now or later. At most one attempt of a payment is like this. */
export const unresolved = (attempt: Attempt): boolean => UNRESOLVED.has(attempt.status)
/** It may take money, or has taken it and keeps it: no other attempt may begin. */
export const blocks = (attempt: Attempt): boolean => unresolved(attempt) || attempt.status === "SUCCEEDED"

/** What an answer tells. */
export type Verdict =
  /** A duplicate, or a late answer without new truth. */
  | "nothing"
  /** The charge exists, in the amount that was asked. */
  | "charged"
  /** The provider took another amount or currency: no success, no failure, a person's case. */
  | "mismatch"
  /** It cannot take money: the only send was refused before execution, or the issuer declined. */
  | "refused"
  /** It can never take money any more: cancelled or voided. */
  | "fenced"
  /** The provider says what an operator had said before it. */
  | "confirmed"
  | "pending"
  /** Nothing was taken yet, though it still could be. */
  | "not_charged"
  | "unknown"
  | "reversed"
  /** The reversal was accepted and is not done yet. */
  | "reversing"

const asked = ({ asking }: Attempt, answer: Answered): boolean =>
  asking !== undefined && asking.operation === answer.operation && asking.try === answer.try

export const judge = (attempt: Attempt, answer: Answered, payment: Payment): Verdict => {
  const expected = asked(attempt, answer)
  if (attempt.status === "REVERSED" || attempt.status === "SUCCEEDED") return "nothing"
  if (attempt.status === "REVERSING")
    return answer.operation === "reverse" ? judgeReversal(answer, expected) : "nothing"
  if (answer.operation === "reverse") return "nothing"
  // What was only received may come to nothing after a cancel; then the notification is the truth.
  if (answer.code === RECEIVED && attempt.fences > 0) return "nothing"
  // A success is news in every other state, even after the fence: late truth is never dropped.
  if (answer.outcome === "succeeded" || answer.outcome === "late_success") {
    if (answer.amount === payment.amount && answer.currency === payment.currency) return "charged"
    return attempt.mismatch && !expected ? "nothing" : attempt.mismatch ? "unknown" : "mismatch"
  }
  if (!unresolved(attempt)) return attempt.vouched === true ? confirmation(answer, expected) : "nothing"
  if (attempt.mismatch) return expected ? "unknown" : "nothing"
  switch (answer.outcome) {
    case "fenced":
    // `reversed`: the provider shows the charge and its refund, so it has no money of this attempt and takes none.
    case "reversed":
      return "fenced"
    // A decline is remembered under the key, so it also speaks for the sends that had no answer.
    case "declined":
      return "refused"
    case "rejected":
    case "not_sent":
    case "not_executed":
      if (isOnlySend(attempt, answer)) return "refused"
      return expected ? "unknown" : "nothing"
    case "pending":
      return expected ? "pending" : "nothing"
    case "not_charged":
      return !(expected || announced(attempt, answer)) ? "nothing" : isStep(answer) ? "not_charged" : "unknown"
    case "unknown":
      return expected ? "unknown" : "nothing"
  }
}

const confirmation = ({ outcome }: Answered, expected: boolean): Verdict => {
  if (outcome === "fenced" || outcome === "reversed" || outcome === "declined") return "confirmed"
  return expected ? "unknown" : "nothing"
}

/** The first of two calls is made: its handle is known, and nothing was taken; or it was to be told later, and is. */
const isStep = ({ operation, handle }: Answered): boolean => operation !== "charge" || handle !== undefined
const announced = ({ status, handle, fences }: Attempt, answer: Answered): boolean =>
  status === "PENDING" && handle === undefined && fences === 0 && answer.handle !== undefined

const judgeReversal = (answer: Answered, expected: boolean): Verdict => {
  if (answer.outcome === "reversed") return "reversed"
  if (!expected) return "nothing"
  return answer.outcome === "pending" ? "reversing" : "unknown"
}

/** A refusal before execution says nothing about an earlier send of the same key that may have been executed. */
const isOnlySend = (attempt: Attempt, answer: Answered): boolean =>
  answer.operation === "charge" &&
  attempt.doubtful === 0 &&
  attempt.unanswered.length === 1 &&
  attempt.unanswered[0] === answer.try

/** A call that has no answer for that long will have none: its process is gone. */
export const patienceMs = (rules: Rules): number => Math.max(rules.recovery_ms, 3 * rules.timeout_ms)

/** An answer to what was asked is still to be expected. */
export const awaited = (attempt: Attempt, now: number, rules: Rules): boolean =>
  attempt.asking !== undefined && now < attempt.asking.at + patienceMs(rules)

/** Something at the provider is still to be found out, or to be done. */
export const lookedAfter = (attempt: Attempt): boolean =>
  unresolved(attempt) || attempt.status === "REVERSING" || attempt.vouched === true

/** When the attempt wants to be looked at; a first charge under way has no timer: restart and Verify look after it. */
export const dueAt = (attempt: Attempt, rules: Rules): number | undefined => {
  if (attempt.status === "STARTED" || !lookedAfter(attempt)) return undefined
  return attempt.asking === undefined ? attempt.next_at : attempt.asking.at + patienceMs(rules)
}

export const reviewIsDue = (attempt: Attempt, now: number, rules: Rules): boolean =>
  !attempt.reviewed && attempt.unknown_since !== undefined && now - attempt.unknown_since >= rules.review_ms

/** What each event makes of the attempt. */

export const started = (data: DataOf<"GatewayRequestSent">, at: number): Attempt => ({
  provider: data.provider,
  n: data.attempt,
  status: "STARTED",
  started_at: at,
  asking: { operation: data.operation, try: data.try, at },
  unanswered: [data.try],
  doubtful: 0,
  charges: data.try,
  reads: 0,
  fences: 0,
  reverses: 0,
  doubts: 0,
  blind: 0,
  server_error: false,
  mismatch: false,
  reviewed: false
})

export const sent = (attempt: Attempt, { operation, try: n }: DataOf<"GatewayRequestSent">, at: number): Attempt => {
  const { next_at: _, seen: __, ...rest } = attempt
  const next = { ...rest, asking: { operation, try: n, at } }
  switch (operation) {
    case "charge":
      return { ...next, charges: n, unanswered: [...attempt.unanswered, n] }
    case "read":
      return { ...next, ...doubted(attempt, at), reads: n }
    case "fence":
      return { ...next, ...doubted(attempt, at), fences: n }
    case "reverse":
      return { ...next, reverses: n }
  }
}

/** Asking about a charge that is under way means that its answer is not waited for any more. */
const doubted = ({ status, unknown_since }: Attempt, at: number): Pick<Attempt, "status" | "unknown_since"> => ({
  status: status === "STARTED" ? "UNKNOWN" : status,
  unknown_since: unknown_since ?? at
})

type Received = DataOf<"GatewayResponseReceived">

const learnt = (attempt: Attempt, data: Received): Attempt => {
  const { asking: _, next_at: __, seen: ___, vouched: ____, ...rest } = attempt
  return {
    ...rest,
    blind: 0,
    ...(data.handle !== undefined && { handle: data.handle }),
    ...(data.provider_reference !== undefined && { provider_reference: data.provider_reference }),
    ...(data.code !== undefined && { code: data.code }),
    ...(data.decline_class !== undefined && { decline_class: data.decline_class }),
    ...(data.retry_at !== undefined && { retry_at: data.retry_at })
  }
}

const ENDS = {
  succeeded: "SUCCEEDED",
  declined: "DECLINED",
  rejected: "REJECTED",
  not_sent: "NOT_SENT",
  not_executed: "NOT_EXECUTED",
  fenced: "FENCED",
  reversed: "REVERSED"
} as const

export const received = (attempt: Attempt, data: Received, at: number, rules: Rules): Attempt => {
  const next = learnt(attempt, data)
  const waiting = { doubts: attempt.doubts + 1, next_at: at + spacingMs(attempt.doubts, rules) }
  const later = attempt.reviewed ? { ...waiting, next_at: at + rules.daily_ms } : waiting
  switch (data.outcome) {
    case "late_success":
      return {
        ...next,
        status: "REVERSING",
        unanswered: [],
        doubts: 0,
        reviewed: false,
        unknown_since: at,
        next_at: at
      }
    case "pending":
      if (attempt.status === "REVERSING") return { ...next, ...later }
      return {
        ...next,
        ...later,
        status: attempt.status === "REVIEW" ? "REVIEW" : "PENDING",
        unknown_since: attempt.unknown_since ?? at,
        ...(data.operation !== "fence" && { seen: "pending" as const })
      }
    case "not_charged":
      return {
        ...next,
        status: attempt.status === "PENDING" ? "UNKNOWN" : attempt.status,
        // All sends so far were that first call.
        ...(data.operation === "charge" && { unanswered: [], doubtful: 0 }),
        seen: "not_charged",
        next_at: at
      }
    case "unknown":
      return { ...next, mismatch: true, unknown_since: attempt.unknown_since ?? at, next_at: at + rules.daily_ms }
    default: {
      const ended = { ...next, status: ENDS[data.outcome], unanswered: [] }
      const vouched = data.evidence !== undefined && data.outcome === "fenced" && !attempt.mismatch
      return vouched ? { ...ended, vouched, reviewed: true, next_at: at + rules.recovery_ms } : ended
    }
  }
}

export const timedOut = (attempt: Attempt, data: DataOf<"GatewayTimeoutOccurred">, at: number): Attempt => {
  const { asking: _, seen: __, ...rest } = attempt
  const charge = data.operation === "charge"
  return {
    ...rest,
    status: attempt.status === "STARTED" ? "UNKNOWN" : attempt.status,
    unanswered: charge ? attempt.unanswered.filter((n) => n !== data.attempt_number) : attempt.unanswered,
    doubtful: charge ? attempt.doubtful + 1 : attempt.doubtful,
    doubts: attempt.doubts + 1,
    blind: data.operation === "read" ? attempt.blind + 1 : 0,
    server_error: attempt.server_error || (charge && isStored(data.reason)),
    unknown_since: attempt.unknown_since ?? at,
    next_at: at + data.next_retry_in_seconds * 1000,
    ...(data.handle !== undefined && { handle: data.handle })
  }
}

/** Only an attempt that may still take money becomes a case of its own; a reversal goes on as a reversal. */
export const reviewed = (attempt: Attempt, at: number, rules: Rules): Attempt => ({
  ...attempt,
  reviewed: true,
  status: unresolved(attempt) ? "REVIEW" : attempt.status,
  next_at: at + rules.daily_ms
})
