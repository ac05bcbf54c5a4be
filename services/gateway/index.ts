/** What composition needs of the gateway. */
import { Layer } from "effect"
import { Breaker } from "./breakers.ts"
import { performWith } from "./effects.ts"
import { gatewayDecider } from "./gateway.ts"
import { providerHttpClient } from "./provider/client.ts"
import { Providers } from "./provider/registry.ts"
import { type GatewaySettings, gatewaySettings } from "./settings.ts"
import { tables } from "./store.ts"

export const gateway = {
  settings: gatewaySettings,
  decider: ({ rules }: GatewaySettings) => gatewayDecider(rules),
  perform: ({ rules }: GatewaySettings) => performWith(rules),
  tables,
  layers: (settings: GatewaySettings) =>
    Layer.mergeAll(
      Breaker.memory(settings.breaker),
      Providers.layer(settings.providers).pipe(Layer.provide(providerHttpClient))
    )
}

export type { ProviderCall, RecordAnswer, RecordBreaker } from "./calls.ts"
export type { Addressed } from "./effects.ts"
export type { GatewaySettings } from "./settings.ts"
