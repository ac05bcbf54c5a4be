/** MISSION 10, scenario 5 in small: killed at the worst moment, started again; and told to stop in good order. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test"
import { codeOf, paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf, toldTo } from "./records.ts"

const platform = await startPlatform({ env: { GATEWAY_TIMEOUT_MS: "4000" } })
const { api, sim, sql } = platform
afterAll(platform.stop)
afterEach(() => sim.reset())
beforeAll(async () => paymentOf(await api.pay((await api.open(1)).id, 1)))

const AMOUNT = 6_400

const completed = (id: string) =>
  eventually(
    `${id} completes`,
    () => api.payment(id),
    ({ status }) => status === "COMPLETED",
    30_000
  )

const idOf = (walletId: string) =>
  eventually(
    "the payment exists",
    async () =>
      (await sql<Array<{ id: string }>>`select id::text from payment.payments where wallet_id = ${walletId}`)[0]?.id,
    (id) => id !== undefined
  )

/** The client of a server that dies under it. */
const unanswered = (answer: Promise<unknown>) =>
  answer.then(
    () => "answered",
    () => "cut off"
  )

test("10.5 kill -9 while the provider takes 3 s: the payment finishes once, for the same key too", async () => {
  const wallet = await api.open(AMOUNT * 2)
  await sim.behaviour("stripe", { fault: "none", latency_ms: 3_000 })
  const first = unanswered(api.pay(wallet.id, AMOUNT, { key: "kill-9" }))
  const id = String(await idOf(wallet.id))
  await eventually(
    "stripe is asked",
    async () => (await streamOf(platform, `gateway-${id}`)).length,
    (events) => events > 0
  )
  await platform.kill9()
  expect(await first).toBe("cut off")
  await platform.restart()
  await sim.reset()
  await completed(id)
  expect(await platform.metric("sagas_recovered_total")).toBeGreaterThan(0)
  expect(await platform.metric("system_recovery_duration_seconds")).toBeGreaterThan(0)
  const again = await api.pay(wallet.id, AMOUNT, { key: "kill-9" })
  expect([paymentOf(again).id, again.headers.get("idempotent-replayed")]).toEqual([id, "true"])
  expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
  expect((await chargesOnWire(platform, id)).changed).toEqual([])
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  expect(await toldTo(platform, id)).toHaveLength(1)
})

/** Where the process dies, and how often that point was passed before: every write of a payment and its call. */
const POINTS = [
  "api.before-answer:1",
  "journal.after-write:1",
  "journal.before-write:3",
  "journal.after-write:4",
  "journal.after-write:6",
  "processor.before-effects:1",
  "gateway.before-call:1",
  "gateway.after-call:1",
  "journal.before-write:9"
] as const

for (const point of POINTS)
  test(`P12 P109 the process dies at ${point}: a retry of the key gives one deduction, one charge`, async () => {
    const wallet = await api.open(AMOUNT * 2)
    await platform.terminate()
    await platform.restart({ CRASH_AT: point })
    const first = unanswered(api.pay(wallet.id, AMOUNT, { key: point, prefer: "wait=5" }))
    expect(await first).toBe("cut off")
    await platform.ended()
    await platform.restart()
    const retry = () => api.pay(wallet.id, AMOUNT, { key: point, prefer: "wait=5" })
    const answer = await eventually("answered", retry, ({ status }) => status !== 409 && status !== 202, 30_000)
    const { id } = paymentOf(answer)
    expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
    const story = await streamOf(platform, `wallet-${wallet.id}`)
    expect(story.filter(({ type }) => type === "WalletDeducted")).toHaveLength(1)
    expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
    const [{ payments }] = await sql<[{ payments: number }]>`
      select count(*)::int as payments from payment.payments where wallet_id = ${wallet.id}`
    expect(payments).toBe(1)
  })

test("SIGTERM: the payment in flight is answered, new ones are turned away, nothing is left running", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "none", latency_ms: 700 })
  const inFlight = api.pay(wallet.id, AMOUNT)
  const id = String(await idOf(wallet.id))
  await eventually(
    "stripe is asked",
    async () => (await streamOf(platform, `gateway-${id}`)).length,
    (events) => events > 0
  )
  const ended = platform.terminate()
  expect(paymentOf(await inFlight)).toMatchObject({ id, status: "COMPLETED" })
  expect(await ended).toBe(0)
  await expect(fetch(`${platform.url()}/live`)).rejects.toThrow()
  expect(await sim.alive()).toBe(false)
  const [{ connections }] = await sql<[{ connections: number }]>`
    select count(*)::int as connections from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
      and application_name is distinct from 'postgres.js'`
  expect(connections).toBe(0)
  await platform.restart()
  expect(await api.payment(id)).toMatchObject({ status: "COMPLETED" })
})

test("P51 kill -9 in the middle of many debits: balances equal the log, each retried debit is once", async () => {
  const wallet = await api.open(1_000_000)
  const keys = Array.from({ length: 120 }, (_, i) => `p51 ${i}`)
  const storm = Promise.all(keys.map((key) => unanswered(api.pay(wallet.id, 100, { key }))))
  await eventually(
    "half way",
    () => api.wallet(wallet.id),
    ({ balance }) => balance < 996_000
  )
  await platform.kill9()
  expect(await storm).toContain("cut off")
  await platform.restart()
  const retry = (key: string) =>
    eventually(
      "answered",
      () => api.pay(wallet.id, 100, { key }),
      ({ status }) => status !== 409,
      30_000
    )
  const answers = await Promise.all(keys.map(retry))
  expect([...new Set(answers.map(codeOf))]).toEqual(["201"])
  expect(new Set(answers.map((answer) => paymentOf(answer).id)).size).toBe(keys.length)
  expect((await api.wallet(wallet.id)).balance).toBe(1_000_000 - 120 * 100)
})

test("10.5 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
