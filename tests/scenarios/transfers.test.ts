/** Transfers over HTTP: money from wallet to wallet, whole or not at all. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Answer, apiAt, codeOf, holdOf, problemOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { launch, PACE, startPlatform } from "./platform.ts"
import { streamOf } from "./records.ts"

const MAX = Number.MAX_SAFE_INTEGER
const platform = await startPlatform()
const { api, sql } = platform
afterAll(platform.stop)

interface Transfer {
  readonly id: string
  readonly status: string
  readonly source_wallet_id: string
  readonly destination_wallet_id: string
  readonly amount: number
}
const transferOf = (answer: Answer, status = 201): Transfer => {
  expect([answer.status, answer.text]).toEqual([status, expect.any(String)])
  return JSON.parse(answer.text) as Transfer
}
const balances = (...ids: ReadonlyArray<string>) => Promise.all(ids.map(async (id) => (await api.wallet(id)).balance))
const types = async (wallet: string) => (await streamOf(platform, `wallet-${wallet}`)).map(({ type }) => type)
const tally = (answers: ReadonlyArray<Answer>) =>
  Object.fromEntries([...Map.groupBy(answers, codeOf)].map(([code, of]) => [code, of.length]))

test("a transfer: both wallets change at once, one posting, to be read again, in both statements", async () => {
  const [a, b] = [await api.open(1_000), await api.open(50)]
  const answer = await api.transfer(a.id, b.id, 300)
  const transfer = transferOf(answer)
  expect(transfer).toMatchObject({
    status: "completed",
    source_wallet_id: a.id,
    destination_wallet_id: b.id,
    amount: 300
  })
  expect(await balances(a.id, b.id)).toEqual([700, 350])
  expect(answer.headers.get("location")).toBe(`/api/v1/transfers/${transfer.id}`)
  expect(transferOf(await api.get(`/api/v1/transfers/${transfer.id}`), 200)).toEqual(transfer)
  expect(codeOf(await api.get(`/api/v1/transfers/${a.id}`))).toBe("404 TRANSFER_NOT_FOUND")
  const postings = await sql`select source, destination, amount from ledger.postings where payment_id = ${transfer.id}`
  expect([...postings]).toEqual([{ source: `wallet:${a.id}`, destination: `wallet:${b.id}`, amount: 300n }])
  for (const [wallet, kind, amount] of [
    [a.id, "transfer_out", -300],
    [b.id, "transfer_in", 300]
  ] as const) {
    const { entries } = JSON.parse((await api.get(`/api/v1/wallets/${wallet}/statement`)).text)
    expect(entries.at(-1)).toMatchObject({ kind, amount, reference: transfer.id })
  }
})

test("a transfer that cannot be is refused whole, with its reason; the key is not used up", async () => {
  const [a, b, euro] = [await api.open(1_000), await api.open(), await api.open(10, "EUR")]
  const nobody = "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01"
  const key = unique("again")
  const { error } = problemOf(await api.transfer(a.id, b.id, 1_001, { key }), 400)
  expect(error).toMatchObject({
    code: "INSUFFICIENT_FUNDS",
    details: { requested_amount: 1_001, available_balance: 1_000, deficit_amount: 1, currency: "USD", wallet_id: a.id }
  })
  const { details } = problemOf(await api.transfer(a.id, a.id.toUpperCase(), 1), 400).error
  expect(details["field"]).toBe("destination_wallet_id")
  expect(codeOf(await api.transfer(a.id, euro.id, 1))).toBe("400 CURRENCY_MISMATCH")
  expect(codeOf(await api.transfer(a.id, euro.id, 1, { currency: "EUR" }))).toBe("400 CURRENCY_MISMATCH")
  for (const [from, to] of [
    [a.id, nobody],
    [nobody, a.id],
    [a.id, "x"]
  ] as const)
    expect(codeOf(await api.transfer(from, to, 1))).toBe("404 WALLET_NOT_FOUND")
  const held = holdOf(await api.hold(a.id, 900), 201)
  expect(codeOf(await api.transfer(a.id, b.id, 101))).toBe("400 INSUFFICIENT_FUNDS")
  holdOf(await api.voidHold(held.id))
  expect(await types(b.id)).toEqual(["WalletCreated"])
  expect(await balances(a.id, b.id)).toEqual([1_000, 0])
  await api.credit(a.id, 1)
  transferOf(await api.transfer(a.id, b.id, 1_001, { key }))
})

test("a locked wallet sends nothing and receives; no balance grows beyond 2^53 - 1", async () => {
  const [a, b, full] = [await api.open(1_000), await api.open(), await api.open(MAX - 5)]
  await api.post(`/api/v1/wallets/${a.id}/lock`, { reason: "stolen" })
  expect(codeOf(await api.transfer(a.id, b.id, 1))).toBe("423 WALLET_LOCKED")
  transferOf(await api.transfer(full.id, a.id, 10))
  await api.post(`/api/v1/wallets/${a.id}/unlock`, { reason: "found" })
  expect(codeOf(await api.transfer(a.id, full.id, 16))).toBe("422 BALANCE_LIMIT_EXCEEDED")
  transferOf(await api.transfer(a.id, full.id, 15))
  expect(await balances(a.id, b.id, full.id)).toEqual([995, 0, MAX])
})

const AMOUNTS = ["0", "-1", "1.5", "1e3", '"10"', '" 10 "', '"٣"', "null", "9223372036854775808", "NaN", "1.0050"]
for (const amount of AMOUNTS)
  test(`P50 P60 a transfer of ${amount} is 400, before any event`, async () => {
    const [a, b] = [await api.open(1_000), await api.open()]
    const body = `{"source_wallet_id":"${a.id}","destination_wallet_id":"${b.id}","currency":"USD","amount":${amount}}`
    expect(codeOf(await api.post("/api/v1/transfers", body, { key: unique("p60") }))).toMatch(/^400 INVALID_/)
    expect([await types(a.id), await types(b.id)]).toEqual([["WalletCreated", "WalletCredited"], ["WalletCreated"]])
  })

test("P01 the same key is one transfer: twins, repetitions, and another body", async () => {
  const [a, b] = [await api.open(1_000), await api.open()]
  const key = unique("twins")
  const twins = await Promise.all(Array.from({ length: 8 }, () => api.transfer(a.id, b.id, 100, { key })))
  expect(Object.keys(tally(twins)).every((code) => ["201", "409 IDEMPOTENCY_KEY_IN_USE"].includes(code))).toBe(true)
  const again = await api.transfer(a.id, b.id, 100, { key })
  expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([201, "true"])
  expect(twins.filter(({ status }) => status === 201).every(({ text }) => text === again.text)).toBe(true)
  expect(codeOf(await api.transfer(a.id, b.id, 101, { key }))).toBe("422 IDEMPOTENCY_KEY_REUSED")
  const wanted = { source_wallet_id: a.id, destination_wallet_id: b.id, amount: 1, currency: "USD" }
  expect(codeOf(await api.post("/api/v1/transfers", wanted))).toBe("400 IDEMPOTENCY_KEY_REQUIRED")
  expect(await balances(a.id, b.id)).toEqual([900, 100])
})

/** As a client does that is told to come back: the same request with the same key. */
const insisting = async (from: typeof api, source: string, destination: string) => {
  const key = unique("insist")
  for (;;) {
    const answer = await from.transfer(source, destination, 1, { key })
    if (answer.status !== 503 && !codeOf(answer).startsWith("409")) return answer
  }
}
const crossing = async (n: number, one: typeof api, other: typeof api) => {
  const [a, b] = [await api.open(n), await api.open(n)]
  const both = Array.from({ length: n }, () => [insisting(one, a.id, b.id), insisting(other, b.id, a.id)])
  expect(tally(await Promise.all(both.flat()))).toEqual({ "201": 2 * n })
  expect(await balances(a.id, b.id)).toEqual([n, n])
}

