/** What operators see and may change: with a reason, in the audit log, never against the money. */
import { afterAll, afterEach, describe, expect, test } from "bun:test"
import { codeOf, paymentOf, problemOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { ended, keyWith, operating, REASON, type Saga, silence } from "./operating.ts"
import { startPlatform } from "./platform.ts"
import { eventsOfType, streamOf } from "./records.ts"

const platform = await startPlatform({
  env: {
    GATEWAY_TIMEOUT_MS: "1500",
    SAGA_STEP_TIMEOUT_MS: "250",
    RECOVERY_INTERVAL_MS: "300",
    // Every payment here meets a failing provider: one breaker that opens would change them all.
    BREAKER_RESET_MS: "1"
  }
})
const { api, sim, sql } = platform
const ops = operating(platform)
afterAll(platform.stop)
afterEach(() => sim.reset())

const AMOUNT = 5_000
const NOBODY = "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01"

const postings = async (id: string) =>
  (await sql<Array<{ kind: string }>>`select kind from ledger.postings where payment_id = ${id} order by kind`).map(
    ({ kind }) => kind
  )

const payment = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT))
const [writer, reader, stranger] = [
  await keyWith(platform, "payments:write payments:read ops:read"),
  await keyWith(platform, "payments:write wallets:write"),
  await keyWith(platform, "ops:read ops:write payments:read", "acme")
]
const resolve = { outcome: "charged", evidence: "pi_1" }
const ACTS = [
  ["sagas/{id}/resume", {}, "409 SAGA_ENDED"],
  ["sagas/{id}/compensate", {}, "409 SAGA_ENDED"],
  ["payments/{id}/resolve", resolve, "409 NOTHING_UNKNOWN"]
] as const
const at = (path: string, id: string) => `/api/v1/ops/${path.replace("{id}", id)}`

describe("every operator's route", () => {
  for (const [path, body, refusal] of ACTS)
    test(`${path}: a reason, a scope, an id of this tenant; a refusal is in the audit log`, async () => {
      const target = `${path.startsWith("sagas") ? "saga" : "payment"}-${payment.id}`
      const recorded = async () => (await ops.audit(target)).length
      const before = await recorded()
      const here = at(path, payment.id)
      for (const reason of [undefined, "", "x".repeat(501), 7])
        expect(problemOf(await api.post(here, { ...body, reason }), 400).error.details["field"]).toBe("reason")
      if (path.startsWith("sagas")) expect(codeOf(await api.post(here))).toBe("400 INVALID_REQUEST")
      const asked = { ...body, reason: REASON }
      const forbidden = problemOf(await writer.post(here, asked), 403)
      expect(forbidden.error.details["required_scope"]).toBe("ops:write")
      for (const [as, id] of [
        [api, NOBODY],
        [api, "none"],
        [stranger, payment.id]
      ] as const)
        expect((await as.post(at(path, id), asked)).status).toBe(404)
      expect(await recorded()).toBe(before)
      const refused = await api.post(here, asked)
      expect(codeOf(refused)).toBe(refusal)
      const [action] = await ops.audit(target)
      expect(action).toMatchObject({ outcome: "refused", code: refusal.slice(4), reason: REASON })
      expect(problemOf(refused, 409).error.details["action_id"]).toBe(action?.id)
    })

  test("circuit-breakers/{provider}/{open,close}: the same, for all tenants", async () => {
    for (const verb of ["open", "close"]) {
      const here = at(`circuit-breakers/stripe/${verb}`, "")
      expect(problemOf(await api.post(here, {}), 400).error.details["field"]).toBe("reason")
      expect((await writer.post(here, { reason: REASON })).status).toBe(403)
      expect(codeOf(await api.post(here.replace("stripe", "visa"), { reason: REASON }))).toBe("404 BREAKER_NOT_FOUND")
    }
    expect(await ops.audit("breaker-stripe")).toEqual([])
  })
})

