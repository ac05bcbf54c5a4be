/** Payments that stand still, and how operators see them and get them on. */
import { afterAll, afterEach, expect, test } from "bun:test"
import { codeOf, paymentOf, problemOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { ended, operating, REASON, silence } from "./operating.ts"
import { startPlatform } from "./platform.ts"
import { streamOf, toldTo } from "./records.ts"

const STUCK_AFTER_MS = 700
const RECOVERY_MS = 300

const platform = await startPlatform({
  env: {
    GATEWAY_TIMEOUT_MS: "1500",
    SAGA_STEP_TIMEOUT_MS: "250",
    RECOVERY_INTERVAL_MS: String(RECOVERY_MS),
    SAGA_STUCK_AFTER_MS: String(STUCK_AFTER_MS),
    BREAKER_RESET_MS: "1",
    GATEWAY_PROVIDERS: "stripe,paypal"
  }
})
const { api, sim, sql } = platform
const ops = operating(platform)
afterAll(platform.stop)
afterEach(() => sim.reset())

const AMOUNT = 5_000
/** From now on the database refuses every refund of a deduction. */
const refuseRefunds = () => sql`
  alter table ledger.postings add constraint no_compensation check (kind <> 'compensation') not valid`
const cure = () => sql`alter table ledger.postings drop constraint no_compensation`

const eventsOf = async (stream: string, type: string) =>
  (await streamOf(platform, stream)).filter((event) => event.type === type).length
const gaveUp = (id: string, times: number) =>
  eventually(
    `it gave up ${times} times`,
    async () => [await eventsOf(`saga-${id}`, "SagaParked"), (await ops.sagas("parked=true"))[0]] as const,
    ([parked, saga]) => parked === times && saga !== undefined,
    30_000
  )

test("P107 a refund that always fails: capped tries, COMPENSATION_FAILED, paged, resumable", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "decline", code: "stolen_card" })
  await refuseRefunds()
  const { id } = paymentOf(await api.pay(wallet.id, AMOUNT, { prefer: "wait=0" }), 202)
  const [, saga] = await gaveUp(id, 1)
  expect(saga).toMatchObject({
    id,
    status: "COMPENSATION_FAILED",
    recoveries: 3,
    failure: { code: "PAYMENT_DECLINED" }
  })
  expect(await platform.metric("saga_compensation_failures_total")).toBe(1)
  const alert = (await ops.alerts()).find(({ name }) => name === "compensation_failed")
  expect(alert).toMatchObject({ severity: "critical", count: 1, subjects: [id] })
  expect(alert?.what_to_do).toContain("/resume")
  expect(Date.parse(alert?.since ?? "")).toBeGreaterThan(Date.now() - 60_000)
  // Not FAILED, because the money is not back.
  expect((await api.payment(id)).completed_at).toBeNull()
  expect(await eventsOf(`saga-${id}`, "SagaRecoveryAttempted")).toBe(3)

  // In vain: the cause is still there. It is tried as often again, and no more.
  expect(JSON.parse((await ops.act(`sagas/${id}/resume`)).text)).toMatchObject({ parked: false, recoveries: 0 })
  await gaveUp(id, 2)
  expect(await eventsOf(`saga-${id}`, "SagaRecoveryAttempted")).toBe(7)

  await cure()
  const resumed = await ops.act(`sagas/${id}/resume`, { reason: "the constraint is gone" })
  expect([resumed.status, JSON.parse(resumed.text).status]).toEqual([200, "COMPENSATING"])
  const [letter] = JSON.parse((await api.get("/api/v1/ops/dead-letters?status=dead")).text).data
  expect(
    (await ops.act(`dead-letters/${letter.id}/redrive`, { reason: "the constraint is gone" })).status
  ).toBeLessThan(300)
  expect((await ended(platform, id, "FAILED")).failure?.code).toBe("PAYMENT_DECLINED")
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  expect(await eventsOf(`wallet-${wallet.id}`, "WalletRefunded")).toBe(1)
  expect((await toldTo(platform, id)).length).toBe(1)
  await eventually("no alarm is left", ops.alerts, (alerts) => alerts.length === 0)
  expect((await ops.audit(`saga-${id}`))[0]).toMatchObject({
    action: "saga.resume",
    outcome: "applied",
    before: { status: "COMPENSATION_FAILED", parked: true }
  })
  expect(codeOf(await ops.act(`sagas/${id}/resume`))).toBe("409 SAGA_ENDED")
}, 90_000)

