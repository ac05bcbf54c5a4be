/** Providers call back: signed, doubled, late, out of order, never, forged (CASES B7, RELIABILITY C). */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { AMOUNT, callbacksAt, eventOf, SLOWLY, TOLD_MS } from "./callbacks.ts"
import { paymentOf, refundOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire } from "./records.ts"

const platform = await startPlatform({ env: SLOWLY })
const { api, sim, sql } = platform
const { deliver, completed, payAsync, pendingIntent, charged, told, kept } = callbacksAt(platform)
afterAll(platform.stop)
afterEach(() => sim.reset())
beforeAll(async () => paymentOf(await api.pay((await api.open(1)).id, 1)))

describe("an outcome that comes later", () => {
  test("MISSION 8: is told by call-back and not waited for: one charge, the cause in the timeline", async () => {
    const { id } = await payAsync()
    await completed(id)
    expect(await told(id)).toEqual(["RequestSent", "ResponseReceived", "payment_intent.succeeded", "ResponseReceived"])
    expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
    const timeline = JSON.parse((await api.get(`/api/v1/payments/${id}/timeline`)).text) as {
      data: Array<{ type: string; why?: string }>
    }
    expect(timeline.data.find(({ type }) => type === "GatewayWebhookReceived")?.why).toBe(
      "stripe called back: payment_intent.succeeded"
    )
    expect(await kept(id)).toMatchObject([{ type: "payment_intent.succeeded", status: "applied" }])
  })

  test("F13 P16 P21: silence though it charged: the call-back resolves it before anybody asks", async () => {
    await sim.behaviour("stripe", { fault: "reset-after", count: 1 })
    const payment = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT))
    expect(payment.status).toBe("COMPLETED")
    expect(await told(payment.id)).toContain("payment_intent.succeeded")
    expect((await sim.wire(payment.id)).map(({ op }) => op)).toEqual(["create", "charge"])
    expect((await chargesOnWire(platform, payment.id)).providers).toEqual(["stripe"])
  })

  test("F35 P23: a call-back before the answer is the outcome, and the answer then changes nothing", async () => {
    await sim.behaviour("stripe", { fault: "none", latency_ms: 1_200, count: 1 })
    const payment = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT))
    expect(payment.status).toBe("COMPLETED")
    const story = await told(payment.id)
    expect(story).toEqual(["RequestSent", "payment_intent.succeeded", "ResponseReceived"])
    await eventually(
      "the answer has come",
      () => sim.wire(payment.id),
      (wire) => wire.length === 2
    )
    expect(await sim.ledger(payment.id)).toHaveLength(1)
  })

  test("PayPal's is told by its certificate's word", async () => {
    await sim.behaviour("stripe", { fault: "decline", count: 1 })
    await sim.behaviour("paypal", { fault: "async", after_ms: 100, count: 1 })
    const { id } = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT, { prefer: "respond-async" }), 202)
    expect((await completed(id)).provider).toBe("paypal")
    expect(await told(id)).toContain("PAYMENT.CAPTURE.COMPLETED")
  })

  test("F14 P80: a decline told by call-back falls back, once", async () => {
    const { id } = await payAsync(60_000)
    const intent = await pendingIntent(id)
    const declined = { status: "requires_payment_method", last_payment_error: { decline_code: "generic_decline" } }
    const body = eventOf("payment_intent.payment_failed", id, intent, declined)
    expect((await deliver(body)).status).toBe(200)
    expect((await completed(id)).provider).toBe("paypal")
    expect(await told(id)).toContain("FallbackTriggered")
    // The simulator was lied to: its own pending intent is cancelled, so that its ledger holds what was told.
    await fetch(`${simUrl()}/v1/payment_intents/${intent}/cancel`, {
      method: "POST",
      headers: { authorization: "Bearer sk", "idempotency-key": `cancel-${id}` }
    })
  })
})

const simUrl = () => /simulated at (http:\S+)/.exec(platform.printed())?.[1] ?? ""

describe("however it comes", () => {
  test("F36 P73: a hundred copies at once are one effect", async () => {
    await sim.webhooks({ drop: true })
    const { id } = await payAsync(1_500)
    const intent = await pendingIntent(id)
    const body = eventOf("payment_intent.succeeded", id, intent)
    const answers = await Promise.all(Array.from({ length: 100 }, () => deliver(body)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    await completed(id)
    expect((await told(id)).filter((one) => one === "payment_intent.succeeded")).toHaveLength(1)
    expect(await kept(id)).toMatchObject([{ status: "applied", looks: 1 }])
    await charged(id)
  })

  test("P74: two events of one fact are one effect", async () => {
    await sim.webhooks({ drop: true })
    const { id } = await payAsync(1_500)
    const intent = await pendingIntent(id)
    const charge = { id: "ch_1", object: "charge", payment_intent: intent, captured: true, amount_captured: AMOUNT }
    const bodies = [eventOf("charge.succeeded", id, intent, charge), eventOf("payment_intent.succeeded", id, intent)]
    await Promise.all(bodies.map((body) => deliver(body)))
    await completed(id)
    await eventually(
      "both are looked at",
      () => kept(id),
      (all) => all.length === 2
    )
    expect((await kept(id)).map(({ status }) => status).sort()).toEqual(["applied", "known"])
    expect((await told(id)).filter((one) => one === "ResponseReceived")).toHaveLength(2)
    await charged(id)
  })

  test("F36: doubled and late by the provider", async () => {
    await sim.webhooks({ duplicate: true, delay_ms: 150 })
    const { id } = await payAsync()
    await completed(id)
    expect((await told(id)).filter((one) => one === "payment_intent.succeeded")).toHaveLength(1)
  })

  test("F37 P71: an older event that comes later moves nothing back", async () => {
    const payment = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT))
    const intent = String(payment.provider_reference)
    const before = await told(payment.id)
    const older = [
      eventOf("payment_intent.payment_failed", payment.id, intent, {
        status: "requires_payment_method",
        last_payment_error: { decline_code: "generic_decline" }
      }),
      eventOf("payment_intent.canceled", payment.id, intent, { status: "canceled" })
    ]
    for (const body of older) expect((await deliver(body)).status).toBe(200)
    const seen = await eventually(
      "they are looked at",
      () => kept(payment.id),
      ({ length }) => length === 3
    )
    expect(seen.map(({ status }) => status)).toEqual(["known", "known", "known"])
    expect(await told(payment.id)).toEqual(before)
    expect((await api.payment(payment.id)).status).toBe("COMPLETED")
  })

  test("P25: another amount than was asked for completes nothing; a person looks", async () => {
    await sim.webhooks({ drop: true })
    const { id } = await payAsync(1_500)
    const intent = await pendingIntent(id)
    const body = eventOf("payment_intent.succeeded", id, intent, { amount_received: 900 })
    await deliver(body)
    await eventually(
      "a person is asked",
      () => told(id),
      (story) => story.includes("ReviewRequired")
    )
    expect((await api.payment(id)).status).not.toBe("COMPLETED")
    await charged(id)
    const evidence = { outcome: "charged", evidence: intent, reason: "seen in the dashboard" }
    expect((await api.post(`/api/v1/ops/payments/${id}/resolve`, evidence)).status).toBe(200)
    await completed(id)
  })
})

