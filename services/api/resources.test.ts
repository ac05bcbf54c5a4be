/** What clients see, held against the schemas that the document prints. */
import { afterAll, expect, test } from "bun:test"
import { Schema } from "effect"
import { EXAMPLE } from "../../shared/contract/catalogue.ts"
import { write } from "./json.ts"
import { preferenceOf } from "./prefer.ts"
import { Credit, eventView, Payment, page, StoredEvent, Timeline, Wallet, WalletBalance } from "./resources.ts"
import { startApi, WALLET, World } from "./testing/world.ts"

const world = new World()
world.addWallet({ id: WALLET })
const { call, stop } = await startApi(world)
afterAll(stop)

const strict = <A>(schema: Schema.Codec<A, unknown>) => {
  const decode = Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })
  return async (response: Response): Promise<A> => decode(await response.json())
}
const post = (path: string, body: object) =>
  call("POST", path, {
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", "idempotency-key": `r-${path}-${JSON.stringify(body)}` }
  })

test("every answer is what its schema says", async () => {
  const wallet = await strict(Wallet)(await post("/api/v1/wallets", { user_id: "eve", currency: "KWD" }))
  expect(wallet).toMatchObject({ balance: 0n, currency: "KWD" })
  const path = `/api/v1/wallets/${wallet.id}`
  const credit = await strict(Credit)(
    await post(`${path}/credits`, { amount: 2 ** 53 - 1, currency: "KWD", reference: "r" })
  )
  expect(credit).toMatchObject({ amount: 2n ** 53n - 1n, balance: 2n ** 53n - 1n })
  const order = { wallet_id: wallet.id, amount: 7, currency: "KWD", merchant_id: "m", description: "d" }
  const payment = await strict(Payment)(await post("/api/v1/payments", order))
  expect(await strict(Payment)(await call("GET", `/api/v1/payments/${payment.id}`))).toEqual(payment)
  expect(await strict(WalletBalance)(await call("GET", `${path}/balance`))).toMatchObject({ balance: 2n ** 53n - 1n })
  const events = await strict(page(StoredEvent, "P"))(await call("GET", `${path}/events`))
  expect(events.data.map(({ type }) => type)).toEqual(["WalletCreated", "WalletCredited"])
  expect(events.data[1]?.data).toMatchObject({ amount: Number.MAX_SAFE_INTEGER })
  const story = await strict(Timeline)(await call("GET", `/api/v1/payments/${payment.id}/timeline`))
  expect(story.data).toMatchObject([{ type: "PaymentInitiated", version: 1, caused_by: payment.id }])
  expect(story.data[0]?.data).toMatchObject({ amount: 7, initiated_at: expect.stringMatching(/^\d{4}-.*Z$/) })
  const payments = await strict(page(Payment, "Q"))(await call("GET", "/api/v1/payments?limit=1"))
  expect(payments.data).toEqual([payment])
  for (const verb of ["lock", "unlock"] as const) {
    const changed = await strict(Wallet)(await post(`${path}/${verb}`, { reason: "r" }))
    expect(changed.status).toBe(verb === "lock" ? "locked" : "active")
  }
})

test("a wallet's ETag is its version, and a client that has it gets no body", async () => {
  const path = `/api/v1/wallets/${WALLET}`
  expect((await call("GET", path)).headers.get("etag")).toBe('"1"')
  const again = await call("GET", path, { headers: { "if-none-match": '"1"' } })
  expect([again.status, await again.text()]).toEqual([304, ""])
})

test("an event of a later version is shown as it is stored", () => {
  const body = write({ time: EXAMPLE.time, partitionkey: "t/u", data: { amount: "5" } })
  const record = {
    id: EXAMPLE.payment,
    stream: "wallet-1",
    version: 9,
    type: "WalletEnchanted",
    cause: EXAMPLE.other,
    body
  }
  expect(eventView(record)).toMatchObject({ type: "WalletEnchanted", time: EXAMPLE.time, data: { amount: "5" } })
})

test.each([
  [null, 2_000, "wait=2"],
  ["wait=10", 10_000, "wait=10"],
  ["wait=31", 30_000, "wait=30"],
  ["wait=0", 0, "respond-async"],
  ["respond-async", 0, "respond-async"],
  ["respond-async, wait=5", 5_000, "wait=5"],
  ["wait=-1", 2_000, "wait=2"],
  ["wait=soon", 2_000, "wait=2"],
  ["return=minimal", 2_000, "wait=2"]
])("Prefer: %s", (header, waitMs, applied) => {
  expect(preferenceOf(header)).toEqual({ waitMs, applied })
})
