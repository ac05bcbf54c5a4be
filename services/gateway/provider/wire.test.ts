// What goes over the wire, byte by byte where it matters, and PayPal's token under load.
import { describe, expect, test } from "bun:test"
import { Effect, Redacted } from "effect"
import { HttpClient, type HttpClientRequest, HttpClientResponse } from "effect/http"
import Stripe from "stripe"
import type { Currency, Minor } from "../../../shared/contract/money.ts"
import { minor } from "../../../shared/contract/money.ts"
import type { ProviderCall } from "../calls.ts"
import { NOON, PAYMENT } from "../testing.ts"
import { providerHttpClient } from "./client.ts"
import { safeUrl } from "./http.ts"
import { orderBody, paypal } from "./paypal.ts"
import { createForm, formOf, stripe } from "./stripe.ts"

const callOf = (amount: Minor, currency: string): ProviderCall => ({
  payment_id: PAYMENT,
  provider: "stripe",
  attempt: 1,
  try: 1,
  operation: "charge",
  amount,
  currency: currency as Currency,
  idempotency_key: `${PAYMENT}:stripe:1:charge`,
  started_at: NOON
})

interface Sent {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly headers: { readonly [name: string]: string | undefined }
}

/** A client that answers from a function and remembers what it was sent. */
interface Reply {
  readonly status: number
  readonly body: unknown
  readonly headers?: { readonly [name: string]: string }
}

const recording = (answer: (sent: Sent, n: number) => Reply) => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request: HttpClientRequest.HttpClientRequest, url) =>
    Effect.gen(function* () {
      const bytes = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
      const one = {
        method: request.method,
        path: url.pathname + url.search,
        body: new TextDecoder().decode(bytes),
        headers: request.headers
      }
      sent.push(one)
      const { status, body, headers = {} } = answer(one, sent.length)
      yield* Effect.yieldNow
      return HttpClientResponse.fromWeb(request, new Response(JSON.stringify(body), { status, headers }))
    })
  )
  return { client, sent }
}

const atStripe = (client: HttpClient.HttpClient) =>
  stripe(client, {
    url: "https://stripe.example",
    secret: Redacted.make("sk_test"),
    payment_method: "pm_card_visa",
    timeout_ms: 1000,
    replay_ms: 1e15
  })
const atPaypal = (client: HttpClient.HttpClient) =>
  paypal(client, {
    url: "https://paypal.example",
    client_id: "id",
    secret: Redacted.make("secret"),
    vault_id: "vault_1",
    timeout_ms: 1000,
    replay_ms: 1e15
  })

describe("P65 the amount on the wire", () => {
  for (const [amount, currency, units, value] of [
    [1000n, "USD", "amount=1000&currency=usd", "10.00"],
    [500n, "JPY", "amount=500&currency=jpy", "500"],
    [12300n, "HUF", "amount=12300&currency=huf", "123"]
  ] as const)
    test(`${amount} ${currency}`, () => {
      const call = callOf(minor(amount), currency)
      expect(formOf(createForm(call, "pm_card_visa"))).toStartWith(units)
      expect(JSON.stringify(orderBody(call, "v"))).toContain(
        `"amount":{"currency_code":"${currency}","value":"${value}"}`
      )
    })
})

test("Stripe's own SDK sends the same create for the same intent", async () => {
  const { client, sent } = recording(() => ({ status: 500, body: {} }))
  await Effect.runPromise(atStripe(client).charge(callOf(minor(1000n), "USD")))
  let theirs = ""
  const sdk = new Stripe("sk_test", {
    maxNetworkRetries: 0,
    telemetry: false,
    httpClient: Stripe.createFetchHttpClient(((_url: string, init: RequestInit) => {
      theirs = String(init.body)
      return Promise.resolve(new Response("{}", { status: 200 }))
    }) as typeof fetch)
  })
  await sdk.paymentIntents.create({
    amount: 1000,
    currency: "usd",
    payment_method: "pm_card_visa",
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    capture_method: "automatic",
    metadata: { payment_id: PAYMENT, attempt: "1" }
  })
  const fields = (body: string) => [...new URLSearchParams(body)].sort()
  expect(fields(sent[0]?.body ?? "")).toEqual(fields(theirs))
  expect(sent[0]?.headers).toMatchObject({
    authorization: "Bearer sk_test",
    "idempotency-key": `${PAYMENT}:stripe:1:create`,
    "stripe-version": "2026-10-28.endive"
  })
})

