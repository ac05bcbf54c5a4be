/** What providers tell by themselves, as facts of the payment it is about. */
import { Schema } from "effect"
import { type About, EXAMPLE, entry } from "./catalogue.ts"
import { Provider } from "./provider.ts"

const about = (trigger: string, consumers: About["consumers"] = ["metrics"]): About => ({
  version: 1,
  topic: "gateway-events",
  producer: "gateway",
  consumers,
  trigger
})

export const WebhookEvents = {
  GatewayWebhookReceived: entry(
    about("a provider's call-back told something new: what follows in the same commit follows from it"),
    {
      payment_id: Schema.String,
      provider: Provider,
      /** The provider's own id; its raw body is kept under it. */
      event_id: Schema.String,
      event_type: Schema.String
    },
    {
      payment_id: EXAMPLE.payment,
      provider: "stripe",
      event_id: "evt_3QK",
      event_type: "payment_intent.succeeded"
    }
  )
} as const