test("P22 its process was killed: the same key attaches, it is seen as stuck, it ends soon after it can", async () => {
  const { wallet, id } = await silence(platform, true, AMOUNT, "held-by-the-dead")
  await platform.kill9()
  await platform.restart()
  const again = await eventually(
    "the lease of the dead has ended",
    () => api.pay(wallet.id, AMOUNT, { key: "held-by-the-dead", prefer: "wait=0" }),
    ({ status }) => status !== 409,
    10_000
  )
  expect(paymentOf(again, 202)).toMatchObject({ id, processing: { reason: "provider_outcome_unknown" } })
  const stuck = async () => (await ops.sagas("stuck=true")).find((saga) => saga.id === id)
  const seen = await eventually("it is seen as stuck", stuck, (found) => found !== undefined)
  expect(seen).toMatchObject({ status: "AWAITING_GATEWAY", waiting: { reason: "provider_outcome_unknown" } })
  expect(Date.parse(seen?.stuck_since ?? "")).toBeLessThanOrEqual(Date.now() - STUCK_AFTER_MS)
  expect((await ops.alerts()).map(({ name }) => name)).toContain("saga_stuck")
  await sim.reset()
  const since = Date.now()
  await ended(platform, id, "COMPLETED")
  // One recovery interval with its jitter and two steps; the rest is the busy machine.
  expect(Date.now() - since).toBeLessThan(RECOVERY_MS * 2 + 3_000)
  await eventually("it is stuck no more", stuck, (found) => found === undefined)
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  const final = await api.pay(wallet.id, AMOUNT, { key: "held-by-the-dead" })
  expect([paymentOf(final).id, final.headers.get("idempotent-replayed")]).toEqual([id, "true"])
}, 60_000)

test("P20 a 503 is told while it lasts, with a deadline; then 502 and the money is back", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "5xx-before", code: "503" })
  // The second provider takes its time to say no, so that it is seen what is told meanwhile.
  await sim.behaviour("paypal", { fault: "5xx-before", code: "503", latency_ms: 700 })
  const { id } = paymentOf(await api.pay(wallet.id, AMOUNT, { key: "unavailable", prefer: "wait=0" }), 202)
  const told = await eventually(
    "it is told",
    () => api.payment(id),
    ({ processing }) => processing !== undefined
  )
  expect(told.processing?.reason).toBe("provider_unavailable")
  expect(Date.parse(told.processing?.deadline ?? "")).toBeGreaterThan(Date.now())
  const again = await api.pay(wallet.id, AMOUNT, { key: "unavailable", prefer: "wait=0" })
  if (again.status === 202) expect(again.headers.get("retry-after")).toBe("1")
  expect((await ended(platform, id, "FAILED")).failure?.code).toBe("GATEWAY_UNAVAILABLE")
  const last = problemOf(await api.pay(wallet.id, AMOUNT, { key: "unavailable" }), 502)
  expect(last.error.details["payment_id"]).toBe(id)
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
})

test("D0 killed amid an operator's action: it is in the log, and says that it was interrupted", async () => {
  for (const [point, applied] of [
    ["operate.before-effect", false],
    ["operate.after-effect", true]
  ] as const) {
    await platform.terminate()
    await platform.restart({ CRASH_AT: point })
    const verb = applied ? "open" : "close"
    await ops.act(`circuit-breakers/paypal/${verb}`, { reason: REASON }).catch(() => "cut off")
    await platform.ended()
    await platform.restart()
    const [action] = await ops.audit("breaker-paypal")
    expect(action).toMatchObject({
      action: `circuit_breaker.${verb}`,
      outcome: "interrupted",
      reason: REASON,
      after: null
    })
    const breaker = (await ops.breakers()).find(({ provider }) => provider === "paypal")
    expect(breaker?.state).toBe(applied ? "open" : "closed")
  }
  await ops.act("circuit-breakers/paypal/close")
}, 90_000)

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
