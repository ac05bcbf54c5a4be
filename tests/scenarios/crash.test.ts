/** MISSION 10, scenario 5 in small: killed at the worst moment, started again; and told to stop in good order. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test"
import { codeOf, paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf, toldTo } from "./records.ts"

/** No deadline is near: what ends soon after a restart was seen by the restart. */
const platform = await startPlatform({ env: { GATEWAY_TIMEOUT_MS: "4000", RECOVERY_INTERVAL_MS: "60000" } })
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
  expect(await platform.metric("sagas_recovered_total")).toBe(1)
  expect(await platform.metric("pending_transactions_resolved_total")).toBe(1)
  expect(await platform.metric("events_replayed_total")).toBeGreaterThan(0)
  expect(await platform.metric("system_recovery_duration_seconds")).toBeWithin(0.01, 10)
  const told = platform
    .printed()
    .split("\n")
    .filter((line) => line.includes('"recovering"'))
  expect(told.map((line) => JSON.parse(line))).toMatchObject([
    { level: "info", stream: `saga-${id}`, action: "verify", step: "ProcessWithGateway", reason: "restart" }
  ])
  const again = await api.pay(wallet.id, AMOUNT, { key: "kill-9" })
  expect([paymentOf(again).id, again.headers.get("idempotent-replayed")]).toEqual([id, "true"])
  expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
  expect((await chargesOnWire(platform, id)).changed).toEqual([])
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  expect(await toldTo(platform, id)).toHaveLength(1)
})

/** From ready on, nothing else being wrong. */
const RECOVERED_MS = 4_000

/** Pays with a process that dies on the way, starts another one, and asks again under the same key. */
const survived = async (point: string, walletId: string) => {
  await platform.terminate()
  await platform.restart({ CRASH_AT: point })
  const pay = () => api.pay(walletId, AMOUNT, { key: `${point} ${walletId}`, prefer: "wait=10" })
  expect(await unanswered(pay())).toBe("cut off")
  await platform.ended()
  await platform.restart()
  const began = performance.now()
  // At once, without a 409: whoever held the key's lease is known to be dead.
  const answer = await pay()
  expect(performance.now() - began).toBeLessThan(RECOVERED_MS)
  const [{ payments }] = await sql<[{ payments: number }]>`
    select count(*)::int as payments from payment.payments where wallet_id = ${walletId}`
  expect(payments).toBe(1)
  return answer
}

/** The case, and where the process dies: a point, and how often it was passed before. */
const POINTS = [
  ["F01 accepted, not committed", "journal.before-write:1"],
  ["F02 committed, not answered", "api.before-answer:1"],
  ["F02 committed, not handed on", "journal.after-write:1"],
  ["before the payment is validated", "journal.before-write:3"],
  ["after the saga heard of it", "journal.after-write:4"],
  ["after the wallet was looked at", "journal.after-write:6"],
  ["F03 the wallet is debited, no attempt yet", "journal.after-write:7"],
  ["F03 the attempt is not committed", "journal.before-write:9"],
  ["F04 the attempt is committed, its call not begun", "processor.before-effects:1"],
  ["F04 no byte was sent", "gateway.before-call:1"],
  ["F05 charged, not recorded", "gateway.after-call:1"],
  ["F06 recorded, not confirmed", "journal.after-write:10"],
  ["F06 the confirmation is not committed", "journal.before-write:12"]
] as const

for (const [what, point] of POINTS)
  test(`P12 P109 ${what} (${point}): a retry of the key gives one deduction, one charge, and soon`, async () => {
    const wallet = await api.open(AMOUNT * 2)
    const answer = await survived(point, wallet.id)
    const { id } = paymentOf(answer)
    expect(answer.headers.get("idempotent-replayed")).toBe(what.startsWith("F01") ? null : "true")
    expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
    const wire = await chargesOnWire(platform, id)
    expect(wire.changed).toEqual([])
    if (what.startsWith("F06")) expect(wire.tries).toBe(1)
    const story = await streamOf(platform, `wallet-${wallet.id}`)
    expect(story.filter(({ type }) => type === "WalletDeducted")).toHaveLength(1)
    expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  })

const UNDOING = [
  "journal.before-write:11",
  "journal.before-write:12",
  "journal.after-write:12",
  "journal.before-write:14"
]

for (const point of UNDOING)
  test(`F07 P109 the process dies in the middle of a compensation (${point}): one refund, then FAILED`, async () => {
    const wallet = await api.open(AMOUNT * 2)
    await sim.behaviour("stripe", { fault: "decline", code: "stolen_card" })
    const answer = await survived(point, wallet.id)
    expect(codeOf(answer)).toBe("402 PAYMENT_DECLINED")
    const { id } = await api.payment(String(await idOf(wallet.id)))
    expect(await sim.ledger(id)).toEqual([])
    const story = await streamOf(platform, `wallet-${wallet.id}`)
    expect(story.map(({ type }) => type).filter((type) => type === "WalletRefunded")).toHaveLength(1)
    expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT * 2)
    expect(await toldTo(platform, id)).toHaveLength(1)
  })

test("F09 SIGTERM: the payment in flight is answered, new ones are turned away, nothing is left running", async () => {
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

test("F09 SIGTERM while a provider hangs: 503 first, what waits is answered, all is over within DRAIN_MS", async () => {
  await platform.terminate()
  await platform.restart({ DRAIN_MS: "1000" })
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "none", latency_ms: 3_900 })
  const inFlight = api.pay(wallet.id, AMOUNT, { key: "f09" })
  const id = String(await idOf(wallet.id))
  await eventually(
    "stripe is asked",
    async () => (await sim.wire(id)).length,
    (requests) => requests > 0
  )
  const began = performance.now()
  const ended = platform.terminate()
  const ready = () => api.get("/ready")
  expect((await eventually("not ready", ready, ({ status }) => status === 503)).text).toContain("draining")
  const turnedAway = await api.pay(wallet.id, AMOUNT)
  expect([codeOf(turnedAway), turnedAway.headers.get("retry-after")]).toEqual(["503 UNAVAILABLE", "1"])
  expect((await inFlight).status).toBe(202)
  expect(await ended).toBe(0)
  expect(performance.now() - began).toBeWithin(900, 3_000)
  await platform.restart()
  await sim.reset()
  await completed(id)
  expect(paymentOf(await api.pay(wallet.id, AMOUNT, { key: "f09" })).id).toBe(id)
  expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
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
