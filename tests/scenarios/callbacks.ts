/** Call-backs as Stripe would send them, with a clock and a secret of the test's choice, and what became of them. */
import { createHmac } from "node:crypto"
import { SIMULATED } from "../../services/gateway/index.ts"
import { type Payment, paymentOf } from "./client.ts"
import { eventually } from "./eventually.ts"
import type { Platform } from "./platform.ts"
import { streamOf } from "./records.ts"

/** Asking takes long: what ends soon was told. */
export const SLOWLY = {
  GATEWAY_TIMEOUT_MS: "4000",
  GATEWAY_BACKOFF_MS: "20000",
  RECOVERY_INTERVAL_MS: "20000",
  SIMULATOR_WEBHOOKS: "on"
}
export const AMOUNT = 4_100
export const TOLD_MS = 3_000

export const sign = (body: string, { secret = SIMULATED.STRIPE_WEBHOOK_SECRET as string, at = Date.now() } = {}) => {
  const t = Math.floor(at / 1000)
  return `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}`
}

let made = 0
/** What Stripe would tell of a payment of ours; odd spacing and escapes, because bytes are signed. */
export const eventOf = (type: string, payment: string, intent: string, more: object = {}) =>
  `{ "id":"evt_test_${++made}",  "object":"event","type":"${type}","note":"\\u00e9 \\ud83d\\ude00",
     "data":{"object":${JSON.stringify({
       id: intent,
       object: "payment_intent",
       status: "succeeded",
       amount: AMOUNT,
       amount_received: AMOUNT,
       currency: "usd",
       metadata: { payment_id: payment, attempt: "1" },
       ...more
     })}} }`

export const callbacksAt = (platform: Platform) => {
  const { api, sim, sql } = platform
  const attemptOf = async (payment: string) =>
    (
      await sql<Array<{ status: string; handle: string }>>`
        select status, handle from gateway.attempts where payment_id = ${payment}`
    )[0]
  return {
    deliver: (body: string, signature = sign(body)) =>
      fetch(`${platform.url()}/webhooks/stripe`, { method: "POST", headers: { "stripe-signature": signature }, body }),
    completed: (id: string, withinMs = TOLD_MS) =>
      eventually(
        `${id} completes`,
        () => api.payment(id),
        ({ status }) => status === "COMPLETED",
        withinMs
      ),
    /** A payment whose provider will tell later, and the intent it is there. */
    payAsync: async (after_ms = 100): Promise<Payment> => {
      await sim.behaviour("stripe", { fault: "async", after_ms, count: 1 })
      return paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT, { prefer: "respond-async" }), 202)
    },
    pendingIntent: async (id: string): Promise<string> =>
      String(
        (
          await eventually(
            `${id} is pending at its provider`,
            () => attemptOf(id),
            (attempt) => attempt?.status === "PENDING"
          )
        )?.handle
      ),
    charged: (id: string) =>
      eventually(
        "the provider has charged once",
        () => sim.ledger(id),
        ({ length }) => length === 1
      ),
    /** The gateway's events, a call-back by its own type. */
    told: async (id: string) =>
      (await streamOf(platform, `gateway-${id}`)).map(({ type, data }) =>
        type === "GatewayWebhookReceived" ? String(data["event_type"]) : type.replace(/^Gateway/, "")
      ),
    kept: (payment: string) => sql<Array<{ event_id: string; type: string; status: string; looks: number }>>`
      select event_id, type, status, looks from gateway.webhooks
        where payment_id = ${payment} order by received_at, type`,
    rows: async () => Number((await sql`select count(*) from gateway.webhooks`)[0]?.["count"])
  }
}
