/** The gateway's part of the environment, decoded once at the start. */
import { Config, Option, Redacted, Schema } from "effect"
import { Provider } from "../../shared/contract/gateway.ts"
import type { BreakerRules } from "./breaker.ts"
import { toAdyen, toPaypal, toStripe } from "./provider/currency.ts"
import type { ProviderSettings } from "./provider/registry.ts"
import { DEFAULTS, type Rules } from "./rules.ts"
import { type WebhookSettings, webhookSettings } from "./webhooks/settings.ts"

export interface GatewaySettings {
  readonly rules: Rules
  readonly providers: ProviderSettings
  readonly breaker: (provider: Provider) => BreakerRules
  /** Charges of one provider that may be under way. */
  readonly in_flight: number
  readonly webhooks: WebhookSettings
}

const whole = (name: string, minimum: number) =>
  Config.schema(
    Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum: Number.MAX_SAFE_INTEGER })),
    name
  )
const atLeastOne = (name: string, fallback: number) => whole(name, 1).pipe(Config.withDefault(fallback))
const order = Config.Array(Provider, "GATEWAY_PROVIDERS").pipe(
  Config.withDefault(["stripe", "paypal", "adyen"] as const)
)

/** With the simulator everything has a default. Without it nothing that says where money goes is guessed. */
const reader = (simulatorUrl: string | undefined) => {
  const live = simulatorUrl === undefined
  return {
    text: (name: string, fallback = "simulated") =>
      live ? Config.NonEmptyString(name) : Config.String(name).pipe(Config.withDefault(fallback)),
    secret: (name: string) =>
      live
        ? Config.Redacted(name)
        : Config.Redacted(name).pipe(Config.withDefault(Redacted.make("simulated", { label: name })))
  }
}

/** Who is not asked for new payments may still be asked about old ones, and need not be: then nothing is required. */
const adyenEnvironment = (simulatorUrl: string | undefined, order: ReadonlyArray<Provider>) => {
  const { text, secret } = reader(simulatorUrl)
  const all = Config.all({
    url: text("ADYEN_URL", simulatorUrl),
    api_key: secret("ADYEN_API_KEY"),
    merchant_account: text("ADYEN_MERCHANT_ACCOUNT"),
    shopper_reference: text("ADYEN_SHOPPER_REFERENCE"),
    stored_payment_method_id: text("ADYEN_STORED_PAYMENT_METHOD_ID")
  })
  return order.includes("adyen") ? Config.map(all, Option.some) : Config.option(all)
}

/**
 * Bun opens 256 connections at once, and what exceeds them waits inside a request whose time is running. With this and
 * a quarter of it for everything but charges, one provider that hangs leaves the others their share.
 */
const IN_FLIGHT = 128

const environment = (simulatorUrl: string | undefined) => {
  const { text, secret } = reader(simulatorUrl)
  return Config.all({
    order,
    adyen: Config.flatMap(order, (asked) => adyenEnvironment(simulatorUrl, asked)),
    tries: atLeastOne("GATEWAY_ATTEMPTS", DEFAULTS.tries),
    timeout_ms: atLeastOne("GATEWAY_TIMEOUT_MS", DEFAULTS.timeout_ms),
    backoff_ms: atLeastOne("GATEWAY_BACKOFF_MS", DEFAULTS.backoff_ms),
    recovery_ms: atLeastOne("RECOVERY_INTERVAL_MS", DEFAULTS.recovery_ms),
    review_ms: atLeastOne("UNKNOWN_REVIEW_MS", DEFAULTS.review_ms),
    in_flight: atLeastOne("GATEWAY_IN_FLIGHT", IN_FLIGHT),
    reset_ms: Config.option(whole("BREAKER_RESET_MS", 0)),
    consecutive: Config.option(whole("BREAKER_FAILURES", 1)),
    calls_min: Config.option(whole("BREAKER_CALLS_MIN", 1)),
    stripeUrl: text("STRIPE_URL", simulatorUrl),
    stripeSecret: secret("STRIPE_SECRET_KEY"),
    stripeMethod: text("STRIPE_PAYMENT_METHOD", "pm_card_visa"),
    paypalUrl: text("PAYPAL_URL", simulatorUrl),
    paypalId: text("PAYPAL_CLIENT_ID"),
    paypalSecret: secret("PAYPAL_CLIENT_SECRET"),
    paypalVault: text("PAYPAL_VAULT_ID")
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

const breakersOf = (given: Decoded): GatewaySettings["breaker"] => {
  const rules = breakerRules(Option.getOrUndefined(given.reset_ms))
  return (provider) => ({
    ...rules(provider),
    ...Option.match(given.consecutive, { onNone: () => ({}), onSome: (consecutive) => ({ consecutive }) }),
    ...Option.match(given.calls_min, { onNone: () => ({}), onSome: (calls_min) => ({ calls_min }) })
  })
}

const settingsOf = (given: Decoded): Omit<GatewaySettings, "webhooks"> => {
  const { tries, timeout_ms, backoff_ms, recovery_ms, review_ms } = given
  const { replay_ms } = DEFAULTS
  const adyen = Option.getOrUndefined(given.adyen)
  const accepts = {
    stripe: (amount, currency) => given.stripeMethod !== "" && toStripe(amount, currency) !== undefined,
    paypal: (amount, currency) => given.paypalVault !== "" && toPaypal(amount, currency) !== undefined,
    adyen: (amount, currency) =>
      adyen !== undefined && adyen.stored_payment_method_id !== "" && toAdyen(amount, currency) !== undefined
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
      },
      adyen: adyen === undefined ? undefined : { ...adyen, timeout_ms }
    },
    breaker: breakersOf(given),
    in_flight: given.in_flight
  }
}

/** `simulatorUrl`: the bundled simulator's address, unless PROVIDERS=live. */
export const gatewaySettings = (simulatorUrl: string | undefined): Config.Config<GatewaySettings> =>
  Config.map(
    Config.all({ given: environment(simulatorUrl), webhooks: webhookSettings(simulatorUrl) }),
    ({ given, webhooks }) => ({ ...settingsOf(given), webhooks })
  )
