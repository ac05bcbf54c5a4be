/** What composition needs of the gateway. */
import { Effect, Layer } from "effect"
import { Breaker } from "./breakers.ts"
import { performWith } from "./effects.ts"
import { gatewayDecider } from "./gateway.ts"
import { providerHttpClient } from "./provider/client.ts"
import { Providers } from "./provider/registry.ts"
import { type GatewaySettings, gatewaySettings } from "./settings.ts"
import { openBreakers, tables } from "./store.ts"
import { makeWebhooks, type WebhookParts } from "./webhooks/index.ts"

export const gateway = {
  settings: gatewaySettings,
  decider: ({ rules }: GatewaySettings) => gatewayDecider(rules),
  perform: ({ rules: { timeout_ms }, in_flight }: GatewaySettings, tracing = false) =>
    performWith({ timeout_ms, in_flight, tracing }),
  tables,
  /** `submit` is the gateway's processor's: a call-back is decided where answers are. */
  webhooks: ({ webhooks: settings }: GatewaySettings, parts: Omit<WebhookParts, "settings">) =>
    Effect.provide(makeWebhooks({ settings, ...parts }), providerHttpClient),
  /** At the start: a breaker that was open when the platform stopped is open again; a forced one until it is closed. */
  restore: Effect.gen(function* () {
    const breaker = yield* Breaker
    for (const { provider, until } of yield* openBreakers) yield* breaker.force(provider, "open", until)
  }),
  layers: (settings: GatewaySettings) =>
    Layer.mergeAll(
      Breaker.memory(settings.breaker),
      Providers.layer(settings.providers).pipe(Layer.provide(providerHttpClient))
    )
}

export type { GatewayEffect, ProviderCall, RecordAnswer, RecordBreaker, RecordRefundAnswer } from "./calls.ts"
export type { Addressed } from "./effects.ts"
export type { GatewaySettings } from "./settings.ts"
export { SIMULATED } from "./webhooks/settings.ts"
