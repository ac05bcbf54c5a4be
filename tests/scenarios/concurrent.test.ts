/** MISSION 10, scenario 4: payments of one wallet at once; and many writers on one wallet. */
import { afterAll, expect, test } from "bun:test"
import { type Answer, codeOf, paymentOf, problemOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { eventsOfType, streamOf, toldTo } from "./records.ts"

const platform = await startPlatform()
const { api, sim, sql } = platform
afterAll(platform.stop)

const ROUNDS = 10
const bothAtOnce = async () => {
  const wallet = await api.open(100_000)
  const answers = await Promise.all([api.pay(wallet.id, 80_000), api.pay(wallet.id, 60_000)])
  const won = answers.find(({ status }) => status === 201)
  const lost = answers.find(({ status }) => status !== 201)
  if (won === undefined || lost === undefined) throw new Error(answers.map(({ text }) => text).join("\n"))
  return { wallet, winner: paymentOf(won), lost }
}

for (let round = 1; round <= ROUNDS; round++)
  test(`10.4 concurrent, round ${round}: 800 and 600 out of 1000, one completes, one names the winner`, async () => {
    const { wallet, winner, lost } = await bothAtOnce()
    const { error } = problemOf(lost, 400)
    const available = 100_000 - winner.amount
    const requested = winner.amount === 80_000 ? 60_000 : 80_000
    expect(error).toMatchObject({
      code: "INSUFFICIENT_FUNDS_CONCURRENT",
      details: {
        concurrent_payment_id: winner.id,
        requested_amount: requested,
        available_balance: available,
        deficit_amount: requested - available,
        currency: "USD"
      }
    })
    const loser = String(error.details["payment_id"])
    expect(await api.payment(loser)).toMatchObject({ status: "FAILED" })
    expect((await api.wallet(wallet.id)).balance).toBe(available)
    expect(await sim.wire(loser)).toEqual([])
    const detected = (await streamOf(platform, `payment-${loser}`)).filter(
      ({ type }) => type === "ConcurrentPaymentDetected"
    )
    expect(detected).toMatchObject([{ data: { user_id: wallet.user_id, winner: winner.id } }])
    const among = detected[0]?.data["concurrent_payments"] as ReadonlyArray<string>
    expect(among.toSorted()).toEqual([winner.id, loser].toSorted())
  })

test("10.4 the figures of the scenario: the first to arrive wins, available 200, deficit 400", async () => {
  const wallet = await api.open(100_000)
  const first = api.pay(wallet.id, 80_000, { key: unique("first") })
  await eventually(
    "taken",
    () => api.wallet(wallet.id),
    ({ balance }) => balance === 20_000
  )
  const { error } = problemOf(await api.pay(wallet.id, 60_000), 400)
  expect(error.code).toBe("INSUFFICIENT_FUNDS_CONCURRENT")
  const { id } = paymentOf(await first)
  expect(error.details).toMatchObject({ available_balance: 20_000, deficit_amount: 40_000, concurrent_payment_id: id })
  const [told] = await toldTo(platform, String(error.details["payment_id"]))
  expect(told?.message).toContain("another payment was made at the same time")
})

test("10.4 the counters on /metrics rise with every loser", async () => {
  const before = await Promise.all([lostFunds(), attempts(), failed()])
  await bothAtOnce()
  const [lost, met, ended] = await Promise.all([lostFunds(), attempts(), failed()])
  expect([lost, met, ended]).toEqual(before.map((count) => count + 1))
  expect(lost).toBe((await eventsOfType(platform, "ConcurrentPaymentDetected")).length)
})
const lostFunds = () => platform.metric("insufficient_funds_due_to_concurrency_total")
const attempts = () => platform.metric("concurrent_payment_attempts_total")
const failed = () => platform.metric("payments_total", '{outcome="failed"}')

test("P52 eight payments of the whole balance at once: one passes, seven are 400, balance 0", async () => {
  const wallet = await api.open(10_000)
  const answers = await Promise.all(Array.from({ length: 8 }, () => api.pay(wallet.id, 10_000)))
  const codes = answers.map(codeOf)
  expect(codes.filter((code) => code === "201")).toHaveLength(1)
  expect(codes.filter((code) => code === "400 INSUFFICIENT_FUNDS_CONCURRENT")).toHaveLength(7)
  expect((await api.wallet(wallet.id)).balance).toBe(0)
})

test("P53 fifty writers on one wallet at once: every credit and payment settles once, no 5xx", async () => {
  const wallet = await api.open(100_000)
  const writers = Array.from({ length: 50 }, (_, i): Promise<Answer> => {
    if (i % 2 === 0) return api.credit(wallet.id, 100)
    return api.pay(wallet.id, 200)
  })
  const answers = await Promise.all(writers)
  expect([...new Set(answers.map(codeOf))]).toEqual(["201"])
  expect(await api.wallet(wallet.id)).toMatchObject({ balance: 100_000 + 25 * 100 - 25 * 200, version: 2 + 50 + 25 })
})

test("P53 fifty copies of one top-up settle it once", async () => {
  const wallet = await api.open()
  const copies = Array.from({ length: 50 }, () => api.credit(wallet.id, 700, { key: "p53 top-up" }))
  const codes = (await Promise.all(copies)).map(codeOf)
  expect(codes).toContain("201")
  expect(codes.filter((code) => code !== "201" && code !== "409 IDEMPOTENCY_KEY_IN_USE")).toEqual([])
  expect(await api.wallet(wallet.id)).toMatchObject({ balance: 700, version: 2 })
})

test("P54 the database refuses a negative balance, an unbalanced row and a posting that is made twice", async () => {
  const wallet = await api.open(100)
  const refused = async (statement: string) =>
    await sql.unsafe(statement).then(
      () => "accepted",
      (error: { readonly code: string }) => error.code
    )
  const set = (what: string) => refused(`update wallet.wallets set ${what} where id = '${wallet.id}'`)
  expect(await set("balance = -1, available = -1")).toBe("23514")
  expect(await set("available = -1, held = 101")).toBe("23514")
  expect(await set("balance = 200")).toBe("23514")
  expect(await refused("insert into ledger.postings select * from ledger.postings")).toBe("23505")
  expect(await refused("update ledger.postings set amount = 0")).toBe("23514")
  expect((await api.wallet(wallet.id)).balance).toBe(100)
})

test("10.4 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
