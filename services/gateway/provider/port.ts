/** What every provider can be asked. An adapter never fails: whatever happens on the wire is an outcome. */
import type { Effect } from "effect"
import type { Provider } from "../../../shared/contract/gateway.ts"
import type { Currency, Minor } from "../../../shared/contract/money.ts"
import type { Result } from "../breaker.ts"
import type { Answer, ProviderCall } from "../calls.ts"

/** An answer, and what it says about the provider's health. */
export interface Told extends Answer {
  readonly health: Result
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
  /** Whether the amount can be expressed exactly and there is an instrument to charge. */
  readonly accepts: (amount: Minor, currency: Currency) => boolean
}

export const unknown = (reason: string, health: Result = "failure"): Told => ({ outcome: "unknown", reason, health })
