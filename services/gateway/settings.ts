/** The gateway's part of the environment, decoded once at the start. */
import { Config, Option, Redacted } from "effect"
import { Provider } from "../../shared/contract/gateway.ts"
import type { BreakerRules } from "./breaker.ts"
import { toPaypal, toStripe } from "./provider/currency.ts"
import type { ProviderSettings } from "./provider/registry.ts"
import { DEFAULTS, type Rules } from "./rules.ts"

export interface GatewaySettings {
  readonly rules: Rules
  readonly providers: ProviderSettings
  readonly breaker: (provider: Provider) => BreakerRules
}

const ms = (name: string, fallback: number) => Config.Int(name).pipe(Config.withDefault(fallback))
const secret = (name: string) =>
  Config.Redacted(name).pipe(Config.withDefault(Redacted.make("simulated", { label: name })))
const string = (name: string, fallback: string) => Config.String(name).pipe(Config.withDefault(fallback))

const environment = (simulatorUrl: string | undefined) => {
  // Without a simulator there is no address to guess: where the money goes is said, or the start stops.
  const url = (name: string) => (simulatorUrl === undefined ? Config.String(name) : string(name, simulatorUrl))
  return Config.all({
    order: Config.Array(Provider, "GATEWAY_PROVIDERS").pipe(Config.withDefault(["stripe", "paypal"] as const)),
    tries: ms("GATEWAY_ATTEMPTS", DEFAULTS.tries),
    timeout_ms: ms("GATEWAY_TIMEOUT_MS", DEFAULTS.timeout_ms),
    backoff_ms: ms("GATEWAY_BACKOFF_MS", DEFAULTS.backoff_ms),
    recovery_ms: ms("RECOVERY_INTERVAL_MS", DEFAULTS.recovery_ms),
    review_ms: ms("UNKNOWN_REVIEW_MS", DEFAULTS.review_ms),
    reset_ms: Config.option(Config.Int("BREAKER_RESET_MS")),
    stripeUrl: url("STRIPE_URL"),
    stripeSecret: simulatorUrl === undefined ? Config.Redacted("STRIPE_SECRET_KEY") : secret("STRIPE_SECRET_KEY"),
    stripeMethod: string("STRIPE_PAYMENT_METHOD", simulatorUrl === undefined ? "" : "pm_card_visa"),
    paypalUrl: url("PAYPAL_URL"),
    paypalId: string("PAYPAL_CLIENT_ID", "simulated"),
    paypalSecret: simulatorUrl === undefined ? Config.Redacted("PAYPAL_CLIENT_SECRET") : secret("PAYPAL_CLIENT_SECRET"),
    paypalVault: string("PAYPAL_VAULT_ID", simulatorUrl === undefined ? "" : "vault-simulated")
  })
}

const MINUTE_MS = 60_000

/** PayPal and Adyen are given up sooner and tried again sooner than Stripe. */
export const breakerRules =
  (reset_ms: number | undefined) =>
  (provider: Provider): BreakerRules => ({
    consecutive: provider === "stripe" ? 5 : 3,
    rate: provider === "stripe" ? 0.5 : 0.6,
    calls_min: 10,
    window_ms: MINUTE_MS,
    reset_ms: reset_ms ?? (provider === "stripe" ? MINUTE_MS : MINUTE_MS / 2),
    lease_ms: MINUTE_MS / 2
  })

type Decoded = Config.Success<ReturnType<typeof environment>>

const settingsOf = (given: Decoded): GatewaySettings => {
  const { tries, timeout_ms, backoff_ms, recovery_ms, review_ms } = given
  const { replay_ms } = DEFAULTS
  const accepts = {
    stripe: (amount, currency) => given.stripeMethod !== "" && toStripe(amount, currency) !== undefined,
    paypal: (amount, currency) => given.paypalVault !== "" && toPaypal(amount, currency) !== undefined,
    adyen: () => false
  } satisfies Record<Provider, Rules["providers"][number]["accepts"]>
  return {
    rules: {
      ...DEFAULTS,
      providers: given.order.map((provider) => ({ provider, accepts: accepts[provider] })),
      tries,
      timeout_ms,
      backoff_ms,
      recovery_ms,
      review_ms
    },
    providers: {
      stripe: {
        url: given.stripeUrl,
        secret: given.stripeSecret,
        payment_method: given.stripeMethod,
        timeout_ms,
        replay_ms: replay_ms.stripe
      },
      paypal: {
        url: given.paypalUrl,
        client_id: given.paypalId,
        secret: given.paypalSecret,
        vault_id: given.paypalVault,
        timeout_ms,
        replay_ms: replay_ms.paypal
      }
    },
    breaker: breakerRules(Option.getOrUndefined(given.reset_ms))
  }
}

/** `simulatorUrl`: the bundled simulator's address, unless PROVIDERS=live. */
export const gatewaySettings = (simulatorUrl: string | undefined): Config.Config<GatewaySettings> =>
  Config.map(environment(simulatorUrl), settingsOf)
