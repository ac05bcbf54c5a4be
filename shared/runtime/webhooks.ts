/** How the edge hands a call-back over: a port that composition fills, so that the API imports no service. */
import { Context, type Effect } from "effect"
import type { Provider } from "../contract/provider.ts"
import type { NotAccepted } from "./commands.ts"

/** The largest body taken, in bytes: Adyen may send several notifications in one. */
export const WEBHOOK_BODY_MAX_BYTES = 256 * 1024

/**
 * `accepted`: it is genuine and stored, or known already, or of no interest; what it means is found out afterwards.
 * `rejected`: nothing of it is kept. Why is for the log and the metrics, and no answer tells it.
 */
export type Receipt = { readonly accepted: true } | { readonly accepted: false; readonly why: string }

export interface WebhookHeaders {
  readonly get: (name: string) => string | null
}

export class Webhooks extends Context.Service<
  Webhooks,
  {
    /** `body`: the bytes as they came, because those are what is signed. Fails where it cannot be checked or stored. */
    readonly receive: (
      provider: Provider,
      headers: WebhookHeaders,
      body: Uint8Array
    ) => Effect.Effect<Receipt, NotAccepted>
  }
>()("shared/Webhooks") {}
