/** Whoever is not the provider is refused, and nothing of him is kept (RELIABILITY F38). */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { AMOUNT, callbacksAt, eventOf, SLOWLY, sign } from "./callbacks.ts"
import { paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"

const platform = await startPlatform({ env: SLOWLY })
const { api } = platform
const { deliver, kept, rows } = callbacksAt(platform)
afterAll(platform.stop)

let paid = ""
beforeAll(async () => {
  paid = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT)).id
  await eventually(
    "its own call-back is there",
    () => kept(paid),
    ({ length }) => length === 1
  )
})

const refused: ReadonlyArray<readonly [string, (body: string) => readonly [body: string, signature: string]]> = [
  ["a wrong secret", (body) => [body, sign(body, { secret: "whsec_other" })]],
  ["301 s old", (body) => [body, sign(body, { at: Date.now() - 301_000 })]],
  ["302 s in the future", (body) => [body, sign(body, { at: Date.now() + 302_000 })]],
  ["one byte changed (P75)", (body) => [body.replace('"evt', '"eVt'), sign(body)]],
  ["no signature", (body) => [body, ""]],
  ["not of Stripe's form", (body) => [body, "v1=abc"]]
]
for (const [what, forge] of refused)
  test(`F38: ${what}: 400, nothing is stored, nothing changes`, async () => {
    const [body, signature] = forge(eventOf("payment_intent.succeeded", paid, "pi_forged"))
    const stored = await rows()
    const answer = await deliver(body, signature)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { code: "WEBHOOK_REJECTED" } })
    expect(await rows()).toBe(stored)
  })

test("F38: PayPal's certificate at another host: 400, and nobody is asked for it", async () => {
  let asked = 0
  const foreign = Bun.serve({ port: 0, fetch: () => new Response(String(++asked)) })
  const answer = await fetch(`${platform.url()}/webhooks/paypal`, {
    method: "POST",
    headers: {
      "paypal-transmission-id": "1",
      "paypal-transmission-time": new Date().toISOString(),
      "paypal-transmission-sig": "AAAA",
      "paypal-cert-url": `http://127.0.0.1:${foreign.port}/v1/notifications/certs/CERT-1`,
      "paypal-auth-algo": "SHA256withRSA"
    },
    body: "{}"
  })
  expect([answer.status, asked]).toEqual([400, 0])
  await foreign.stop(true)
})

test("an authentic event too large to be one of theirs is a 413", async () => {
  const body = JSON.stringify({ id: "evt_1", type: "x", more: "x".repeat(300_000) })
  expect((await deliver(body, sign(body))).status).toBe(413)
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
