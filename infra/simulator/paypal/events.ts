/** PayPal's webhook events; signing.ts signs them as they leave. */
import { iso, now } from "../clock.ts"
import { paypalId } from "../ids.ts"
import type { Store } from "./records.ts"
import { renderAny } from "./render.ts"

export const emit = (store: Store, event_type: string, id: string): void => {
  const { webhooks } = store.outside
  if (!webhooks.on) return
  const resource_type = event_type.split(".")[1]?.toLowerCase() ?? ""
  const body = JSON.stringify({
    id: `WH-${paypalId()}-${paypalId()}`,
    event_version: "1.0",
    create_time: iso(now()),
    resource_type,
    resource_version: "2.0",
    event_type,
    summary: event_type.toLowerCase().replaceAll(".", " "),
    resource: renderAny(store, id, true),
    links: []
  })
  webhooks.send({ provider: "paypal", body })
}
