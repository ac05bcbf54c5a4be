/** Idempotency-Key (RELIABILITY 4.1, CASES B1), over HTTP. */

import { afterAll, afterEach, expect, test } from "bun:test"
import { hash } from "node:crypto"
import { type Answer, codeOf, paymentOf, problemOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, countOf } from "./records.ts"

const platform = await startPlatform()
const { api, sim, sql } = platform
afterAll(platform.stop)
afterEach(() => sim.reset())

const replayed = ({ headers }: Answer) => headers.get("idempotent-replayed")
const order = (wallet: string, amount: number) => ({
  wallet_id: wallet,
  amount,
  currency: "USD",
  merchant_id: "book-shop"
})

test("F59 P01 the same key with another body: 422, no event, the first result unchanged", async () => {
  const wallet = await api.open(100_000)
  const first = await api.pay(wallet.id, 1_000, { key: "p01" })
  const before = await countOf(sql, "journal.events")
  const other = await api.pay(wallet.id, 9_900, { key: "p01" })
  expect(codeOf(other)).toBe("422 IDEMPOTENCY_KEY_REUSED")
  expect(codeOf(await api.pay(wallet.id, 1_000, { key: "p01", merchant: "other-shop" }))).toBe(codeOf(other))
  expect((await api.wallet(wallet.id)).balance).toBe(99_000)
  const again = await api.pay(wallet.id, 1_000, { key: "p01" })
  expect([again.status, again.text, replayed(again)]).toEqual([201, first.text, "true"])
  // The end of the saga and the message to the user may still have been on their way.
  expect((await countOf(sql, "journal.events")) - before).toBeLessThanOrEqual(4)
  expect(await countOf(sql, "payment.payments")).toBe(1)
})

test("P01 the order of members and white space are no other body", async () => {
  const wallet = await api.open(5_000)
  const first = await api.post("/api/v1/payments", order(wallet.id, 70), { key: '"p01 order"', prefer: "wait=20" })
  const { wallet_id, amount, currency, merchant_id } = order(wallet.id, 70)
  const text = JSON.stringify({ merchant_id, currency, amount, wallet_id }, null, 4)
  const again = await api.post("/api/v1/payments", text, { key: "p01 order" })
  expect([again.status, again.text, replayed(again)]).toEqual([201, first.text, "true"])
})

test("P02 on each mutating route that takes a key: reuse with another body is 422, never a 5xx", async () => {
  const wallet = await api.open(50_000)
  const credits = `/api/v1/wallets/${wallet.id}/credits`
  const user = unique("user")
  const routes: ReadonlyArray<readonly [string, object, object]> = [
    ["/api/v1/wallets", { user_id: user, currency: "USD" }, { user_id: user, currency: "EUR" }],
    [credits, { amount: 1, currency: "USD", reference: "a" }, { amount: 2, currency: "USD", reference: "a" }],
    ["/api/v1/payments", order(wallet.id, 10), order(wallet.id, 11)]
  ]
  for (const [path, body, other] of routes) {
    const asking = { key: "p02", prefer: "wait=20" }
    const first = await api.post(path, body, asking)
    expect([path, first.status]).toEqual([path, 201])
    expect(codeOf(await api.post(path, other, asking))).toBe("422 IDEMPOTENCY_KEY_REUSED")
    const again = await api.post(path, body, asking)
    expect([path, again.status, again.text, replayed(again)]).toEqual([path, 201, first.text, "true"])
  }
})

test("P02 a key means the same on every wallet of a route: the same body for another wallet is 422", async () => {
  const [a, b] = [await api.open(), await api.open()]
  expect(codeOf(await api.credit(a.id, 5, { key: "p02 wallets" }))).toBe("201")
  expect(codeOf(await api.credit(b.id, 5, { key: "p02 wallets" }))).toBe("422 IDEMPOTENCY_KEY_REUSED")
  expect((await api.wallet(b.id)).balance).toBe(0)
})

test("P02 routes without a key may be repeated with any body: lock, unlock, cancel", async () => {
  const wallet = await api.open(1_000)
  for (const verb of ["lock", "unlock"])
    for (const reason of ["first", "second"]) {
      const answer = await api.post(`/api/v1/wallets/${wallet.id}/${verb}`, { reason }, { key: "p02 lock" })
      expect([verb, answer.status]).toEqual([verb, 200])
    }
  const { id } = paymentOf(await api.pay(wallet.id, 1_000))
  for (const reason of ["first", "second"]) {
    const answer = await api.post(`/api/v1/payments/${id}/cancel`, { reason }, { key: "p02 cancel" })
    expect(codeOf(answer)).toBe("409 PAYMENT_NOT_CANCELLABLE")
  }
})

test("P03 a recorded refusal is replayed with a flag, also after the top-up; a new key goes through", async () => {
  const wallet = await api.open(1_000)
  const first = await api.pay(wallet.id, 5_000, { key: "p03" })
  await api.credit(wallet.id, 5_000)
  const again = await api.pay(wallet.id, 5_000, { key: "p03" })
  expect(problemOf(again, 400).error).toEqual(problemOf(first, 400).error)
  expect([replayed(first), replayed(again)]).toEqual([null, "true"])
  expect(codeOf(await api.pay(wallet.id, 5_000, { key: "p03 new" }))).toBe("201")
})

