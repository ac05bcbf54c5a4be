/** Bulk payments over HTTP: each its own result, in order; one that is bad spoils no other; repeated, it resumes. */
import { afterAll, expect, test } from "bun:test"
import { type Answer, codeOf, type Payment, problemOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { countOf } from "./records.ts"

const platform = await startPlatform()
const { api, sql, sim } = platform
afterAll(platform.stop)

interface Result {
  readonly index: number
  readonly status: number
  readonly replayed?: boolean
  readonly payment?: Payment
  readonly problem?: { readonly error: { readonly code: string; readonly details: Readonly<Record<string, unknown>> } }
}
interface Bulk {
  readonly completed: number
  readonly pending: number
  readonly failed: number
  readonly results: ReadonlyArray<Result>
}
type Asked = Readonly<Record<string, unknown>>

const of = (wallet: string, amount: unknown, more: Asked = {}): Asked => ({
  wallet_id: wallet,
  amount,
  currency: "USD",
  merchant_id: "book-shop",
  ...more
})
const send = (payments: ReadonlyArray<unknown>, key: string | undefined = unique("bulk")) =>
  api.post("/api/v1/payments/bulk", { payments }, { prefer: "wait=20", ...(key === "" ? {} : { key }) })
const bulkOf = (answer: Answer): Bulk => {
  expect([answer.status, answer.text]).toEqual([207, expect.any(String)])
  const bulk = JSON.parse(answer.text) as Bulk
  expect(bulk.results.map(({ index }) => index)).toEqual(bulk.results.map((_, n) => n))
  return bulk
}
const said = ({ results }: Bulk) =>
  results.map(({ status, problem }) => (problem === undefined ? String(status) : `${status} ${problem.error.code}`))

test("P48 ok, insufficient, ok: a result each, in order; repeated, it is the same", async () => {
  const wallet = await api.open(1_000)
  const key = unique("p48")
  const payments = [of(wallet.id, 400), of(wallet.id, 5_000), of(wallet.id, 500)]
  const first = bulkOf(await send(payments, key))
  expect(said(first)).toEqual(["201", "400 INSUFFICIENT_FUNDS", "201"])
  expect([first.completed, first.pending, first.failed]).toEqual([2, 0, 1])
  expect((await api.wallet(wallet.id)).balance).toBe(100)
  const again = bulkOf(await send(payments, key))
  expect(said(again)).toEqual(said(first))
  expect(again.results.map(({ payment }) => payment?.id)).toEqual(first.results.map(({ payment }) => payment?.id))
  expect(again.results.map(({ replayed }) => replayed)).toEqual([true, true, true])
  expect((await api.wallet(wallet.id)).balance).toBe(100)
})

test("P41 P60 bad items among good ones spoil none: each says which field of it is wrong", async () => {
  const wallet = await api.open(1_000)
  const before = await countOf(sql, "payment.payments")
  const bad = [
    of(wallet.id, 0),
    of(wallet.id, -1),
    of(wallet.id, 1.5),
    of(wallet.id, " 10 "),
    of(wallet.id, "٣"),
    of(wallet.id, 1, { currency: "XXX" }),
    of(wallet.id, 1, { merchant_id: "" }),
    of(wallet.id, 1, { unknown: true }),
    of(wallet.id, 1, { currency: "EUR" }),
    of("01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01", 1),
    { wallet_id: wallet.id },
    "text",
    null,
    []
  ]
  const bulk = bulkOf(await send([of(wallet.id, 100), ...bad, of(wallet.id, 200)]))
  const codes = said(bulk)
  expect([codes[0], codes.at(-1)]).toEqual(["201", "201"])
  expect(codes.slice(1, -1).every((code) => /^(400 INVALID_REQUEST|400 CURRENCY_MISMATCH|404 WALLET)/.test(code))).toBe(
    true
  )
  expect(bulk.results[1]?.problem?.error.details["field"]).toBe("amount")
  expect((await countOf(sql, "payment.payments")) - before).toBe(2)
  expect((await api.wallet(wallet.id)).balance).toBe(700)
})

test("items have keys of their own: shared with single payments, changed ones refused alone", async () => {
  const wallet = await api.open(1_000)
  const [one, two] = [unique("item"), unique("item")]
  const items = [of(wallet.id, 10, { idempotency_key: one }), of(wallet.id, 20, { idempotency_key: two })]
  const first = bulkOf(await send(items, ""))
  expect(said(first)).toEqual(["201", "201"])
  const alone = await api.pay(wallet.id, 10, { key: one })
  expect(JSON.parse(alone.text).id).toBe(first.results[0]?.payment?.id)
  const changed = [of(wallet.id, 11, { idempotency_key: one }), items[1], of(wallet.id, 5)]
  expect(said(bulkOf(await send(changed, "")))).toEqual([
    "422 IDEMPOTENCY_KEY_REUSED",
    "201",
    "400 IDEMPOTENCY_KEY_REQUIRED"
  ])
  expect((await api.wallet(wallet.id)).balance).toBe(970)
})

test("what is no bulk is refused whole: none, more than 500, no list, too large", async () => {
  const wallet = await api.open(1_000)
  for (const payments of [[], Array.from({ length: 501 }, () => of(wallet.id, 1))])
    expect(problemOf(await send(payments), 400).error.details["field"]).toBe("payments")
  const post = (body: unknown) => api.post("/api/v1/payments/bulk", body, { key: unique("none") })
  for (const body of [{}, { payments: "x" }, { payments: [of(wallet.id, 1)], atomic: true }])
    expect(codeOf(await post(body))).toBe("400 INVALID_REQUEST")
  expect(codeOf(await post(`{"payments":["${"x".repeat(600_000)}"]}`))).toBe("413 BODY_TOO_LARGE")
  expect((await api.wallet(wallet.id)).balance).toBe(1_000)
})

test("500 payments of many wallets in one request, a declined one among them: order kept, money right", async () => {
  const wallets = await Promise.all(Array.from({ length: 10 }, () => api.open(50)))
  await sim.behaviour("stripe", { fault: "decline", code: "stolen_card", count: 1 })
  const payments = Array.from({ length: 500 }, (_, n) =>
    of(wallets[n % 10]?.id as string, 1, { description: `payment ${n} ${"long ".repeat(20)}` })
  )
  const bulk = bulkOf(await send(payments))
  await sim.reset()
  expect([bulk.completed, bulk.pending, bulk.failed]).toEqual([499, 0, 1])
  expect(said(bulk).filter((code) => code !== "201")).toEqual(["402 PAYMENT_DECLINED"])
  for (const { index, payment } of bulk.results)
    if (payment !== undefined) expect(payment.wallet_id).toBe(wallets[index % 10]?.id as string)
  const left = await Promise.all(wallets.map(async ({ id }) => (await api.wallet(id)).balance))
  expect(left.reduce((sum, balance) => sum + balance, 0)).toBe(1)
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
