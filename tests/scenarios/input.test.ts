/** What strangers send: a documented 4xx each, and nothing changes. */
import { afterAll, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { codeOf, paymentOf, problemOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { countOf } from "./records.ts"

const platform = await startPlatform()
const { api, sql, sim } = platform
afterAll(platform.stop)

const MAX = Number.MAX_SAFE_INTEGER
const wallet = await api.open(1_000_000)
const PAYMENTS = "/api/v1/payments"
const CREDITS = `/api/v1/wallets/${wallet.id}/credits`
const order = { wallet_id: wallet.id, amount: 100, currency: "USD", merchant_id: "book-shop" }
const text = (fields: string) =>
  `{"wallet_id":"${wallet.id}","currency":"USD","merchant_id":"book-shop","reference":"r",${fields}}`

let keys = 0
/** Asks with a fresh key, and nothing may have come of it: no event, no row, no request to a provider. */
const refused = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
  const state = async () => [
    await countOf(sql, "journal.events"),
    await countOf(sql, "ledger.postings"),
    await countOf(sql, "payment.payments"),
    Number((await sql`select count(*) from api.idempotency_keys`)[0]?.["count"]),
    (await sim.wire()).length
  ]
  const before = await state()
  const answer = await api.post(path, body, { key: `input ${++keys}`, headers })
  expect(await state()).toEqual(before)
  return answer
}

const AMOUNTS = ["0", "-1", "-0", "1.5", "1.0", "1e3", "1E3", '"1e3"', '"100"', "NaN", '"NaN"', "Infinity", "null"]
const MORE = [
  "9007199254740992",
  "9223372036854775808",
  "1e400",
  "true",
  "[100]",
  '{"value":100}',
  '"٣"',
  "٣",
  '" 10 "'
]

for (const amount of [...AMOUNTS, ...MORE])
  test(`P60 amount ${amount} is 400 on every route that moves money, before any event`, async () => {
    for (const path of [PAYMENTS, CREDITS]) {
      const fields = `"amount":${amount}`
      const body =
        path === PAYMENTS
          ? text(fields).replace('"reference":"r",', "")
          : text(fields).replace(`"wallet_id":"${wallet.id}",`, "").replace('"merchant_id":"book-shop",', "")
      const { error } = problemOf(await refused(path, body), 400)
      expect(error.code).toMatch(/^INVALID_(REQUEST|JSON)$/)
      if (error.code === "INVALID_REQUEST") expect(error.details).toMatchObject({ field: "amount" })
    }
  })

test("P69 the largest amount goes through every event and the provider without losing a unit", async () => {
  const rich = await api.open(MAX)
  expect((await api.wallet(rich.id)).balance).toBe(MAX)
  const payment = paymentOf(await api.pay(rich.id, MAX - 1))
  expect(payment.amount).toBe(MAX - 1)
  expect((await api.wallet(rich.id)).balance).toBe(1)
  const { data } = JSON.parse((await api.get(`/api/v1/wallets/${rich.id}/events`)).text)
  const amounts = (data as ReadonlyArray<{ data: { amount?: number } }>).flatMap(({ data }) => data.amount ?? [])
  expect(amounts).toEqual([MAX, MAX - 1])
  expect(await sim.ledger(payment.id)).toMatchObject([{ amount: MAX - 1 }])
  // At rest: nothing of it comes later, when others count what has changed.
  expect(await violations(platform)).toEqual([])
})

const nested = (depth: number) => `{"a":`.repeat(depth) + "1" + "}".repeat(depth)
const BODIES: ReadonlyArray<readonly [string, string | Uint8Array, Record<string, string>, string]> = [
  ["1 MB", JSON.stringify({ ...order, description: "x".repeat(1_000_000) }), {}, "413 BODY_TOO_LARGE"],
  ["nested 10,000 deep", nested(10_000), {}, "400 INVALID_JSON"],
  ["nested 9 deep", nested(9), {}, "400 INVALID_JSON"],
  ["wrong UTF-8", new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]), {}, "400 INVALID_JSON"],
  ["empty", "", {}, "400 INVALID_JSON"],
  ["cut off", '{"wallet_id":"', {}, "400 INVALID_JSON"],
  ["an array", "[]", {}, "400 INVALID_JSON"],
  ["a form", "amount=100", { "content-type": "application/x-www-form-urlencoded" }, "415 UNSUPPORTED_MEDIA_TYPE"],
  ["no object", "null", {}, "400 INVALID_JSON"]
]
for (const [name, body, headers, code] of BODIES)
  test(`bad input: a body that is ${name} is ${code}, nothing changes`, async () => {
    expect(codeOf(await refused(PAYMENTS, body, headers))).toBe(code)
  })

