/** What the served document promises is what the platform answers, and what the simulator's control plane tells. */
import { afterAll, describe, expect, test } from "bun:test"
import { type Answer, holdOf, paymentOf, refundOf, unique } from "../scenarios/client.ts"
import { violations } from "../scenarios/conservation.ts"
import { startPlatform } from "../scenarios/platform.ts"
import { toldTo } from "../scenarios/records.ts"
import { faults, type Json, resolve } from "./schema.ts"

const platform = await startPlatform()
const { api, sim } = platform
afterAll(platform.stop)

const document = JSON.parse((await api.get("/openapi.json")).text) as Json
const user = unique("user")
const wallet = await api.open(100_000, "USD", user)
const paid = await api.pay(wallet.id, 2_500)
const payment = paymentOf(paid)
const hold = holdOf(await api.hold(wallet.id, 500), 201)
const other = await api.open()
const leaving = JSON.parse((await api.withdraw(wallet.id, 5)).text) as { readonly id: string }
const OUT = "/api/v1/ops/withdrawals"
const moved = JSON.parse((await api.transfer(wallet.id, other.id, 5)).text) as { readonly id: string }
await toldTo(platform, payment.id)
const refunded = refundOf(await api.refund(payment.id, { amount: 200 }))

/** The answer is one the document names for that operation, and has the body it describes. */
const holds = (method: string, path: string, answer: Answer) => {
  const operation = resolve(document, `#/paths/${path.replaceAll("/", "~1")}/${method}`)
  let response = (operation["responses"] as Json)[String(answer.status)] as Json | undefined
  if (response === undefined) throw new Error(`${method} ${path} does not name ${answer.status}: ${answer.text}`)
  if (typeof response["$ref"] === "string") response = resolve(document, response["$ref"])
  const type = answer.headers.get("content-type") ?? ""
  const content = (response["content"] as Json | undefined)?.[type] as Json | undefined
  if (content === undefined) {
    expect(answer.text).toBe("")
    return
  }
  expect(faults(document, content["schema"] as Json, JSON.parse(answer.text))).toEqual([])
  expect(answer.headers.get("trace_id")).toMatch(/^[0-9a-f]{32}$/)
  expect(answer.headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/)
}