describe("what is not understood", () => {
  test("F41 P82: an unknown payment is parked with 2xx, an unknown type kept; nothing waits behind", async () => {
    const unknown = eventOf("payment_intent.succeeded", "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a99", "pi_x")
    const odd = eventOf("moon.phase_changed", "x", "x")
    for (const body of [unknown, odd]) expect((await deliver(body)).status).toBe(200)
    const { id } = await payAsync()
    await completed(id)
    const [parked] = await eventually(
      "it is parked",
      () => kept("01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a99"),
      ([row]) => row?.status === "parked"
    )
    expect(parked).toMatchObject({ type: "payment_intent.succeeded" })
    expect(await sql`select status from gateway.webhooks where type = 'moon.phase_changed'`).toMatchObject([
      { status: "ignored" }
    ])
    expect(await platform.metric("webhooks_total", '{result="parked",provider="stripe"}')).toBeGreaterThan(0)
  })

  test("a dispute decides nothing by itself: it is kept for a person, who is called", async () => {
    const payment = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT))
    const before = await platform.metric("webhooks_total", '{result="parked",provider="stripe"}')
    const body = eventOf("charge.dispute.created", payment.id, String(payment.provider_reference), {
      object: "dispute"
    })
    expect((await deliver(body)).status).toBe(200)
    await eventually(
      "a person is called",
      () => platform.metric("webhooks_total", '{result="parked",provider="stripe"}'),
      (parked) => parked === before + 1
    )
    expect(await sql`select status from gateway.webhooks where body = ${body}`).toMatchObject([{ status: "parked" }])
    expect((await api.payment(payment.id)).status).toBe("COMPLETED")
  })

  test("an attempt's other intent is nobody's outcome: parked for a person", async () => {
    const payment = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT))
    const body = eventOf("payment_intent.succeeded", payment.id, "pi_of_somebody_else")
    await deliver(body)
    await eventually(
      "it is parked",
      () => kept(payment.id),
      (all) => all.some(({ status }) => status === "parked")
    )
  })
})

describe("when it is lost", () => {
  test("F40: never delivered: asking finds it out", async () => {
    await platform.terminate()
    await platform.restart({ GATEWAY_BACKOFF_MS: "50", RECOVERY_INTERVAL_MS: "500" })
    await sim.webhooks({ drop: true })
    const { id } = await payAsync()
    await completed(id, 10_000)
    expect(await told(id)).not.toContain("payment_intent.succeeded")
    expect(await sim.ledger(id)).toHaveLength(1)
  })

  test("F39 P72: killed after the 2xx and before it is looked at: the next process does, once", async () => {
    await platform.terminate()
    await platform.restart({ ...SLOWLY, CRASH_AT: "webhooks.before-submit:1" })
    await sim.webhooks({ drop: true })
    const { id } = await payAsync(4_000)
    const intent = await pendingIntent(id)
    const body = eventOf("payment_intent.succeeded", id, intent)
    expect((await deliver(body)).status).toBe(200)
    await platform.ended()
    expect(await sql`select status from gateway.webhooks where body = ${body}`).toMatchObject([{ status: "received" }])
    await platform.restart(SLOWLY)
    await completed(id)
    expect(await kept(id)).toMatchObject([{ status: "applied" }])
    expect((await told(id)).filter((one) => one === "payment_intent.succeeded")).toHaveLength(1)
    await charged(id)
  })
})

describe("refunds", () => {
  test("P34 F31: pending, then done by call-back", async () => {
    const payment = paymentOf(await api.pay((await api.open(AMOUNT)).id, AMOUNT))
    await sim.behaviour("stripe", { fault: "async", op: "refund", after_ms: 150, count: 1 })
    const refund = refundOf(await api.refund(payment.id, { amount: 1_000 }, { prefer: "wait=0" }))
    expect(refund.status).toBe("pending")
    await eventually(
      "it is done",
      () => api.payment(payment.id),
      ({ refunded_amount }) => refunded_amount === 1_000,
      TOLD_MS
    )
    expect(await told(payment.id)).toContain("refund.updated")
  })
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