const FIELDS: ReadonlyArray<readonly [string, object, string]> = [
  ["an unknown field", { ...order, provider: "paypal" }, "provider"],
  ["an unknown currency", { ...order, currency: "XXX" }, "currency"],
  ["a currency in lower case", { ...order, currency: "usd" }, "currency"],
  ["no wallet", { ...order, wallet_id: undefined }, "wallet_id"],
  ["a wallet that is a number", { ...order, wallet_id: 7 }, "wallet_id"],
  ["a merchant with a quote", { ...order, merchant_id: "x'; drop table" }, "merchant_id"],
  ["a merchant that is too long", { ...order, merchant_id: "m".repeat(65) }, "merchant_id"],
  ["a NUL in the description", { ...order, description: "a\u0000b" }, "description"],
  ["half a character", { ...order, description: "\ud800" }, "description"],
  ["metadata that is no text", { ...order, metadata: { a: 1 } }, "metadata/a"]
]
for (const [name, body, field] of FIELDS)
  test(`bad input: ${name} is a 400 that names ${field}, nothing changes`, async () => {
    const { error } = problemOf(await refused(PAYMENTS, body), 400)
    expect(error).toMatchObject({ code: "INVALID_REQUEST", details: { field } })
  })

test("bad input: __proto__ is a field like any other, and an unknown one", async () => {
  const { error } = problemOf(await refused(PAYMENTS, text('"amount":1,"__proto__":{"amount":5}')), 400)
  expect(error.code).toBe("INVALID_REQUEST")
})

test("bad input: wrong headers are 4xx: no key, long key, other characters, no authorization", async () => {
  expect(codeOf(await api.post(PAYMENTS, order))).toBe("400 IDEMPOTENCY_KEY_REQUIRED")
  for (const key of ["k".repeat(256), '"unfinished', "schlüssel"])
    expect([key, (await refused(PAYMENTS, order, { "idempotency-key": key })).status]).toEqual([key, 400])
  for (const authorization of ["", "Bearer", "Bearer  ", "Basic c2VjcmV0", `Bearer ${"x".repeat(10_000)}`])
    expect((await refused(PAYMENTS, order, { authorization })).status).toBe(401)
})

test("bad input: addresses and methods that are not there, and ids that are none", async () => {
  expect(codeOf(await api.get("/api/v1/nothing"))).toBe("404 NOT_FOUND")
  expect(codeOf(await api.post(`/api/v1/wallets/${wallet.id}`, {}))).toBe("405 METHOD_NOT_ALLOWED")
  for (const id of ["x", "%00", "..%2f..%2fetc", "' or 1=1", "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01"]) {
    expect((await api.get(`/api/v1/wallets/${id}`)).status).toBe(404)
    expect((await api.get(`/api/v1/payments/${id}`)).status).toBe(404)
    expect(
      (await refused(`/api/v1/wallets/${id}/credits`, { amount: 1, currency: "USD", reference: "r" })).status
    ).toBe(404)
  }
  for (const query of ["limit=0", "limit=201", "limit=x", "cursor=x", "from=yesterday"])
    expect((await api.get(`/api/v1/payments?${query}`)).status).toBe(400)
})

test("bad input: another tenant's wallet and payment are not found, whatever is asked", async () => {
  const { id } = paymentOf(await api.pay(wallet.id, 100))
  const hash = createHash("sha256").update("sk_other").digest("hex")
  await sql`insert into api.api_keys (id, tenant, name, hash, scopes, created_at) values
    ('other', 'other', 'of another tenant', ${hash}, 'payments:write payments:read wallets:write wallets:read', 0)`
  const other = platform.apiAs("sk_other")
  expect(await violations(platform)).toEqual([])
  const before = await countOf(sql, "journal.events")
  expect(codeOf(await other.get(`/api/v1/wallets/${wallet.id}`))).toBe("404 WALLET_NOT_FOUND")
  expect(codeOf(await other.get(`/api/v1/payments/${id}`))).toBe("404 PAYMENT_NOT_FOUND")
  expect(codeOf(await other.get(`/api/v1/payments/${id}/timeline`))).toBe("404 PAYMENT_NOT_FOUND")
  expect(codeOf(await other.pay(wallet.id, 100))).toBe("404 WALLET_NOT_FOUND")
  expect(codeOf(await other.credit(wallet.id, 100))).toBe("404 WALLET_NOT_FOUND")
  expect(codeOf(await other.post(`/api/v1/wallets/${wallet.id}/lock`, { reason: "r" }))).toBe("404 WALLET_NOT_FOUND")
  expect(codeOf(await other.post(`/api/v1/payments/${id}/cancel`, {}))).toBe("404 PAYMENT_NOT_FOUND")
  expect(JSON.parse((await other.get("/api/v1/payments")).text).data).toEqual([])
  expect(await countOf(sql, "journal.events")).toBe(before)
})

test("bad input: conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