const order = { wallet_id: wallet.id, amount: 700, currency: "USD", merchant_id: "book-shop" }
const W = "/api/v1/wallets"
const P = "/api/v1/payments"
const unchanged = async () => {
  const { version } = await api.wallet(wallet.id)
  return api.get(`${W}/${wallet.id}`, { headers: { "if-none-match": `"${version}"` } })
}
const CALLS: ReadonlyArray<readonly [string, string, number, () => Promise<Answer>]> = [
  ["post", W, 201, () => api.post(W, { user_id: unique("user"), currency: "KWD", metadata: { tier: "gold" } })],
  ["post", W, 409, () => api.post(W, { user_id: user, currency: "USD" })],
  ["get", W, 200, () => api.get(`${W}?user_id=${user}&limit=1`)],
  ["get", `${W}/{id}`, 200, () => api.get(`${W}/${wallet.id}`)],
  ["get", `${W}/{id}`, 304, unchanged],
  ["get", `${W}/{id}`, 404, () => api.get(`${W}/${payment.id}`)],
  ["get", `${W}/{id}/balance`, 200, () => api.get(`${W}/${wallet.id}/balance`)],
  ["get", `${W}/{id}/statement`, 200, () => api.get(`${W}/${wallet.id}/statement`)],
  ["get", `${W}/{id}/statement`, 400, () => api.get(`${W}/${wallet.id}/statement?format=pdf`)],
  ["get", `${W}/{id}/events`, 200, () => api.get(`${W}/${wallet.id}/events`)],
  ["post", `${W}/{id}/credits`, 201, () => api.credit(wallet.id, 100)],
  ["post", `${W}/{id}/credits`, 400, () => api.credit(wallet.id, 0)],
  ["post", `${W}/{id}/lock`, 200, () => api.post(`${W}/${wallet.id}/lock`, { reason: "lost" })],
  ["post", P, 423, () => api.pay(wallet.id, 100)],
  ["post", `${W}/{id}/unlock`, 200, () => api.post(`${W}/${wallet.id}/unlock`, { reason: "found" })],
  ["post", P, 201, () => api.post(P, { ...order, description: "Books", metadata: { a: "b" } }, { key: unique("k") })],
  ["post", P, 202, () => api.pay(wallet.id, 100, { prefer: "respond-async" })],
  ["post", P, 400, () => api.pay(wallet.id, 900_000)],
  ["post", P, 401, () => platform.apiAs("wrong").pay(wallet.id, 1)],
  ["post", P, 404, () => api.pay(payment.id, 1)],
  ["post", P, 413, () => api.post(P, "x".repeat(100_000), { key: unique("k") })],
  ["post", P, 415, () => api.post(P, "x", { key: unique("k"), headers: { "content-type": "text/plain" } })],
  ["post", `${P}/bulk`, 207, () => api.post(`${P}/bulk`, { payments: [order, {}] }, { key: unique("k") })],
  ["post", `${P}/bulk`, 400, () => api.post(`${P}/bulk`, { payments: [] }, { key: unique("k") })],
  ["get", P, 200, () => api.get(`${P}?user_id=${user}&status=COMPLETED`)],
  ["get", `${P}/{id}`, 200, () => api.get(`${P}/${payment.id}`)],
  ["get", `${P}/{id}`, 404, () => api.get(`${P}/${wallet.id}`)],
  ["get", `${P}/{id}/timeline`, 200, () => api.get(`${P}/${payment.id}/timeline`)],
  ["post", `${P}/{id}/cancel`, 409, () => api.post(`${P}/${payment.id}/cancel`, {})],
  ["post", `${W}/{id}/holds`, 201, () => api.hold(wallet.id, 900)],
  ["post", `${W}/{id}/holds`, 400, () => api.hold(wallet.id, 900_000)],
  ["get", `${W}/{id}/holds`, 200, () => api.get(`${W}/${wallet.id}/holds?limit=1`)],
  ["get", "/api/v1/holds/{id}", 200, () => api.get(`/api/v1/holds/${hold.id}`)],
  ["post", "/api/v1/holds/{id}/capture", 200, () => api.capture(hold.id, { amount: 100 })],
  ["post", "/api/v1/holds/{id}/capture", 422, () => api.capture(hold.id, { amount: 9_000 })],
  ["post", "/api/v1/holds/{id}/void", 200, () => api.voidHold(hold.id)],
  ["post", "/api/v1/holds/{id}/capture", 409, () => api.capture(hold.id)],
  ["post", "/api/v1/transfers", 201, () => api.transfer(wallet.id, other.id, 5)],
  ["post", "/api/v1/transfers", 400, () => api.transfer(wallet.id, wallet.id, 5)],
  ["get", "/api/v1/transfers/{id}", 200, () => api.get(`/api/v1/transfers/${moved.id}`)],
  ["post", `${W}/{id}/withdrawals`, 201, () => api.withdraw(wallet.id, 5)],
  ["post", `${W}/{id}/withdrawals`, 400, () => api.withdraw(wallet.id, 900_000)],
  ["get", `${W}/{id}/withdrawals`, 200, () => api.get(`${W}/${wallet.id}/withdrawals?limit=1`)],
  ["get", "/api/v1/withdrawals/{id}", 200, () => api.get(`/api/v1/withdrawals/${leaving.id}`)],
  [
    "post",
    "/api/v1/ops/withdrawals/{id}/settle",
    200,
    () => api.post(`${OUT}/${leaving.id}/settle`, { reason: "paid" })
  ],
  ["post", "/api/v1/ops/withdrawals/{id}/fail", 409, () => api.post(`${OUT}/${leaving.id}/fail`, { reason: "late" })],
  ["post", `${P}/{id}/refunds`, 201, () => api.refund(payment.id, { amount: 100, reason: "torn" })],
  ["post", `${P}/{id}/refunds`, 400, () => api.refund(payment.id, { amount: 0 })],
  ["post", `${P}/{id}/refunds`, 404, () => api.refund(wallet.id)],
  ["post", `${P}/{id}/refunds`, 422, () => api.refund(payment.id, { amount: 9_999 })],
  ["get", `${P}/{id}/refunds`, 200, () => api.get(`${P}/${payment.id}/refunds?limit=1`)],
  ["get", "/api/v1/refunds/{id}", 200, () => api.get(`/api/v1/refunds/${refunded.id}`)],
  ["get", "/api/v1/refunds/{id}", 404, () => api.get(`/api/v1/refunds/${wallet.id}`)],
  ["get", "/live", 200, () => api.get("/live")],
  ["get", "/ready", 200, () => api.get("/ready")],
  ["get", "/health", 200, () => api.get("/health")]
]

