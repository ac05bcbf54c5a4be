/** Call-backs with real signatures, judged by the official SDK's own check. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test"
import type Stripe from "stripe"
import { type Listening, startSimulator } from "./server.ts"
import { control, eventually, post, stripeAt } from "./testing.ts"

const SECRET = "whsec_simulator"
const received: Array<{ readonly path: string; readonly body: string; readonly signature: string }> = []
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
      received.push({ path, body: await req.text(), signature: req.headers.get("stripe-signature") ?? "" })
      refusals -= 1
      return new Response(null, { status: refusals >= 0 ? 500 : 200 })
    }
  })
  const webhookTarget = `http://127.0.0.1:${receiver.port}/webhooks`
  simulator = await startSimulator({ port: 0, webhookTarget, stripeWebhookSecret: SECRET })
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
