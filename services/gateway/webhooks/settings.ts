/** The call-backs' part of the environment. What is not configured is refused: nothing is believed unchecked. */
import { Config, ConfigProvider, Effect, Redacted, Schema } from "effect"
import type { AdyenSigned } from "./adyen-signature.ts"
import type { CertificateSettings } from "./certificates.ts"
import type { PaypalSigned } from "./paypal-signature.ts"
import type { StripeSigned } from "./stripe-signature.ts"

export interface WebhookSettings {
  readonly stripe: StripeSigned
  readonly paypal: PaypalSigned
  readonly adyen: AdyenSigned
  readonly certificates: CertificateSettings
  /** How long (ms) a call-back is kept after it came, and with it the knowledge that it came. */
  readonly retention_ms: number
}

/** What the bundled simulator signs with, and is believed by. Never of any use elsewhere. */
export const SIMULATED = {
  STRIPE_WEBHOOK_SECRET: "whsec_simulated",
  PAYPAL_WEBHOOK_ID: "WH-SIMULATED",
  ADYEN_HMAC_KEY: "5EC12E70".repeat(8)
} as const

const TOLERANCE_MS = 300_000
const TOLERANCE_MAX_MS = 3_600_000
const RETENTION_MS = 30 * 24 * 3_600_000
const CERTIFICATE_TIMEOUT_MS = 5_000
const SANDBOX = "api.sandbox.paypal.com"

const HEXADECIMAL = /^([0-9A-Fa-f]{2}){16,64}$/
const notHexadecimal = new Config.ConfigError(
  new ConfigProvider.SourceError({ message: "ADYEN_HMAC_KEY: hexadecimal, as Adyen's Customer Area shows it" })
)

/** Separated by commas while they are rotated; an empty setting is none. */
const secret = (name: keyof typeof SIMULATED, live: boolean) =>
  Config.Redacted(name).pipe(
    Config.withDefault(Redacted.make(live ? "" : SIMULATED[name], { label: name })),
    Config.map((setting) =>
      Redacted.value(setting)
        .split(",")
        .map((one) => one.trim())
        .filter((one) => one !== "")
    )
  )

/** Milliseconds. */
const upTo = (name: string, fallback: number, maximum = Number.MAX_SAFE_INTEGER) =>
  Config.schema(Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum })), name).pipe(
    Config.withDefault(fallback)
  )

const text = (name: string, fallback: string) => Config.String(name).pipe(Config.withDefault(fallback))

const environment = (live: boolean) =>
  Config.all({
    secrets: secret("STRIPE_WEBHOOK_SECRET", live),
    webhookIds: secret("PAYPAL_WEBHOOK_ID", live),
    keys: secret("ADYEN_HMAC_KEY", live).pipe(
      Config.mapEffect((keys) =>
        keys.every((key) => HEXADECIMAL.test(key)) ? Effect.succeed(keys) : Effect.fail(notHexadecimal)
      )
    ),
    paypalUrl: text("PAYPAL_URL", ""),
    merchantAccount: text("ADYEN_MERCHANT_ACCOUNT", live ? "" : "simulated"),
    tolerance_ms: upTo("WEBHOOK_TOLERANCE_MS", TOLERANCE_MS, TOLERANCE_MAX_MS),
    retention_ms: upTo("WEBHOOK_RETENTION_MS", RETENTION_MS)
  })

/** A sandbox's certificates are its own, and each side believes only its own. */
const certificateHost = (paypal: string): string => (/sandbox/.test(paypal) ? SANDBOX : "api.paypal.com")

/** `simulatorUrl`: the bundled simulator's address, unless PROVIDERS=live. */
export const webhookSettings = (simulatorUrl: string | undefined): Config.Config<WebhookSettings> =>
  Config.map(environment(simulatorUrl === undefined), (given) => {
    const { tolerance_ms, retention_ms } = given
    const certificate_host = simulatorUrl === undefined ? certificateHost(given.paypalUrl) : SANDBOX
    return {
      stripe: { secrets: given.secrets, tolerance_ms },
      paypal: { webhook_id: given.webhookIds[0], certificate_host, tolerance_ms },
      adyen: { keys: given.keys, merchant_account: given.merchantAccount },
      certificates: {
        url: simulatorUrl ?? `https://${certificate_host}`,
        self_signed: simulatorUrl !== undefined,
        timeout_ms: CERTIFICATE_TIMEOUT_MS
      },
      retention_ms
    }
  })