test("P55 1000 × A→B with 1000 × B→A: no deadlock, all complete, the sum is unchanged", () => crossing(1_000, api, api))

test("P55 the same across two instances, each with its own connection", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "wallet-crossing-"))
  const second = await launch({ ...PACE, DATABASE_URL: platform.databaseUrl, DATA_DIR: dataDir })
  try {
    await crossing(
      100,
      api,
      apiAt(() => second.url, platform.apiKey)
    )
  } finally {
    second.kill("SIGTERM")
    await second.exited
    rmSync(dataDir, { recursive: true, force: true })
  }
})

test("killed in the middle of transfers: each is whole or not there, and its key finds it", async () => {
  const wallets = await Promise.all(Array.from({ length: 6 }, () => api.open(1_000)))
  const ids = wallets.map(({ id }) => id)
  const asked = Array.from({ length: 300 }, (_, n) => {
    const [from, to] = [ids[n % 6], ids[(n * 5 + 1) % 6]] as [string, string]
    return { from, to: from === to ? (ids[(n + 1) % 6] as string) : to, key: unique("killed") }
  })
  const first = asked.map(({ from, to, key }) =>
    api.transfer(from, to, 7, { key }).then(
      ({ status }) => status,
      () => 0
    )
  )
  await Promise.race(first.slice(40))
  await platform.kill9()
  const before = await Promise.all(first)
  await platform.restart()
  const rows = Number((await sql`select count(*) from wallet.transfers where amount = 7`)[0]?.["count"])
  expect(rows).toBeGreaterThanOrEqual(before.filter((status) => status === 201).length)
  const again = await Promise.all(asked.map(({ from, to, key }) => api.transfer(from, to, 7, { key })))
  expect(again.map(codeOf).filter((code) => code !== "201" && code !== "400 INSUFFICIENT_FUNDS")).toEqual([])
  const made = Number((await sql`select count(*) from wallet.transfers where amount = 7`)[0]?.["count"])
  expect(made).toBe(again.filter(({ status }) => status === 201).length)
  expect((await balances(...ids)).reduce((sum, balance) => sum + balance, 0)).toBe(6_000)
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
