/** Withdrawals over HTTP: out of the wallet at once, then paid out or back, once; operators say which. */
import { afterAll, expect, test } from "bun:test"
import { type Answer, codeOf, holdOf, problemOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { streamOf } from "./records.ts"

const platform = await startPlatform()
const { api, sql } = platform
afterAll(platform.stop)

interface Withdrawal {
  readonly id: string
  readonly status: string
  readonly reason?: string
}
const withdrawalOf = (answer: Answer, status = 201): Withdrawal => {
  expect([answer.status, answer.text]).toEqual([status, expect.any(String)])
  return JSON.parse(answer.text) as Withdrawal
}
const end = (verb: "settle" | "fail", id: string, reason = "bank reference 4711") =>
  api.post(`/api/v1/ops/withdrawals/${id}/${verb}`, { reason })
const now = async (id: string) => withdrawalOf(await api.get(`/api/v1/withdrawals/${id}`), 200)
const balance = async (id: string) => (await api.wallet(id)).balance
const clearing = async (id: string) => {
  const postings = await sql<Array<{ source: string; destination: string; amount: bigint }>>`
    select source, destination, amount from ledger.postings where payment_id = ${id} order by version`
  return postings.map(({ source, destination, amount }) => `${source} > ${destination} ${amount}`)
}
const types = async (wallet: string) => (await streamOf(platform, `wallet-${wallet}`)).map(({ type }) => type)
const tally = (answers: ReadonlyArray<Answer>) =>
  Object.fromEntries([...Map.groupBy(answers, codeOf)].map(([code, of]) => [code, of.length]))

test("P52 8 parallel withdrawals of 100 of a balance of 100: one passes, 7 × 400, balance 0", async () => {
  const wallet = await api.open(100)
  const answers = await Promise.all(Array.from({ length: 8 }, () => api.withdraw(wallet.id, 100)))
  expect(tally(answers)).toEqual({ "201": 1, "400 INSUFFICIENT_FUNDS": 7 })
  expect(await balance(wallet.id)).toBe(0)
})

test("a withdrawal that is settled: gone for good, with who said so and why", async () => {
  const wallet = await api.open(1_000)
  const asked = withdrawalOf(await api.withdraw(wallet.id, 300))
  expect(asked).toMatchObject({ status: "pending", amount: 300, reference: "to my bank account" })
  expect(await balance(wallet.id)).toBe(700)
  const settled = withdrawalOf(await end("settle", asked.id), 200)
  expect(settled).toMatchObject({
    status: "settled",
    action_id: expect.any(String)
  })
  expect(await now(asked.id)).toMatchObject({ status: "settled", reason: "bank reference 4711" })
  expect(await balance(wallet.id)).toBe(700)
  const [out, funding] = [`wallet:${wallet.id} > withdrawals:clearing 300`, "withdrawals:clearing > funding 300"]
  expect(await clearing(asked.id)).toEqual([out, funding])
  const { data } = JSON.parse((await api.get(`/api/v1/ops/audit?target=withdrawal-${asked.id}`)).text)
  expect(data).toMatchObject([{ action: "withdrawal.settle", reason: "bank reference 4711", outcome: "applied" }])
})

test("a withdrawal that failed is back in the wallet, once, locked or not; in the statement too", async () => {
  const wallet = await api.open(1_000)
  const asked = withdrawalOf(await api.withdraw(wallet.id, 300))
  await api.post(`/api/v1/wallets/${wallet.id}/lock`, { reason: "stolen" })
  expect(codeOf(await api.withdraw(wallet.id, 1))).toBe("423 WALLET_LOCKED")
  const both = await Promise.all([end("fail", asked.id), end("fail", asked.id), end("settle", asked.id)])
  expect(tally(both)["409 WITHDRAWAL_CLOSED"]).toBe(2)
  const { status } = await now(asked.id)
  expect(await balance(wallet.id)).toBe(status === "failed" ? 1_000 : 700)
  const { error } = problemOf(await end("settle", asked.id), 409)
  expect(error).toMatchObject({ code: "WITHDRAWAL_CLOSED", details: { withdrawal_id: asked.id, status } })
  const told = JSON.parse((await api.get(`/api/v1/wallets/${wallet.id}/statement`)).text)
  const kinds = told.entries.map(({ kind }: { readonly kind: string }) => kind)
  expect(kinds.slice(0, 2)).toEqual(["credit", "withdrawal"])
  expect(kinds.slice(2)).toEqual(status === "failed" ? ["withdrawal_returned"] : [])
})

test("what cannot be withdrawn is refused, with its reason; held money is not there", async () => {
  const wallet = await api.open(1_000)
  holdOf(await api.hold(wallet.id, 800), 201)
  const { error } = problemOf(await api.withdraw(wallet.id, 500), 400)
  expect(error).toMatchObject({ code: "INSUFFICIENT_FUNDS", details: { available_balance: 200, deficit_amount: 300 } })
  expect(codeOf(await api.withdraw(wallet.id, 1, { currency: "EUR" }))).toBe("400 CURRENCY_MISMATCH")
  expect(codeOf(await api.withdraw("x", 1))).toBe("404 WALLET_NOT_FOUND")
  expect(codeOf(await api.get(`/api/v1/withdrawals/${wallet.id}`))).toBe("404 WITHDRAWAL_NOT_FOUND")
  expect(codeOf(await end("settle", wallet.id))).toBe("404 WITHDRAWAL_NOT_FOUND")
  const asked = withdrawalOf(await api.withdraw(wallet.id, 200))
  const nothing = await api.post(`/api/v1/ops/withdrawals/${asked.id}/fail`)
  expect(problemOf(nothing, 400).error.details["field"]).toBe("reason")
  expect((await now(asked.id)).status).toBe("pending")
})

const AMOUNTS = ["0", "-1", "1.5", "1e3", '" 10 "', '"٣"', "9223372036854775808", "NaN", "1.0050"]
for (const amount of AMOUNTS)
  test(`P50 P60 a withdrawal of ${amount} is 400, before any event`, async () => {
    const wallet = await api.open(1_000)
    const body = `{"amount":${amount},"currency":"USD","reference":"r"}`
    const answer = await api.post(`/api/v1/wallets/${wallet.id}/withdrawals`, body, { key: unique("p60") })
    expect(codeOf(answer)).toMatch(/^400 INVALID_/)
    expect(await types(wallet.id)).toEqual(["WalletCreated", "WalletCredited"])
  })

test("P01 the same key is one withdrawal, answered as it was first; a list in pages, newest first", async () => {
  const wallet = await api.open(1_000)
  const key = unique("once")
  const first = await api.withdraw(wallet.id, 100, { key })
  const { id } = withdrawalOf(first)
  withdrawalOf(await end("settle", id), 200)
  const again = await api.withdraw(wallet.id, 100, { key })
  expect([again.text, again.headers.get("idempotent-replayed")]).toEqual([first.text, "true"])
  expect(codeOf(await api.withdraw(wallet.id, 101, { key }))).toBe("422 IDEMPOTENCY_KEY_REUSED")
  const others = [await api.withdraw(wallet.id, 1), await api.withdraw(wallet.id, 2)].map((one) => withdrawalOf(one).id)
  const listed: Array<string> = []
  let cursor = ""
  do {
    const page = JSON.parse((await api.get(`/api/v1/wallets/${wallet.id}/withdrawals?limit=1${cursor}`)).text)
    listed.push(...page.data.map((one: Withdrawal) => one.id))
    cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`
  } while (cursor !== "")
  expect(listed).toEqual([...others.toReversed(), id])
})

test("killed in the middle of withdrawals: each is there or not, and its key finds it", async () => {
  const wallet = await api.open(100)
  const keys = Array.from({ length: 100 }, () => unique("killed"))
  const ask = (key: string) =>
    api.withdraw(wallet.id, 1, { key }).then(
      ({ status }) => status,
      () => 0
    )
  const first = keys.map(ask)
  await Promise.race(first.slice(30))
  await platform.kill9()
  await Promise.all(first)
  await platform.restart()
  expect(new Set(await Promise.all(keys.map(ask)))).toEqual(new Set([201]))
  expect(await balance(wallet.id)).toBe(0)
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
  const verified = JSON.parse((await api.post("/api/v1/ops/consistency/verify")).text)
  expect(verified.inconsistencies).toEqual([])
})