test("P03 what was never accepted consumes no key: bad JSON, field, currency, wallet, API key", async () => {
  const wallet = await api.open(1_000)
  const asking = { key: "p03 unused", prefer: "wait=20" }
  const pay = (body: unknown) => api.post("/api/v1/payments", body, asking)
  expect(codeOf(await pay("{"))).toBe("400 INVALID_JSON")
  expect(codeOf(await pay(order(wallet.id, 0)))).toBe("400 INVALID_REQUEST")
  expect(codeOf(await pay({ ...order(wallet.id, 10), currency: "EUR" }))).toBe("400 CURRENCY_MISMATCH")
  expect(codeOf(await pay(order("01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01", 10)))).toBe("404 WALLET_NOT_FOUND")
  const stranger = await platform.apiAs("sk_wrong").post("/api/v1/payments", order(wallet.id, 10), asking)
  expect(codeOf(stranger)).toBe("401 UNAUTHENTICATED")
  const paid = await pay(order(wallet.id, 10))
  expect([paid.status, replayed(paid)]).toEqual([201, null])
})

test("P03 a credit that was refused consumes no key: it goes through when there is room", async () => {
  const wallet = await api.open(Number.MAX_SAFE_INTEGER)
  expect(codeOf(await api.credit(wallet.id, 1, { key: "p03 credit" }))).toBe("422 BALANCE_LIMIT_EXCEEDED")
  paymentOf(await api.pay(wallet.id, 1))
  expect(codeOf(await api.credit(wallet.id, 1, { key: "p03 credit" }))).toBe("201")
})

test("P04 a missing key is 400; two genuine payments with equal bodies are two", async () => {
  const wallet = await api.open(1_000)
  for (const path of ["/api/v1/payments", `/api/v1/wallets/${wallet.id}/credits`])
    expect(codeOf(await api.post(path, order(wallet.id, 10)))).toBe("400 IDEMPOTENCY_KEY_REQUIRED")
  const one = paymentOf(await api.pay(wallet.id, 10, { key: "p04 a" }))
  const two = paymentOf(await api.pay(wallet.id, 10, { key: "p04 b" }))
  expect(one.id).not.toBe(two.id)
  expect((await api.wallet(wallet.id)).balance).toBe(980)
})

const twins = async (count: number, key: string) => {
  const wallet = await api.open(90_000)
  await sim.behaviour("stripe", { fault: "none", latency_ms: 150 })
  const answers = await Promise.all(Array.from({ length: count }, () => api.pay(wallet.id, 3_000, { key })))
  expect((await api.wallet(wallet.id)).balance).toBe(87_000)
  const ids = new Set(answers.filter(({ status }) => status === 201).map((answer) => paymentOf(answer).id))
  expect(ids.size).toBe(1)
  const [id = ""] = ids
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    expect(codeOf(answer)).toBe("409 IDEMPOTENCY_KEY_IN_USE")
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0)
    expect(problemOf(answer, 409).error.details).toMatchObject({ payment_id: id })
  }
  expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: 3_000 }])
  expect((await chargesOnWire(platform, id)).tries).toBe(1)
  return { wallet, id }
}

test("F59 P06 a hundred parallel twins: one executes, the others are to come back; one provider call", async () => {
  const { wallet, id } = await twins(100, "p06")
  const later = await api.pay(wallet.id, 3_000, { key: "p06" })
  expect([later.status, paymentOf(later).id, replayed(later)]).toEqual([201, id, "true"])
})

test("F59 the same key of another tenant is another key: neither hears of the other's payment", async () => {
  const wallet = await api.open(5_000)
  const first = paymentOf(await api.pay(wallet.id, 1_000, { key: "f59" }))
  const key = "sk_other_tenant"
  await sql`insert into api.api_keys (id, tenant, name, hash, scopes, created_at) values ('key-other', 'other', 'other',
    ${hash("sha256", key, "hex")}, 'payments:write payments:read wallets:write wallets:read', 0)`
  const other = platform.apiAs(key)
  const theirs = await other.open(5_000)
  const second = await other.pay(theirs.id, 2_000, { key: "f59" })
  expect([second.status, replayed(second)]).toEqual([201, null])
  expect(paymentOf(second).id).not.toBe(first.id)
  expect(codeOf(await other.get(`/api/v1/payments/${first.id}`))).toBe("404 PAYMENT_NOT_FOUND")
  expect(paymentOf(await api.pay(wallet.id, 1_000, { key: "f59" })).id).toBe(first.id)
})

test("F59 a key that was forgotten after its 30 days is a new key", async () => {
  const wallet = await api.open(5_000)
  const first = paymentOf(await api.pay(wallet.id, 1_000, { key: "f59 old" }))
  await sql`delete from api.idempotency_keys where key = 'f59 old'`
  await platform.terminate()
  await platform.restart()
  const second = await api.pay(wallet.id, 1_500, { key: "f59 old" })
  expect([second.status, replayed(second)]).toEqual([201, null])
  expect(paymentOf(second).id).not.toBe(first.id)
})

test("P07 two parallel requests, slow first: the loser never sees an error of the database", async () => {
  await twins(2, "p07")
})

test("P07 twins of opening a wallet, with and without a key", async () => {
  const user_id = unique("user")
  const open = (key?: string) =>
    api.post("/api/v1/wallets", { user_id, currency: "USD" }, key === undefined ? {} : { key })
  const codes = (await Promise.all([open("p07 w"), open("p07 w"), open(), open(), open("p07 other")])).map(codeOf)
  expect(codes.filter((code) => code === "201").length).toBeGreaterThan(0)
  expect(codes.filter((code) => !/^(201|409 (WALLET_EXISTS|IDEMPOTENCY_KEY_IN_USE))$/.test(code))).toEqual([])
  const { data } = JSON.parse((await api.get(`/api/v1/wallets?user_id=${user_id}`)).text)
  expect(data).toHaveLength(1)
})

test("P01 to P07: conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
