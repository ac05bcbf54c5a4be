/** Call-backs with real signatures, judged by the Stripe SDK's own check and by PayPal's published recipe. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { createVerify, X509Certificate } from "node:crypto"
import { crc32 } from "node:zlib"
import { CheckoutPaymentIntent } from "@paypal/paypal-server-sdk"
import type Stripe from "stripe"
import { type Listening, startSimulator } from "./server.ts"
import { control, eventually, paypalAt, post, stripeAt } from "./testing.ts"

const SECRET = "whsec_simulator"
const WEBHOOK_ID = "WH-SIMULATOR"
type Received = { readonly path: string; readonly body: string; readonly signature: string; readonly headers: Headers }
const received: Array<Received> = []
/** Answers 500 so many times before it accepts. */
let refusals = 0
let receiver: ReturnType<typeof Bun.serve>
let simulator: Listening
let stripe: Stripe

beforeAll(async () => {
  receiver = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (req) => {
      const path = new URL(req.url).pathname
      const signature = req.headers.get("stripe-signature") ?? ""
      received.push({ path, body: await req.text(), signature, headers: req.headers })
      refusals -= 1
      return new Response(null, { status: refusals >= 0 ? 500 : 200 })
    }
  })
  const webhookTarget = `http://127.0.0.1:${receiver.port}/webhooks`
  simulator = await startSimulator({ port: 0, webhookTarget, stripeWebhookSecret: SECRET, paypalWebhookId: WEBHOOK_ID })
  stripe = stripeAt(simulator.url, 5_000)
})
beforeEach(() => {
  received.length = 0
  refusals = 0
})
afterEach(() => control(simulator.url).reset())
afterAll(async () => {
  await simulator.stop()
  await receiver.stop(true)
})

const pay = (key: string) =>
  stripe.paymentIntents.create(
    { amount: 900, currency: "usd", payment_method: "pm_card_visa", confirm: true, metadata: { payment_id: key } },
    { idempotencyKey: key }
  )

const events = (): Array<{ id: string; type: string }> =>
  received.map(({ body }) => JSON.parse(body) as { id: string; type: string })

test("an event carries our key, and a signature the SDK accepts", async () => {
  const intent = await pay("hook-1")
  await eventually(async () => events().some(({ type }) => type === "payment_intent.succeeded"))
  const { path, body, signature } = received.find((one) => one.body.includes("payment_intent.succeeded"))!
  expect(path).toBe("/webhooks/stripe")
  const event = await stripe.webhooks.constructEventAsync(body, signature, SECRET)
  expect(event.request).toMatchObject({ idempotency_key: "hook-1" })
  expect(event.data.object).toMatchObject({ id: intent.id, metadata: { payment_id: "hook-1" } })
  expect(stripe.webhooks.constructEventAsync(`${body} `, signature, SECRET)).rejects.toThrow()
})

describe("a PayPal event", () => {
  const delivered = async (customId: string): Promise<Received> => {
    await paypalAt(simulator.url).orders.createOrder({
      paypalRequestId: customId,
      body: {
        intent: CheckoutPaymentIntent.Capture,
        purchaseUnits: [{ customId, amount: { currencyCode: "USD", value: "9.00" } }],
        paymentSource: { card: { vaultId: "v" } }
      }
    })
    await eventually(async () => received.some(({ body }) => body.includes(customId)))
    return received.find(({ body }) => body.includes(customId))!
  }

  test("is signed, and its certificate verifies the bytes", async () => {
    const { path, body, headers } = await delivered("paypal-hook-1")
    expect(path).toBe("/webhooks/paypal")
    expect(JSON.parse(body)).toMatchObject({ event_type: "PAYMENT.CAPTURE.COMPLETED", resource_type: "capture" })
    const url = new URL(headers.get("paypal-cert-url")!)
    expect(url.origin).toBe("https://api.sandbox.paypal.com")
    const certificate = new X509Certificate(await (await fetch(simulator.url + url.pathname)).text())
    expect(certificate.checkHost("api.sandbox.paypal.com")).toBe("api.sandbox.paypal.com")
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    const [id, time] = [headers.get("paypal-transmission-id"), headers.get("paypal-transmission-time")]
    const valid = (raw: string) =>
      createVerify("RSA-SHA256")
        .update(`${id}|${time}|${WEBHOOK_ID}|${crc32(raw)}`)
        .verify(certificate.publicKey, headers.get("paypal-transmission-sig")!, "base64")
    expect([valid(body), valid(`${body} `)]).toEqual([true, false])
  })

  test("is verified by the postback, spliced in as received", async () => {
    const { body, headers } = await delivered("paypal-hook-2")
    const basic = { authorization: `Basic ${btoa("id:secret")}` }
    const token = await fetch(`${simulator.url}/v1/oauth2/token`, {
      method: "POST",
      headers: basic,
      body: "grant_type=client_credentials"
    })
    const { access_token } = (await token.json()) as { access_token: string }
    const verify = async (event: string) => {
      const names = ["auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time"]
      const fields = names.map((name) => `"${name}":"${headers.get(`paypal-${name.replaceAll("_", "-")}`)}"`)
      const request = `{${fields.join(",")},"webhook_id":"${WEBHOOK_ID}","webhook_event":${event}}`
      const authorization = `Bearer ${access_token}`
      const path = "/v1/notifications/verify-webhook-signature"
      const answer = await fetch(simulator.url + path, { method: "POST", headers: { authorization }, body: request })
      return ((await answer.json()) as { verification_status: string }).verification_status
    }
    expect(await verify(body)).toBe("SUCCESS")
    expect(await verify(body.replace("paypal-hook-2", "paypal-hook-3"))).toBe("FAILURE")
  })
})

test("what is refused comes again, the same event", async () => {
  refusals = 2
  await pay("hook-2")
  await eventually(async () => received.length >= 4)
  const ids = events().map(({ id }) => id)
  expect(new Set(ids).size).toBe(2)
})

test("duplicates are sent twice, dropped ones not at all", async () => {
  await post(simulator.url, "webhooks", { duplicate: true })
  await pay("hook-3")
  await eventually(async () => received.length === 4)
  expect(new Set(events().map(({ id }) => id)).size).toBe(2)
  await post(simulator.url, "webhooks", { drop: 1 })
  await pay("hook-4")
  await post(simulator.url, "webhooks", {})
  await pay("hook-5")
  await eventually(async () => received.length === 6)
  expect(received.some(({ body }) => body.includes("hook-4"))).toBe(false)
})
