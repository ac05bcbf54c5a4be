/** Refunds to the payment's own provider, over real HTTP: capped, asked for under one key for ever, credited once. */
import { afterAll, afterEach, expect, test } from "bun:test"
import { codeOf, problemOf, refundOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { toldTo } from "./records.ts"
import { refundsOf } from "./refunding.ts"

const platform = await startPlatform()
const { api, sim } = platform
const { balanceOf, ended, keysOf, movementsOf, paid, refund } = refundsOf(platform)
afterAll(platform.stop)
afterEach(() => sim.reset())

test("a part, then the rest: the wallet is credited once each, the merchant pays, the user is told", async () => {
  const payment = await paid(10_000)
  const part = refundOf(await api.refund(payment.id, { amount: 4_000, reason: "one book came torn" }))
  expect(part).toMatchObject({ payment_id: payment.id, amount: 4_000, currency: "USD", status: "succeeded" })
  expect(part.provider_reference).toMatch(/^re_/)
  expect(await api.payment(payment.id)).toMatchObject({ status: "PARTIALLY_REFUNDED", refunded_amount: 4_000 })
  expect(await balanceOf(payment)).toBe(4_000)
  const rest = refundOf(await api.refund(payment.id))
  expect(rest).toMatchObject({ amount: 6_000, status: "succeeded" })
  expect(await api.payment(payment.id)).toMatchObject({ status: "REFUNDED", refunded_amount: 10_000 })
  expect(await movementsOf(payment)).toEqual(["charge 10000", "refund 4000", "refund 6000"])
  expect(await balanceOf(payment)).toBe(10_000)
  const told = (await toldTo(platform, payment.id, 3)).map(({ message }) => message)
  expect(told).toContain("60.00 USD of your payment went back into your wallet.")
  const list = JSON.parse((await api.get(`/api/v1/payments/${payment.id}/refunds?limit=1`)).text)
  expect([list.data[0].id, typeof list.next_cursor]).toEqual([part.id, "string"])
  const next = await api.get(`/api/v1/payments/${payment.id}/refunds?cursor=${list.next_cursor}`)
  expect(JSON.parse(next.text)).toMatchObject({ data: [{ id: rest.id }], next_cursor: null })
})

test("P26 two refunds of 6000 in parallel of a payment of 10000: one succeeds, the other is 422", async () => {
  const payment = await paid(10_000)
  const answers = await Promise.all([
    api.refund(payment.id, { amount: 6_000 }),
    api.refund(payment.id, { amount: 6_000 })
  ])
  expect(answers.map(codeOf).sort()).toEqual(["201", "422 REFUND_EXCEEDS_REMAINDER"])
  expect(await movementsOf(payment)).toEqual(["charge 10000", "refund 6000"])
  expect(await api.payment(payment.id)).toMatchObject({ status: "PARTIALLY_REFUNDED", refunded_amount: 6_000 })
  expect(await balanceOf(payment)).toBe(6_000)
})

test('P27 −100, 0, "5", 1.5 are 400 at the schema, and nothing reaches the provider', async () => {
  const payment = await paid(1_000)
  for (const amount of ["-100", "0", '"5"', "1.5", "1e3", "null"]) {
    const problem = problemOf(await api.refund(payment.id, `{"amount":${amount}}`), 400)
    expect([amount, problem.error.code, problem.error.details["field"]]).toEqual([amount, "INVALID_REQUEST", "amount"])
  }
  expect(await keysOf(payment)).toEqual([])
  expect(await balanceOf(payment)).toBe(0)
})

test("P29 a refund of more than was captured is 422 and names the most", async () => {
  const payment = await paid(6_000)
  const { error } = problemOf(await api.refund(payment.id, { amount: 8_000 }), 422)
  expect(error).toMatchObject({
    code: "REFUND_EXCEEDS_REMAINDER",
    details: { payment_id: payment.id, requested_amount: 8_000, refundable_amount: 6_000, currency: "USD" }
  })
  expect(error.message).toContain("60.00 USD")
  expect(await movementsOf(payment)).toEqual(["charge 6000"])
  expect(refundOf(await api.refund(payment.id, { amount: 6_000 })).status).toBe("succeeded")
  expect(codeOf(await api.refund(payment.id))).toBe("422 REFUND_EXCEEDS_REMAINDER")
})

const AFTER = ["hang-after", "reset-after", "5xx-after", "cut-body-after", "empty-200-after", "html-502-after"]
for (const provider of ["stripe", "paypal"] as const)
  for (const fault of AFTER)
    test(`P32 ${provider}, ${fault}: the provider did it, the answer was lost: one refund under one key`, async () => {
      const payment = await paid(5_000, provider)
      await sim.behaviour(provider, { fault, op: "refund", count: 1 })
      const asked = refundOf(await api.refund(payment.id, { amount: 2_000 }))
      expect(await ended(asked.id)).toMatchObject({ status: "succeeded", provider })
      expect(await movementsOf(payment)).toEqual(["charge 5000", "refund 2000"])
      expect(await keysOf(payment)).toEqual([`${payment.id}:${provider}:refund:${asked.id}`])
      expect(await balanceOf(payment)).toBe(2_000)
    })

for (const [provider, faults] of [
  ["stripe", ["hang-before", "reset-before", "429", "409"]],
  ["paypal", ["hang-before", "reset-before", "5xx-before", "429", "409"]]
] as const)
  for (const fault of faults)
    test(`P32 ${provider}, ${fault}: nothing was done, the same key does it later, once`, async () => {
      const payment = await paid(5_000, provider)
      await sim.behaviour(provider, { fault, op: "refund", count: 1 })
      const asked = refundOf(await api.refund(payment.id, { amount: 2_000 }))
      expect(await ended(asked.id)).toMatchObject({ status: "succeeded", provider })
      expect(await movementsOf(payment)).toEqual(["charge 5000", "refund 2000"])
      expect(await keysOf(payment)).toHaveLength(1)
    })

for (const provider of ["stripe", "paypal"] as const)
  test(`P34 ${provider} answers pending: the refund is pending, not failed, and ends when it is done`, async () => {
    const payment = await paid(3_000, provider)
    await sim.behaviour(provider, { fault: "async", op: "refund", count: 1, after_ms: 3_600_000 })
    const key = unique("pending")
    const asked = refundOf(await api.refund(payment.id, { amount: 1_000 }, { key, prefer: "wait=1" }))
    expect(asked).toMatchObject({ status: "pending", failure: null, completed_at: null })
    expect(await refund(asked.id)).toMatchObject({ status: "pending" })
    expect(await api.payment(payment.id)).toMatchObject({ status: "COMPLETED", refunded_amount: 0 })
    expect(await balanceOf(payment)).toBe(0)
    expect(problemOf(await api.refund(payment.id, { amount: 2_500 }), 422).error.details).toMatchObject({
      refundable_amount: 2_000,
      pending_amount: 1_000
    })
    expect(await violations(platform, { pending: 1 })).toEqual([])
    await sim.advance(3_600_000)
    expect(await ended(asked.id)).toMatchObject({ status: "succeeded" })
    expect(await movementsOf(payment)).toEqual(["charge 3000", "refund 1000"])
    expect(await balanceOf(payment)).toBe(1_000)
    const again = await api.refund(payment.id, { amount: 1_000 }, { key })
    expect(refundOf(again)).toMatchObject({ id: asked.id, status: "succeeded" })
    expect(again.headers.get("idempotent-replayed")).toBe("true")
  })

for (const [provider, code] of [
  ["stripe", undefined],
  ["paypal", "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK"]
] as const)
  test(`P35 ${provider} refuses for good: what was set aside is released, and can be refunded again`, async () => {
    const payment = await paid(3_000, provider)
    await sim.behaviour(provider, { fault: "decline", op: "refund", count: 1, ...(code && { code }) })
    const refused = refundOf(await api.refund(payment.id))
    expect(refused).toMatchObject({ status: "failed", amount: 3_000, failure: { code: code ?? "declined" } })
    expect(await api.payment(payment.id)).toMatchObject({ status: "COMPLETED", refunded_amount: 0 })
    expect(await movementsOf(payment)).toEqual(["charge 3000"])
    expect(await balanceOf(payment)).toBe(0)
    expect((await toldTo(platform, payment.id, 2)).map(({ title }) => title)).toContain("Refund failed")
    expect(refundOf(await api.refund(payment.id))).toMatchObject({ status: "succeeded", amount: 3_000 })
    expect(await balanceOf(payment)).toBe(3_000)
  })

test("the same key gives the same refund, another body is refused, no key is 400", async () => {
  const payment = await paid(3_000)
  const key = unique("same")
  const first = refundOf(await api.refund(payment.id, { amount: 1_000 }, { key }))
  const again = await api.refund(payment.id, { amount: 1_000 }, { key })
  expect([refundOf(again).id, again.headers.get("idempotent-replayed")]).toEqual([first.id, "true"])
  expect(codeOf(await api.refund(payment.id, { amount: 2_000 }, { key }))).toBe("422 IDEMPOTENCY_KEY_REUSED")
  expect(codeOf(await api.post(`/api/v1/payments/${payment.id}/refunds`, {}))).toBe("400 IDEMPOTENCY_KEY_REQUIRED")
  expect(await movementsOf(payment)).toEqual(["charge 3000", "refund 1000"])
})

test("only a completed payment is refunded; another tenant's or none is 404", async () => {
  const wallet = await api.open(500)
  await sim.behaviour("stripe", { fault: "decline", code: "stolen_card", count: 1 })
  const declined = problemOf(await api.pay(wallet.id, 500), 402)
  const id = String(declined.error.details["payment_id"])
  expect(problemOf(await api.refund(id), 409).error).toMatchObject({
    code: "PAYMENT_NOT_REFUNDABLE",
    details: { payment_id: id, status: "FAILED" }
  })
  expect(codeOf(await api.refund(wallet.id))).toBe("404 PAYMENT_NOT_FOUND")
  expect(codeOf(await api.get(`/api/v1/refunds/${id}`))).toBe("404 REFUND_NOT_FOUND")
})

test("a locked wallet takes a refund", async () => {
  const payment = await paid(900)
  await api.post(`/api/v1/wallets/${payment.wallet_id}/lock`, { reason: "stolen phone" })
  expect(refundOf(await api.refund(payment.id)).status).toBe("succeeded")
  expect(await api.wallet(payment.wallet_id)).toMatchObject({ balance: 900, status: "locked" })
})

test("conservation of money, also as the platform itself verifies it", async () => {
  expect(await violations(platform)).toEqual([])
  const verified = await api.post("/api/v1/ops/consistency/verify")
  expect([verified.status, JSON.parse(verified.text).inconsistencies]).toEqual([200, []])
})
