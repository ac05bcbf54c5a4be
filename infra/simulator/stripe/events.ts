/** Stripe's events and their signature: `t=…,v1=HMAC-SHA256(secret, t + "." + body)` in hexadecimal. */
import { createHmac } from "node:crypto"
import { now, seconds } from "../clock.ts"
import { stripeId } from "../ids.ts"
import type { Signer } from "../webhooks.ts"
import type { Asked, Store } from "./records.ts"

export const API_VERSION = "2026-10-28.endive"

export const stripeSigner =
  (secret: string): Signer =>
  (body, at) => {
    const t = seconds(at)
    return { "stripe-signature": `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}` }
  }

/** `render` runs only when somebody listens: rendering is most of the cost. */
export const emit = (store: Store, type: string, asked: Asked, render: () => object): void => {
  const { webhooks } = store.outside
  if (!webhooks.on) return
  const body = JSON.stringify({
    id: stripeId("evt"),
    object: "event",
    api_version: API_VERSION,
    created: seconds(now()),
    data: { object: render() },
    livemode: false,
    pending_webhooks: 1,
    request: { id: asked.request_id, idempotency_key: asked.key },
    type
  })
  webhooks.send({ provider: "stripe", body })
}