describe("what operators read", () => {
  test("needs ops:read, and shows this tenant alone", async () => {
    for (const path of ["sagas", `sagas/${payment.id}`, "circuit-breakers", "lag", "alerts", "audit"]) {
      expect((await reader.get(at(path, ""))).status).toBe(403)
      expect((await writer.get(at(path, ""))).status).toBe(200)
    }
    expect((await stranger.get(at(`sagas/${payment.id}`, ""))).status).toBe(404)
    for (const path of ["sagas", "audit"]) expect(JSON.parse((await stranger.get(at(path, ""))).text).data).toEqual([])
    for (const query of ["status=ASLEEP", "stuck=maybe", "parked=1"])
      expect(problemOf(await api.get(at(`sagas?${query}`, "")), 400).error.details["field"]).toBe(query.split("=")[0])
  })

  test("at rest nothing lags, and there is nothing to be alarmed of", async () => {
    await eventually("caught up", ops.lag, (all) => all.every(({ lag }) => lag === 0))
    expect((await ops.lag()).map(({ service }) => service)).toContain("wallet")
    expect(await ops.alerts()).toEqual([])
    const saga = await ops.saga(payment.id)
    expect(saga).toMatchObject({ status: "COMPLETED", parked: false, stuck_since: null, waiting: null, recoveries: 0 })
    expect(saga.events?.map(({ type }) => type).at(-1)).toBe("SagaCompleted")
  })

  test("sagas are read in pages, newest first", async () => {
    for (let n = 0; n < 3; n++) await api.pay((await api.open(1)).id, 1)
    const seen: Array<Saga> = []
    for (let cursor: string | null = ""; cursor !== null; ) {
      const from: string = cursor === "" ? "" : `&cursor=${cursor}`
      const page = JSON.parse((await api.get(at(`sagas?limit=2${from}`, ""))).text)
      seen.push(...page.data)
      cursor = page.next_cursor
    }
    expect(seen.map(({ id }) => id)).toEqual(
      seen
        .map(({ id }) => id)
        .toSorted()
        .toReversed()
    )
    expect(seen.length).toBeGreaterThanOrEqual(4)
    const completed = () => ops.sagas("status=completed")
    await eventually("all have ended", completed, ({ length }) => length === seen.length)
    for (const status of ["STUCK", "PENDING"]) expect(await ops.sagas(`status=${status}`)).toEqual([])
  })
})

describe("P17 an unknown outcome, charged: whoever brings the truth, the wallet pays once", () => {
  const ways: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    "(a) the poll finds it": () => sim.reset(),
    "(c) an operator says so": async (id) => {
      const [charge] = await sim.ledger(id)
      const answer = await ops.act(`payments/${id}/resolve`, {
        outcome: "charged",
        evidence: charge?.reference,
        reason: REASON
      })
      const payment = paymentOf(answer, 200)
      expect(payment).toMatchObject({ status: "COMPLETED", provider_reference: charge?.reference })
      const [action] = await ops.audit(`payment-${id}`)
      expect(action).toMatchObject({
        id: JSON.parse(answer.text).action_id,
        action: "payment.resolve",
        actor: "operator:development",
        outcome: "applied",
        before: { status: expect.stringMatching(/^GATEWAY_/), attempts: [{ provider: "stripe", status: "UNKNOWN" }] },
        after: { status: "COMPLETED", attempts: [{ provider: "stripe", status: "SUCCEEDED" }] }
      })
    },
    "(d) an operator has it asked for": async (id) => {
      await sim.reset()
      await ops.act(`sagas/${id}/resume`)
    }
  }
  for (const [name, way] of Object.entries(ways))
    test(name, async () => {
      const { wallet, id } = await silence(platform, true, AMOUNT)
      const [waiting] = await ops.sagas("status=AWAITING_GATEWAY")
      expect(waiting).toMatchObject({ id, step: "ProcessWithGateway", waiting: { reason: "provider_outcome_unknown" } })
      await way(id)
      expect((await ended(platform, id, "COMPLETED")).provider).toBe("stripe")
      await sim.reset()
      await ops.act(`sagas/${id}/resume`)
      expect(codeOf(await ops.act(`payments/${id}/resolve`, { outcome: "charged", evidence: "e", reason: "r" }))).toBe(
        "409 NOTHING_UNKNOWN"
      )
      expect(await postings(id)).toEqual(["charge", "confirm", "deduct"])
      expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
    })
})