describe("answers are as the served document says", () => {
  for (const [method, path, status, call] of CALLS)
    test(`${method.toUpperCase()} ${path} ${status}`, async () => {
      const answer = await call()
      expect(answer.status).toBe(status)
      holds(method, path, answer)
    })

  const paths = Object.entries(document["paths"] as Readonly<Record<string, Json>>)
  const api1 = paths.filter(([path]) => path.startsWith("/api/"))
  const operations = api1.flatMap(([path, item]) => Object.keys(item).map((method) => [method, path] as const))
  for (const [method, path] of operations)
    test(`${method.toUpperCase()} ${path} of nothing, with nothing`, async () => {
      const at = path.replaceAll(/\{\w+\}/g, "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01")
      const answer = method === "get" ? await api.get(at) : await api.post(at, {}, { key: unique("nothing") })
      expect(answer.status).toBeLessThan(500)
      holds(method, path, answer)
    })
})

test("request bodies are described as closed: unknown fields are refused", async () => {
  const { schemas } = document["components"] as { readonly schemas: Readonly<Record<string, Json>> }
  const payments = ["WalletRequest", "CreditRequest", "PaymentRequest", "LockRequest", "CancelRequest", "RefundRequest"]
  for (const name of [
    ...payments,
    "HoldRequest",
    "CaptureRequest",
    "VoidRequest",
    "TransferRequest",
    "WithdrawalRequest"
  ])
    expect([name, schemas[name]?.["additionalProperties"]]).toEqual([name, false])
})

test("a traceparent is continued: its trace id comes back, and stands in the problem", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }
  const answer = await api.get(`${W}/${payment.id}`, { headers })
  expect(answer.headers.get("trace_id")).toBe(traceId)
  expect(answer.headers.get("traceparent")).toStartWith(`00-${traceId}-`)
  expect(JSON.parse(answer.text).trace_id).toBe(traceId)
})

test("the simulator's ledger and wire say what the contract says of them", async () => {
  const [movement] = await sim.ledger(payment.id)
  expect(movement).toMatchObject({
    provider: "stripe",
    kind: "charge",
    reference: expect.any(String),
    payment_id: payment.id,
    amount: 2_500,
    currency: "USD",
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })
  expect(payment.provider_reference).toBeTruthy()
  for (const { idempotency_key, body_hash, status } of await sim.wire(payment.id)) {
    expect(idempotency_key).toContain(payment.id)
    expect([typeof body_hash, status]).toEqual(["string", 200])
  }
  await expect(sim.behaviour("stripe", { fault: "none", op: "nothing" })).rejects.toThrow(/op: one of/)
})

test("every metric the scenarios name is exported from the start, at 0", async () => {
  for (const name of [
    "insufficient_funds_due_to_concurrency_total",
    "circuit_breaker_opened_total",
    "sagas_stuck_total"
  ])
    expect(await platform.metric(name)).toBe(0)
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
