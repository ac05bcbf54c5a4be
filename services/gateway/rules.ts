/** The numbers and the providers the gateway's decisions depend on; settings.ts reads them from the environment. */
import type { Provider } from "../../shared/contract/gateway.ts"
import type { Currency, Minor } from "../../shared/contract/money.ts"

export interface Eligible {
  readonly provider: Provider
  /** Whether the provider can express the amount exactly and has an instrument to charge; asked before any attempt. */
  readonly accepts: (amount: Minor, currency: Currency) => boolean
}

export interface Rules {
  /** In the order in which they are asked. */
  readonly providers: ReadonlyArray<Eligible>
  /** Wire requests of one attempt's charge, all under one key. */
  readonly tries: number
  /** What one call may take; a charge that creates first may take twice that. */
  readonly timeout_ms: number
  /** Doubles with every answer that told nothing, up to `recovery_ms`. */
  readonly backoff_ms: number
  readonly recovery_ms: number
  readonly review_ms: number
  readonly daily_ms: number
  /** How long after the first send the same key may be sent again: less than the provider remembers it. */
  readonly replay_ms: Readonly<Record<Provider, number>>
  /** Whether a payment can be looked up. Adyen tells by answering the same call again, or by notification. */
  readonly readable: Readonly<Record<Provider, boolean>>
}

const HOUR_MS = 3_600_000

export const DEFAULTS: Omit<Rules, "providers"> = {
  tries: 3,
  timeout_ms: 30_000,
  backoff_ms: 1_000,
  recovery_ms: 60_000,
  review_ms: 24 * HOUR_MS,
  daily_ms: 24 * HOUR_MS,
  // Stripe keeps keys for 24 h, PayPal for 6 h (orders), Adyen for at least 7 days.
  replay_ms: { stripe: 23 * HOUR_MS, paypal: 5 * HOUR_MS, adyen: 6 * 24 * HOUR_MS },
  readable: { stripe: true, paypal: true, adyen: false }
}