test("P17 an operator says that it was not charged: the next provider is asked, the wallet pays once", async () => {
  const { wallet, id } = await silence(platform, false, AMOUNT)
  const word = { outcome: "not_charged", evidence: "ticket 4711", reason: REASON }
  expect(paymentOf(await ops.act(`payments/${id}/resolve`, word), 200)).toMatchObject({
    status: "COMPLETED",
    provider: "paypal"
  })
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
  const heard = await streamOf(platform, `gateway-${id}`)
  expect(heard.find(({ data }) => data["outcome"] === "fenced")?.data).toMatchObject({ evidence: "ticket 4711" })
})

test("P16 an operator was mistaken: the truth comes to light, and the charge goes back by itself", async () => {
  const { wallet, id } = await silence(platform, true, AMOUNT)
  const word = { outcome: "not_charged", evidence: "nothing in the list", reason: REASON }
  expect(paymentOf(await ops.act(`payments/${id}/resolve`, word), 200).provider).toBe("paypal")
  await sim.reset()
  const ledger = await eventually(
    "stripe gave it back",
    () => sim.ledger(id),
    (moved) => moved.some(({ provider, kind }) => provider === "stripe" && kind === "refund")
  )
  expect(ledger.map(({ provider, kind }) => `${provider} ${kind}`).toSorted()).toEqual([
    "paypal charge",
    "stripe charge",
    "stripe refund"
  ])
  await eventually(
    "on the book",
    () => postings(id),
    (kinds) => kinds.includes("charge_reversal")
  )
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
})

describe("compensate", () => {
  test("while an attempt could take money the answer is no, with the reason; what was charged is kept", async () => {
    const { id } = await silence(platform, true, AMOUNT)
    const refusal = problemOf(await ops.act(`sagas/${id}/compensate`), 409)
    expect(refusal).toMatchObject({ error: { code: "SAGA_NOT_COMPENSATABLE", details: { closing: true } } })
    expect((refusal as unknown as { detail: string }).detail).toContain("attempt 1 at stripe is unknown")
    expect((await ops.audit(`saga-${id}`))[0]).toMatchObject({ action: "saga.compensate", outcome: "refused" })
    expect(await ops.saga(id)).toMatchObject({ status: "AWAITING_GATEWAY", waiting: { closing: true } })
    expect((await api.payment(id)).status).toMatch(/^GATEWAY_/)
    await sim.reset()
    await ended(platform, id, "COMPLETED")
  })

  test("where nothing was charged, it ends as soon as the provider says so, and the money is back", async () => {
    const { wallet, id } = await silence(platform, false, AMOUNT)
    expect(codeOf(await ops.act(`sagas/${id}/compensate`))).toBe("409 SAGA_NOT_COMPENSATABLE")
    await sim.reset()
    expect((await ended(platform, id, "FAILED")).failure?.code).toBe("PAYMENT_STOPPED")
    expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT * 2)
    expect((await sim.ledger(id)).length).toBe(0)
  })
})

test("every action's events name the operator", async () => {
  const asked = await eventsOfType(platform, "OperatorActionRequested")
  expect(asked.length).toBeGreaterThanOrEqual(10)
  expect(new Set(asked.map(({ data }) => data["actor"]))).toEqual(new Set(["operator:development"]))
  const completed = await eventsOfType(platform, "OperatorActionCompleted")
  expect(completed.length).toBe(asked.length)
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
