/** Holds (CASES B5): money set aside, captured in one or several parts, voided; over HTTP. */
import { afterAll, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { type Answer, codeOf, type Hold, holdOf, paymentOf, problemOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { streamOf } from "./records.ts"

const OPEN_MAX = 12
const platform = await startPlatform({ env: { MAX_OPEN_HOLDS_PER_WALLET: String(OPEN_MAX) } })
const { api, sql } = platform
afterAll(platform.stop)

const replayed = ({ headers }: Answer) => headers.get("idempotent-replayed")
const tally = (answers: ReadonlyArray<Answer>) =>
  Object.fromEntries([...Map.groupBy(answers, codeOf)].map(([code, of]) => [code, of.length]))
const funds = async (id: string) => {
  const { balance, available, held } = await api.wallet(id)
  return { balance, available, held }
}
const types = async (wallet: string) => (await streamOf(platform, `wallet-${wallet}`)).map(({ type }) => type)
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()
/** Time has passed it: a hold that nobody touches has lapsed. */
const lapsed = (hold: Hold) =>
  eventually(
    "the hold lapses",
    () => api.holdNow(hold.id),
    ({ status }) => status === "expired"
  )

test("P37 held money cannot be spent: not by another hold, not by a payment", async () => {
  const wallet = await api.open(1_000)
  const hold = holdOf(await api.hold(wallet.id, 800), 201)
  expect(hold).toMatchObject({ status: "held", amount: 800, remaining_amount: 800, captured_amount: 0 })
  const { error } = problemOf(await api.hold(wallet.id, 500), 400)
  expect(error).toMatchObject({
    code: "INSUFFICIENT_FUNDS",
    details: { requested_amount: 500, available_balance: 200, deficit_amount: 300, currency: "USD" }
  })
  expect(codeOf(await api.pay(wallet.id, 201))).toBe("400 INSUFFICIENT_FUNDS")
  expect(await funds(wallet.id)).toEqual({ balance: 1_000, available: 200, held: 800 })
  paymentOf(await api.pay(wallet.id, 200))
  expect(await funds(wallet.id)).toEqual({ balance: 800, available: 0, held: 800 })
  expect(holdOf(await api.capture(hold.id))).toMatchObject({ status: "captured", captured_amount: 800 })
  expect(await funds(wallet.id)).toEqual({ balance: 0, available: 0, held: 0 })
})

test("P38 a rejected hold cannot be captured: it was never made", async () => {
  const wallet = await api.open(1_000)
  const { error, trace_id } = problemOf(await api.hold(wallet.id, 5_000), 400)
  expect(error.code).toBe("INSUFFICIENT_FUNDS")
  const asUuid = trace_id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
  for (const id of [asUuid, wallet.id, "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01", "x"]) {
    expect(codeOf(await api.capture(id, { amount: 1 }))).toBe("404 HOLD_NOT_FOUND")
    expect(codeOf(await api.voidHold(id))).toBe("404 HOLD_NOT_FOUND")
  }
  expect(JSON.parse((await api.get(`/api/v1/wallets/${wallet.id}/holds`)).text)).toEqual({
    data: [],
    next_cursor: null
  })
  expect(await funds(wallet.id)).toEqual({ balance: 1_000, available: 1_000, held: 0 })
})

test("P39 voided twice, in parallel and in series, with and without a key: given back once", async () => {
  const wallet = await api.open(1_000)
  const { id } = holdOf(await api.hold(wallet.id, 500), 201)
  const voids = [{}, {}, { key: "p39 a" }, { key: "p39 b" }].map((asking) => api.voidHold(id, asking))
  expect(tally(await Promise.all(voids))).toEqual({ "200": 4 })
  for (const asking of [{}, { key: "p39 a" }, { key: "p39 c" }])
    expect(holdOf(await api.voidHold(id, asking))).toMatchObject({ status: "voided", released_amount: 500 })
  expect(await funds(wallet.id)).toEqual({ balance: 1_000, available: 1_000, held: 0 })
  expect((await types(wallet.id)).slice(2)).toEqual(["FundsHeld", "HoldVoided"])
  const { error } = problemOf(await api.capture(id), 409)
  expect(error).toMatchObject({ code: "HOLD_CLOSED", details: { hold_id: id, status: "voided" } })
})

test("P40 ten parallel captures of all of it with different keys: one applies", async () => {
  const wallet = await api.open(1_000)
  const { id } = holdOf(await api.hold(wallet.id, 500), 201)
  const answers = await Promise.all(Array.from({ length: 10 }, () => api.capture(id, { amount: 500 })))
  expect(tally(answers)).toEqual({ "200": 1, "409 HOLD_CLOSED": 9 })
  expect(await funds(wallet.id)).toEqual({ balance: 500, available: 500, held: 0 })
})

test("P42 the last partial capture releases the remainder", async () => {
  const wallet = await api.open(10_000)
  const { id } = holdOf(await api.hold(wallet.id, 10_000), 201)
  const captured = holdOf(await api.capture(id, { amount: 6_000, final: true }))
  expect(captured).toMatchObject({
    status: "captured",
    captured_amount: 6_000,
    remaining_amount: 0,
    released_amount: 4_000,
    capture: { amount: 6_000, final: true }
  })
  expect(await api.holdNow(id)).toEqual({ ...captured, capture: undefined } as never)
  expect(await funds(wallet.id)).toEqual({ balance: 4_000, available: 4_000, held: 0 })
  expect((await types(wallet.id)).slice(2)).toEqual(["FundsHeld", "HoldCaptured", "HoldRemainderReleased"])
  expect(codeOf(await api.capture(id, { amount: 1 }))).toBe("409 HOLD_CLOSED")
})

test("P42 several captures: each takes its part, none more than is left, the last one closes the hold", async () => {
  const wallet = await api.open(1_000)
  const { id } = holdOf(await api.hold(wallet.id, 900), 201)
  const status = async (body: object) => holdOf(await api.capture(id, body)).status
  expect(await status({ amount: 300 })).toBe("partially_captured")
  const { error } = problemOf(await api.capture(id, { amount: 601 }), 422)
  expect(error).toMatchObject({ code: "CAPTURE_EXCEEDS_HOLD", details: { remaining_amount: 600, currency: "USD" } })
  expect(await status({ amount: 200, final: false })).toBe("partially_captured")
  expect(await funds(wallet.id)).toEqual({ balance: 500, available: 100, held: 400 })
  expect(await status({})).toBe("captured")
  expect(await api.holdNow(id)).toMatchObject({ captured_amount: 900, remaining_amount: 0, released_amount: 0 })
  expect(await funds(wallet.id)).toEqual({ balance: 100, available: 100, held: 0 })
})

test("P42 a void after a partial capture gives back what is left", async () => {
  const wallet = await api.open(1_000)
  const { id } = holdOf(await api.hold(wallet.id, 900), 201)
  await api.capture(id, { amount: 300 })
  expect(holdOf(await api.post(`/api/v1/holds/${id}/void`, { reason: "no show" }))).toMatchObject({
    status: "voided",
    captured_amount: 300,
    released_amount: 600
  })
  expect(await funds(wallet.id)).toEqual({ balance: 700, available: 700, held: 0 })
})

test("P43 a full capture stays captured: no later capture, void or lapse downgrades it", async () => {
  const wallet = await api.open(6_000)
  const expiresAt = inMs(900)
  const captured = holdOf(await api.hold(wallet.id, 5_000, { expiresAt }), 201)
  expect(holdOf(await api.capture(captured.id, { amount: 5_000 }))).toMatchObject({ status: "captured" })
  const untouched = holdOf(await api.hold(wallet.id, 1_000, { expiresAt }), 201)
  const asCaptured = await api.holdNow(captured.id)
  expect(codeOf(await api.capture(captured.id))).toBe("409 HOLD_CLOSED")
  expect(codeOf(await api.voidHold(captured.id))).toBe("409 HOLD_CLOSED")
  await lapsed(untouched)
  expect(await api.holdNow(captured.id)).toEqual(asCaptured)
  expect(await funds(wallet.id)).toEqual({ balance: 1_000, available: 1_000, held: 0 })
})

test("P52 balance 100, eight parallel holds of 100: one passes, seven are 400, available 0", async () => {
  const wallet = await api.open(100)
  const answers = await Promise.all(Array.from({ length: 8 }, () => api.hold(wallet.id, 100)))
  expect(tally(answers)).toEqual({ "201": 1, "400 INSUFFICIENT_FUNDS": 7 })
  expect(await funds(wallet.id)).toEqual({ balance: 100, available: 0, held: 100 })
})

const WRONG: ReadonlyArray<readonly [string, string, string]> = [
  ["capture", '{"amount":-100}', "amount"],
  ["capture", '{"amount":0}', "amount"],
  ["capture", '{"amount":"1"}', "amount"],
  ["capture", '{"amount":1.5}', "amount"],
  ["capture", '{"amount":1e2}', "amount"],
  ["capture", '{"final":"yes"}', "final"],
  ["capture", '{"amount":1,"currency":"USD"}', "currency"],
  ["void", '{"reason":7}', "reason"],
  ["place", '{"amount":-100,"currency":"USD","merchant_id":"m"}', "amount"],
  ["place", '{"amount":1.5,"currency":"USD","merchant_id":"m"}', "amount"],
  ["place", '{"amount":1,"currency":"USD"}', "merchant_id"],
  ["place", '{"amount":1,"currency":"XXX","merchant_id":"m"}', "currency"],
  ["place", '{"amount":1,"currency":"USD","merchant_id":"m","expires_at":1}', "expires_at"],
  ["place", '{"amount":1,"currency":"USD","merchant_id":"m","expires_at":"2099-13-01T00:00:00Z"}', "expires_at"],
  ["place", '{"amount":1,"currency":"USD","merchant_id":"m","expires_at":"2020-01-01T00:00:00Z"}', "expires_at"],
  ["place", '{"amount":1,"currency":"USD","merchant_id":"m","expires_at":"2099-01-01T00:00:00Z"}', "expires_at"]
]
const tried = await api.open(1_000)
const trial = holdOf(await api.hold(tried.id, 500), 201)
for (const [verb, body, field] of WRONG)
  test(`P27 ${verb} ${body} is a 400 that names ${field}, nothing changes`, async () => {
    const path = verb === "place" ? `/api/v1/wallets/${tried.id}/holds` : `/api/v1/holds/${trial.id}/${verb}`
    const before = await types(tried.id)
    const { error } = problemOf(await api.post(path, body, { key: unique("wrong") }), 400)
    expect(error).toMatchObject({ code: "INVALID_REQUEST", details: { field } })
    expect(await types(tried.id)).toEqual(before)
    expect(await api.holdNow(trial.id)).toEqual(trial)
  })

test("holds: another currency than the wallet's is 400, no wallet is 404, too many open ones are 422", async () => {
  const wallet = await api.open(1_000)
  expect(codeOf(await api.hold(wallet.id, 1, { currency: "EUR" }))).toBe("400 CURRENCY_MISMATCH")
  expect(codeOf(await api.hold("01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01", 1))).toBe("404 WALLET_NOT_FOUND")
  const holds: Array<Hold> = []
  for (let n = 0; n < OPEN_MAX; n++) holds.push(holdOf(await api.hold(wallet.id, 10), 201))
  expect(codeOf(await api.hold(wallet.id, 10))).toBe("422 HOLD_LIMIT_EXCEEDED")
  await api.voidHold(holds[0]?.id ?? "")
  expect(codeOf(await api.hold(wallet.id, 10))).toBe("201")
})

test("holds: a key has one effect and one answer, whatever happened since; another body is 422", async () => {
  const wallet = await api.open(1_000)
  const placed = await api.hold(wallet.id, 500, { key: "once" })
  const { id } = holdOf(placed, 201)
  expect([placed.headers.get("location"), placed.headers.get("etag")]).toEqual([`/api/v1/holds/${id}`, '"3"'])
  const some = await api.capture(id, { amount: 100 }, { key: "some" })
  const rest = await api.capture(id, { amount: 150, final: true }, { key: "rest" })
  for (const again of [
    [placed, await api.hold(wallet.id, 500, { key: "once" })],
    [some, await api.capture(id, { amount: 100 }, { key: "some" })],
    [rest, await api.capture(id, { final: true, amount: 150 }, { key: "rest" })]
  ] as const)
    expect([again[1].status, again[1].text, replayed(again[1])]).toEqual([again[0].status, again[0].text, "true"])
  expect(codeOf(await api.hold(wallet.id, 501, { key: "once" }))).toBe("422 IDEMPOTENCY_KEY_REUSED")
  expect(codeOf(await api.capture(id, { amount: 101 }, { key: "some" }))).toBe("422 IDEMPOTENCY_KEY_REUSED")
  expect(await funds(wallet.id)).toEqual({ balance: 750, available: 750, held: 0 })
  for (const path of [`/api/v1/wallets/${wallet.id}/holds`, `/api/v1/holds/${id}/capture`])
    expect(codeOf(await api.post(path, {}))).toBe("400 IDEMPOTENCY_KEY_REQUIRED")
})

test("holds: listed newest first in pages, told among the wallet's events, balance at every moment", async () => {
  const wallet = await api.open(1_000)
  const ids: Array<string> = []
  for (const amount of [10, 20, 30]) ids.unshift(holdOf(await api.hold(wallet.id, amount), 201).id)
  const list = async (query: string) => JSON.parse((await api.get(`/api/v1/wallets/${wallet.id}/holds?${query}`)).text)
  const first = await list("limit=2")
  const second = await list(`limit=2&cursor=${first.next_cursor}`)
  expect([...first.data, ...second.data].map(({ id }: Hold) => id)).toEqual(ids)
  expect(second.next_cursor).toBeNull()
  expect((await api.get(`/api/v1/wallets/${wallet.id}/holds?cursor=x`)).status).toBe(400)
  await api.capture(ids[0] ?? "", { amount: 5, final: true })
  const { data } = JSON.parse((await api.get(`/api/v1/wallets/${wallet.id}/events?limit=50`)).text)
  const told = data as ReadonlyArray<{ type: string; time: string; data: { balance?: number; available?: number } }>
  expect(told.slice(5).map(({ type, data }) => [type, data.balance, data.available])).toEqual([
    ["HoldCaptured", 995, 940],
    ["HoldRemainderReleased", 995, 965]
  ])
  for (const { time } of told) {
    const last = told.findLast((event) => event.time <= time && event.data.balance !== undefined)?.data
    const at = JSON.parse((await api.get(`/api/v1/wallets/${wallet.id}/balance?at=${time}`)).text)
    expect([at.balance, at.available]).toEqual([last?.balance ?? 0, last?.available ?? 0])
  }
})

test("holds: another tenant's hold is not found, whatever is asked", async () => {
  const wallet = await api.open(1_000)
  const { id } = holdOf(await api.hold(wallet.id, 500), 201)
  const hash = createHash("sha256").update("sk_stranger").digest("hex")
  await sql`insert into api.api_keys (id, tenant, name, hash, scopes, created_at) values
    ('stranger', 'stranger', 'of another tenant', ${hash}, 'wallets:write wallets:read', 0)`
  const stranger = platform.apiAs("sk_stranger")
  expect(codeOf(await stranger.get(`/api/v1/holds/${id}`))).toBe("404 HOLD_NOT_FOUND")
  expect(codeOf(await stranger.capture(id))).toBe("404 HOLD_NOT_FOUND")
  expect(codeOf(await stranger.voidHold(id))).toBe("404 HOLD_NOT_FOUND")
  expect(codeOf(await stranger.get(`/api/v1/wallets/${wallet.id}/holds`))).toBe("404 WALLET_NOT_FOUND")
  expect(codeOf(await stranger.hold(wallet.id, 1))).toBe("404 WALLET_NOT_FOUND")
  expect((await api.holdNow(id)).status).toBe("held")
})

test("holds: conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
