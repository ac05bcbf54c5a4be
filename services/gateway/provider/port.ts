/** What every provider can be asked. An adapter never fails: whatever happens on the wire is an outcome. */
import type { Effect } from "effect"
import type { Provider } from "../../../shared/contract/gateway.ts"
import type { Currency, Minor } from "../../../shared/contract/money.ts"
import type { Result } from "../breaker.ts"
import type { Answer, ProviderCall, RefundAnswer, RefundCall } from "../calls.ts"

/** An answer, and what it says about the provider's health. */
export interface Told extends Answer {
  readonly health: Result
  /** With `not_executed`: how long the provider wants not to be asked (ms). */
  readonly retry_after_ms?: number
}

export interface ProviderPort {
  readonly provider: Provider
  /** The only one that can take money. One wire request of the money-taking call, never repeated in here. */
  readonly charge: (call: ProviderCall) => Effect.Effect<Told>
  /** Asks without side effect on money. */
  readonly read: (call: ProviderCall) => Effect.Effect<Told>
  /** Makes it impossible to succeed later, or learns that it has succeeded. */
  readonly fence: (call: ProviderCall) => Effect.Effect<Told>
  /** Gives an unwanted charge back, whole. */
  readonly reverse: (call: ProviderCall) => Effect.Effect<Told>
  /**
   * Gives a part of a kept charge back, or looks at that refund, under its one key. Safe to be asked again at any time:
   * what the provider has done already is told, not done twice.
   */
  readonly refund: (call: RefundCall) => Effect.Effect<RefundAnswer>
  /** Whether the amount can be expressed exactly and there is an instrument to charge. */
  readonly accepts: (amount: Minor, currency: Currency) => boolean
}

export const unknown = (reason: string, health: Result = "failure"): Told => ({ outcome: "unknown", reason, health })

/** A refund about which nothing is settled: it is asked again. */
export const undecided = (code: string): RefundAnswer => ({ outcome: "unknown", code })

/**
 * What a refused request says about the refund. Credentials, throttling and an unreachable provider are not about it,
 * and a provider looks at the key before anything else: a refusal of the request speaks for the earlier sends as well.
 */
export const refundRefused = ({ outcome, health, code, reason, message }: Told): RefundAnswer => {
  const settled = health !== "fatal" && (outcome === "rejected" || outcome === "declined")
  if (!settled) return undecided(reason ?? code ?? outcome)
  return { outcome: "refused", ...(code !== undefined && { code }), ...(message !== undefined && { message }) }
}
