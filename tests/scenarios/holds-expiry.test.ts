/** Holds whose time is up (CASES P45): by the timer, by whoever looks, behind a lock, over a restart. */
import { afterAll, expect, test } from "bun:test"
import { type Answer, codeOf, type Hold, holdOf, paymentOf, problemOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { streamOf } from "./records.ts"

const platform = await startPlatform({ env: { SNAPSHOT_EVERY: "5" } })
const { api, sql } = platform
afterAll(platform.stop)

const replayed = ({ headers }: Answer) => headers.get("idempotent-replayed")
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

test("P45 a hold expires on time by itself: the funds are back, a capture is 409 HOLD_EXPIRED", async () => {
  const wallet = await api.open(1_000)
  const hold = holdOf(await api.hold(wallet.id, 700, { expiresAt: inMs(500) }), 201)
  await api.capture(hold.id, { amount: 100 })
  const stream = () => streamOf(platform, `wallet-${wallet.id}`)
  const told = await eventually("HoldExpired", stream, (events) => events.at(-1)?.type === "HoldExpired")
  expect(told.at(-1)?.data).toMatchObject({ hold_id: hold.id, amount: "600", balance: "900", available: "900" })
  const [row] = await sql`select status, released_amount, updated_at from wallet.holds where id = ${hold.id}`
  expect(row).toMatchObject({ status: "expired", released_amount: 600n })
  expect(Number(row?.["updated_at"])).toBeGreaterThanOrEqual(Date.parse(hold.expires_at))
  expect(await api.holdNow(hold.id)).toMatchObject({ status: "expired", captured_amount: 100, released_amount: 600 })
  expect(await funds(wallet.id)).toEqual({ balance: 900, available: 900, held: 0 })
  const { error } = problemOf(await api.capture(hold.id, { amount: 1 }), 409)
  expect(error).toMatchObject({ code: "HOLD_EXPIRED", details: { hold_id: hold.id } })
  expect(codeOf(await api.voidHold(hold.id))).toBe("409 HOLD_EXPIRED")
})

/** The timer is taken away, so only whoever looks can find out. */
const lateHold = async (wallet: string, amount: number) => {
  const hold = holdOf(await api.hold(wallet, amount, { expiresAt: inMs(500) }), 201)
  await sql`delete from journal.timers where stream = ${`wallet-${wallet}`}`
  return hold
}

test("P45 where the timer is late, every read and every decision sees the lapse all the same", async () => {
  const wallet = await api.open(1_000)
  const placed = await lateHold(wallet.id, 800)
  const before = await api.get(`/api/v1/wallets/${wallet.id}`)
  expect(await lapsed(placed)).toMatchObject({ remaining_amount: 0, released_amount: 800 })
  expect(await funds(wallet.id)).toEqual({ balance: 1_000, available: 1_000, held: 0 })
  const now = JSON.parse((await api.get(`/api/v1/wallets/${wallet.id}/balance`)).text)
  expect(now).toMatchObject({ balance: 1_000, available: 1_000, held: 0 })
  const stale = { headers: { "if-none-match": before.headers.get("etag") ?? "" } }
  expect((await api.get(`/api/v1/wallets/${wallet.id}`, stale)).status).toBe(200)
  const held = { headers: { "if-none-match": `"${placed.version}"` } }
  expect((await api.get(`/api/v1/holds/${placed.id}`, held)).status).toBe(200)
  const at = (time: string) => api.get(`/api/v1/wallets/${wallet.id}/balance?at=${time}`)
  expect(JSON.parse((await at(placed.expires_at)).text)).toMatchObject({ available: 1_000, held: 0 })
  expect(codeOf(await api.capture(placed.id))).toBe("409 HOLD_EXPIRED")
  expect(codeOf(await api.voidHold(placed.id))).toBe("409 HOLD_EXPIRED")
  expect((await types(wallet.id)).at(-1)).toBe("FundsHeld")
  const payment = paymentOf(await api.pay(wallet.id, 900))
  expect((await types(wallet.id)).slice(2)).toEqual([
    "FundsHeld",
    "HoldExpired",
    "WalletBalanceChecked",
    "WalletDeducted"
  ])
  const { data } = JSON.parse((await api.get(`/api/v1/payments/${payment.id}/timeline`)).text)
  expect((data as ReadonlyArray<{ type: string }>).map(({ type }) => type)).toContain("HoldExpired")
  expect(await funds(wallet.id)).toEqual({ balance: 100, available: 100, held: 0 })
  expect(JSON.parse((await at(placed.expires_at)).text)).toMatchObject({ available: 1_000, held: 0 })
  expect(codeOf(await api.capture(placed.id))).toBe("409 HOLD_EXPIRED")
})

test("P45 a credit that finds a lapsed hold is answered, and answered again, as a credit", async () => {
  const wallet = await api.open(1_000)
  await lapsed(await lateHold(wallet.id, 800))
  const first = await api.credit(wallet.id, 500, { key: "p45 credit" })
  expect(JSON.parse(first.text)).toMatchObject({ amount: 500, balance: 1_500, available: 1_500, held: 0 })
  const again = await api.credit(wallet.id, 500, { key: "p45 credit" })
  expect([again.text, replayed(again)]).toEqual([first.text, "true"])
  expect((await types(wallet.id)).slice(2)).toEqual(["FundsHeld", "HoldExpired", "WalletCredited"])
})

test("holds: a locked wallet sets nothing aside, and keeps its promises: capture, void and expiry go on", async () => {
  const wallet = await api.open(1_000)
  const [a, b] = [holdOf(await api.hold(wallet.id, 100), 201), holdOf(await api.hold(wallet.id, 200), 201)]
  const c = holdOf(await api.hold(wallet.id, 300, { expiresAt: inMs(900) }), 201)
  await api.post(`/api/v1/wallets/${wallet.id}/lock`, { reason: "stolen phone" })
  expect(codeOf(await api.hold(wallet.id, 1))).toBe("423 WALLET_LOCKED")
  expect(holdOf(await api.capture(a.id)).status).toBe("captured")
  expect(holdOf(await api.voidHold(b.id)).status).toBe("voided")
  const stream = () => types(wallet.id)
  await eventually(`${c.id} expires`, stream, (of) => of.at(-1) === "HoldExpired")
  expect(await api.wallet(wallet.id)).toMatchObject({ balance: 900, available: 900, held: 0, status: "locked" })
})

test("holds: after kill -9 the open ones are there, keys too, and what lapsed meanwhile expires", async () => {
  const wallet = await api.open(1_000)
  const kept = await api.hold(wallet.id, 300, { key: "kept" })
  const { id } = holdOf(kept, 201)
  await api.capture(id, { amount: 100 }, { key: "kept capture" })
  await api.hold(wallet.id, 200, { expiresAt: inMs(600) })
  await platform.kill9()
  await platform.restart()
  const again = await api.hold(wallet.id, 300, { key: "kept" })
  expect([again.status, again.text, replayed(again)]).toEqual([201, kept.text, "true"])
  expect(holdOf(await api.capture(id, { amount: 100 }, { key: "kept capture" })).captured_amount).toBe(100)
  const stream = () => types(wallet.id)
  await eventually("the other one expires", stream, (of) => of.at(-1) === "HoldExpired")
  expect(holdOf(await api.capture(id)).captured_amount).toBe(300)
  expect(await funds(wallet.id)).toEqual({ balance: 700, available: 700, held: 0 })
})

test("holds: conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