describe("an attempt whose handle was lost, and whose create is asked for again", () => {
  const replayed = { "idempotent-replayed": "true" }
  const error = { error: { type: "api_error", message: "An unknown error occurred" } }
  for (const [name, reply, outcome] of [
    ["a stored error: there is no intent that anybody could have confirmed", { status: 500, body: error }, "fenced"],
    ["an error that was not stored says nothing", { status: 500, body: error, headers: {} }, "unknown"],
    ["a replay that cannot be read says nothing", { status: 200, body: "cut" }, "unknown"],
    ["nor does a proxy's", { status: 502, body: "html" }, "unknown"]
  ] as const)
    test(name, async () => {
      const { client } = recording(() => ({ headers: replayed, ...reply }))
      expect(await Effect.runPromise(atStripe(client).read(callOf(minor(1000n), "USD")))).toMatchObject({ outcome })
    })
})

const CREATED = "checkout/orders"
const paypalAnswer = ({ path }: Sent): Reply => {
  if (path === "/v1/oauth2/token") return { status: 200, body: { access_token: `token`, expires_in: 32_400 } }
  const unit = { custom_id: PAYMENT, amount: { currency_code: "USD", value: "10.00" } }
  if (path.includes(CREATED))
    return {
      status: 201,
      body: {
        id: "order_1",
        purchase_units: [{ ...unit, payments: { authorizations: [{ id: "a", status: "CREATED" }] } }]
      }
    }
  return { status: 201, body: { id: "capture_1", status: "COMPLETED", ...unit } }
}

describe("PayPal's token", () => {
  test("a hundred charges at once fetch it once", async () => {
    const { client, sent } = recording(paypalAnswer)
    const port = atPaypal(client)
    const all = Array.from({ length: 100 }, () => port.charge(callOf(minor(1000n), "USD")))
    const answers = await Effect.runPromise(Effect.all(all, { concurrency: "unbounded" }))
    expect(answers.every(({ outcome }) => outcome === "succeeded")).toBe(true)
    expect(sent.filter(({ path }) => path === "/v1/oauth2/token")).toHaveLength(1)
  })

  test("refused in mid flight it is fetched anew, and the charge goes again under the same request id", async () => {
    let refused = false
    const { client, sent } = recording((one) => {
      if (!one.path.endsWith("/capture") || refused) return paypalAnswer(one)
      refused = true
      return { status: 401, body: { error: "invalid_token" } }
    })
    const answer = await Effect.runPromise(atPaypal(client).charge(callOf(minor(1000n), "USD")))
    expect(answer).toMatchObject({ outcome: "succeeded", handle: "order_1", provider_reference: "capture_1" })
    const captures = sent.filter(({ path }) => path.endsWith("/capture"))
    expect(captures.map(({ headers }) => headers["paypal-request-id"])).toEqual([
      `${PAYMENT}:stripe:1:charge`,
      `${PAYMENT}:stripe:1:charge`
    ])
    expect(sent.filter(({ path }) => path === "/v1/oauth2/token")).toHaveLength(2)
  })

  test("refused credentials are our configuration's fault, not the charge's", async () => {
    const { client } = recording(() => ({ status: 401, body: { error: "invalid_client" } }))
    const answer = await Effect.runPromise(atPaypal(client).charge(callOf(minor(1000n), "USD")))
    expect(answer).toMatchObject({ outcome: "rejected", code: "invalid_client", health: "fatal" })
  })

  test("one that cannot be fetched means that nothing was sent", async () => {
    const { client } = recording(() => ({ status: 503, body: {} }))
    const answer = await Effect.runPromise(atPaypal(client).charge(callOf(minor(1000n), "USD")))
    expect(answer.outcome).toBe("not_sent")
  })
})

test("nothing but TLS leaves this machine", () => {
  expect(() => safeUrl("http://api.stripe.com")).toThrow("needs https")
  expect(() => safeUrl("ftp://127.0.0.1")).toThrow("needs https")
  expect(safeUrl("https://api.stripe.com/")).toBe("https://api.stripe.com")
  expect(safeUrl("http://127.0.0.1:8090")).toBe("http://127.0.0.1:8090")
})

test("a redirect is no answer and is not followed; nobody listening means nothing was sent", async () => {
  const server = Bun.serve({ port: 0, fetch: () => Response.redirect("http://127.0.0.1:1/elsewhere", 307) })
  const at = (url: string) =>
    Effect.gen(function* () {
      const settings = { secret: Redacted.make("s"), payment_method: "pm", timeout_ms: 1000, replay_ms: 1e15 }
      const port = stripe(yield* HttpClient.HttpClient, { url, ...settings })
      return yield* port.charge({ ...callOf(minor(1000n), "USD"), handle: "pi_1" })
    }).pipe(Effect.provide(providerHttpClient))
  expect(await Effect.runPromise(at(`http://127.0.0.1:${server.port}`))).toMatchObject({
    outcome: "unknown",
    reason: "http_307"
  })
  await server.stop(true)
  expect(await Effect.runPromise(at("http://127.0.0.1:1"))).toMatchObject({ outcome: "not_sent", code: "unreachable" })
})
