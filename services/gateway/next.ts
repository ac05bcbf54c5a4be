/**
 * What is asked next of an attempt whose end is not known, and how long to wait before it: read, send the same charge
 * again while it is wanted, fence.
 */
import type { Operation } from "../../shared/contract/gateway.ts"
import type { Answered } from "./calls.ts"
import type { Rules } from "./rules.ts"
import type { Attempt } from "./state.ts"

/** After so many reads in a row that told nothing the fence is asked: its own answer settles the matter as well. */
const BLIND_MAX = 3

/** The payment as it is now: whether its saga wants to close it, and when its time is over (ms). */
export interface Moment {
  readonly closing: boolean
  readonly deadline: number
  readonly now: number
}

/**
 * Whether so many wire requests, each as long as it may last, end before the payment's time is over. A charge that
 * would not does not begin: it would only have to be asked about and given back.
 */
export const inTime = (requests: number, now: number, deadline: number, { timeout_ms }: Rules): boolean =>
  now + requests * timeout_ms <= deadline

/** A new attempt's: what prepares the charge, and the charge. */
export const FIRST_REQUESTS = 2

/** What is asked next of an attempt whose end is not known. */
export const nextOperation = (attempt: Attempt, { closing, deadline, now }: Moment, rules: Rules): Operation => {
  if (attempt.status === "REVERSING") return "reverse"
  if (attempt.mismatch) return "read"
  // The fence makes the operator's word true where it was not, unless the charge exists.
  if (attempt.vouched === true) return "fence"
  // What would only be fenced at the deadline is fenced now.
  const wanted = !closing && inTime(1, now, deadline, rules)
  if (!rules.readable[attempt.provider]) return unaskable(attempt, closing, mayReplay(attempt, wanted, now, rules))
  if (attempt.seen === "not_charged") return mayReplay(attempt, wanted, now, rules) ? "charge" : "fence"
  if (attempt.seen === "pending") return closing ? "fence" : "read"
  if (attempt.blind >= BLIND_MAX && (attempt.status !== "PENDING" || closing)) return "fence"
  return "read"
}

/**
 * Who cannot be asked is sent the same charge again, while it is wanted, and then the cancel. After a cancel nothing is
 * replayed: a capture that is received then may come to nothing.
 */
const unaskable = (attempt: Attempt, closing: boolean, replayable: boolean): Operation => {
  if (attempt.status === "PENDING" && attempt.fences === 0 && !closing) return "read"
  return attempt.fences === 0 && replayable ? "charge" : "fence"
}

/**
 * Replaying is not a query: if the first request never executed, the replay charges now. So it needs a provider that
 * still knows the key, a payment that still wants the money, and an answer that was no server error, because Stripe
 * replays a stored 500 for 24 h.
 */
const mayReplay = (attempt: Attempt, wanted: boolean, now: number, rules: Rules): boolean =>
  wanted &&
  !attempt.server_error &&
  !attempt.reviewed &&
  (attempt.charges < rules.tries || untaken(attempt)) &&
  now - attempt.started_at < rules.replay_ms[attempt.provider]

/** Every charge sent so far was answered, and none took money. */
export const untaken = ({ unanswered, doubtful }: Attempt): boolean => unanswered.length === 0 && doubtful === 0

const JITTER = 0.25

/**
 * How long to wait after an answer that told nothing. A server error needs no wait: the read and the fence come next.
 */
export const delayMs = (attempt: Attempt, answer: Answered, rules: Rules): number => {
  if (attempt.reviewed || attempt.mismatch) return rules.daily_ms
  if (answer.operation === "charge" && isStored(answer.reason)) return 0
  return spacingMs(attempt.doubts, rules) * (1 + JITTER * answer.jitter)
}

export const spacingMs = (doubts: number, rules: Rules): number =>
  Math.min(rules.backoff_ms * 2 ** Math.min(doubts, 30), rules.recovery_ms)

export const isServerError = (reason: string | undefined): boolean => reason?.startsWith("http_5") === true
/** The key says this for as long as it is remembered. */
export const isStored = (reason: string | undefined): boolean => isServerError(reason) || reason === "key_spent"
