/** The providers by name: a further one is one more file and one more line in the layer. */
import { Context, Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import type { Provider } from "../../../shared/contract/gateway.ts"
import { type AdyenSettings, adyen } from "./adyen.ts"
import { type PaypalSettings, paypal } from "./paypal.ts"
import type { ProviderPort } from "./port.ts"
import { type StripeSettings, stripe } from "./stripe.ts"

export interface ProviderSettings {
  readonly stripe: StripeSettings
  readonly paypal: PaypalSettings
  /** Absent where it is neither asked nor was ever asked. */
  readonly adyen: AdyenSettings | undefined
}

export class Providers extends Context.Service<Providers, ReadonlyMap<Provider, ProviderPort>>()("gateway/Providers") {
  static readonly layer = (settings: ProviderSettings) =>
    Layer.effect(
      Providers,
      Effect.map(HttpClient.HttpClient, (client) => portsOf(client, settings))
    )
  /** Ports of a test's own. */
  static readonly ports = (ports: ReadonlyArray<ProviderPort>) =>
    Layer.succeed(Providers, new Map(ports.map((port) => [port.provider, port])))
}

const portsOf = (client: HttpClient.HttpClient, settings: ProviderSettings): ReadonlyMap<Provider, ProviderPort> =>
  new Map<Provider, ProviderPort>([
    ["stripe", stripe(client, settings.stripe)],
    ["paypal", paypal(client, settings.paypal)],
    ...(settings.adyen === undefined ? [] : [["adyen", adyen(client, settings.adyen)] as const])
  ])
