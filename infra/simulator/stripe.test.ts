/** The official Stripe SDK is the judge: what it understands is what Stripe says. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { type Listening, startSimulator } from "./server.ts"
import { control, eventually, failure, stripeAt } from "./testing.ts"

let simulator: Listening
let stripe: ReturnType<typeof stripeAt>
let sim: ReturnType<typeof control>
let n = 0

beforeAll(async () => {
  simulator = await startSimulator({ port: 0 })
  stripe = stripeAt(simulator.url, 5_000)
  sim = control(simulator.url)
})
afterAll(() => simulator.stop())

/** Under Bun the SDK speaks fetch, and its headers are fetch's, whatever its types say. */
const headerOf = (answer: { readonly lastResponse: { readonly headers: unknown } }, name: string): string | null =>
  (answer.lastResponse.headers as Headers).get(name)

const payment = () => `stripe-payment-${++n}`

const created = (payment_id: string, more: object = {}) =>
  stripe.paymentIntents.create(
    { amount: 1500, currency: "usd", payment_method: "pm_card_visa", metadata: { payment_id }, ...more },
    { idempotencyKey: `${payment_id}-create` }
  )

const confirmed = async (payment_id: string, more: object = {}) => {
  const { id } = await created(payment_id, more)
  return stripe.paymentIntents.confirm(id, { expand: ["latest_charge"] }, { idempotencyKey: `${payment_id}-confirm` })
}

describe("a payment intent", () => {
  test("is created without moving money, and confirmed with it", async () => {
    const id = payment()
    const intent = await created(id)
    expect(intent.status).toBe("requires_confirmation")
    expect(await sim.ledger(id)).toEqual([])
    const done = await stripe.paymentIntents.confirm(intent.id, { expand: ["latest_charge"] })
    expect(done).toMatchObject({ status: "succeeded", amount_received: 1500, metadata: { payment_id: id } })
    expect(done.latest_charge).toMatchObject({ object: "charge", paid: true, captured: true })
    expect(done.lastResponse.requestId).toStartWith("req_")
    expect(headerOf(done, "stripe-version")).toBe("2026-10-28.endive")
    const ledger = await sim.ledger(id)
    expect(ledger).toMatchObject([{ provider: "stripe", kind: "charge", amount: 1500, currency: "USD" }])
    expect(await stripe.paymentIntents.retrieve(intent.id)).toMatchObject({ latest_charge: ledger[0]!.reference })
  })

  test("is created and confirmed in one call", async () => {
    const id = payment()
    expect((await created(id, { confirm: true, off_session: true })).status).toBe("succeeded")
    expect(await sim.ledger(id)).toHaveLength(1)
    expect((await sim.wire(id))[0]).toMatchObject({ op: "charge", idempotency_key: `${id}-create`, status: 200 })
  })

  test("held, then captured in part, takes only that part", async () => {
    const id = payment()
    const held = await confirmed(id, { capture_method: "manual" })
    expect(held).toMatchObject({ status: "requires_capture", amount_capturable: 1500 })
    expect(await sim.ledger(id)).toEqual([])
    const taken = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1000 })
    expect(taken).toMatchObject({ status: "succeeded", amount_received: 1000 })
    expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: 1000 }])
  })

  test("cancelled can never take money again", async () => {
    const id = payment()
    const intent = await created(id)
    const canceled = await stripe.paymentIntents.cancel(intent.id, { cancellation_reason: "abandoned" })
    expect(canceled).toMatchObject({ status: "canceled", cancellation_reason: "abandoned" })
    const error = await failure(stripe.paymentIntents.confirm(intent.id))
    expect(error).toMatchObject({ statusCode: 400, code: "payment_intent_unexpected_state" })
    expect(error["payment_intent"]).toMatchObject({ id: intent.id, status: "canceled" })
    expect(await sim.ledger(id)).toEqual([])
  })

  test("that succeeded cannot be cancelled", async () => {
    const done = await confirmed(payment())
    const error = await failure(stripe.paymentIntents.cancel(done.id))
    expect(error).toMatchObject({ statusCode: 400, code: "payment_intent_unexpected_state" })
  })

  test("is found in the list at once", async () => {
    const intent = await created(payment())
    const list = await stripe.paymentIntents.list({ created: { gte: intent.created }, limit: 100 })
    expect(list.data.map(({ id }) => id)).toContain(intent.id)
    expect((await stripe.paymentIntents.list({ created: { gt: intent.created + 60 } })).data).toEqual([])
  })

  test("is found by a search only when the index has it", async () => {
    const id = payment()
    const intent = await created(id)
    const query = `metadata['payment_id']:'${id}'`
    expect((await stripe.paymentIntents.search({ query })).data).toEqual([])
    await sim.advance(5_000)
    expect((await stripe.paymentIntents.search({ query })).data.map((found) => found.id)).toEqual([intent.id])
  })
})

describe("a refund", () => {
  test("adds up to at most the charge", async () => {
    const id = payment()
    const { id: payment_intent } = await confirmed(id)
    const refund = await stripe.refunds.create({ payment_intent, amount: 500, reason: "requested_by_customer" })
    expect(refund).toMatchObject({ status: "succeeded", amount: 500, payment_intent })
    expect(await failure(stripe.refunds.create({ payment_intent, amount: 1001 }))).toMatchObject({ statusCode: 400 })
    await stripe.refunds.create({ payment_intent })
    const error = await failure(stripe.refunds.create({ payment_intent }))
    expect(error).toMatchObject({ statusCode: 400, code: "charge_already_refunded" })
    expect(await stripe.refunds.retrieve(refund.id)).toMatchObject({ id: refund.id })
    const amounts = (await sim.ledger(id)).map(({ kind, amount }) => [kind, amount])
    expect(amounts).toEqual([
      ["charge", 1500],
      ["refund", 500],
      ["refund", 1000]
    ])
  })
})

describe("an idempotency key", () => {
  test("replays the first answer, frozen, and executes nothing", async () => {
    const id = payment()
    const first = await created(id)
    await stripe.paymentIntents.confirm(first.id)
    const again = await created(id)
    expect(again).toEqual(first)
    expect(again.status).toBe("requires_confirmation")
    expect(headerOf(again, "idempotent-replayed")).toBe("true")
    expect(again.lastResponse.idempotencyKey).toBe(`${id}-create`)
    expect(await sim.ledger(id)).toHaveLength(1)
  })

  test("with other parameters, or at another endpoint, is an idempotency error", async () => {
    const id = payment()
    const intent = await created(id)
    const mismatch = await failure(created(id, { amount: 1501 }))
    expect(mismatch).toMatchObject({ type: "StripeIdempotencyError", statusCode: 400 })
    const elsewhere = stripe.paymentIntents.confirm(intent.id, {}, { idempotencyKey: `${id}-create` })
    expect(await failure(elsewhere)).toMatchObject({ type: "StripeIdempotencyError" })
    expect(await sim.ledger(id)).toEqual([])
  })

  test("keeps a decline", async () => {
    const id = payment()
    const intent = await created(id, { payment_method: "pm_card_chargeDeclinedInsufficientFunds" })
    const confirm = () => stripe.paymentIntents.confirm(intent.id, {}, { idempotencyKey: `${id}-confirm` })
    const first = await failure(confirm())
    expect(first).toMatchObject({ type: "StripeCardError", code: "card_declined", decline_code: "insufficient_funds" })
    const again = await failure(confirm())
    expect(again).toMatchObject({ type: "StripeCardError", decline_code: "insufficient_funds" })
    expect((again["headers"] as Record<string, string>)["idempotent-replayed"]).toBe("true")
    const after = await stripe.paymentIntents.retrieve(intent.id)
    expect(after.status).toBe("requires_payment_method")
    expect(after.last_payment_error).toMatchObject({ decline_code: "insufficient_funds" })
  })

  test("does not keep a request that was never valid", async () => {
    const key = { idempotencyKey: payment() }
    const bad = await failure(stripe.paymentIntents.create({ amount: 0, currency: "usd" }, key))
    expect(bad).toMatchObject({ type: "StripeInvalidRequestError", param: "amount" })
    const good = await stripe.paymentIntents.create({ amount: 1, currency: "usd" }, key)
    expect(headerOf(good, "idempotent-replayed")).toBeNull()
  })

  test("is in use while its first call is unanswered", async () => {
    const id = payment()
    const intent = await created(id)
    await sim.arm("stripe", { fault: "none", latency_ms: 300 })
    const confirm = () => stripe.paymentIntents.confirm(intent.id, {}, { idempotencyKey: `${id}-confirm` })
    const slow = confirm()
    await eventually(async () => (await sim.wire(id)).length === 2)
    const second = await failure(confirm())
    expect(second).toMatchObject({ statusCode: 409, code: "idempotency_key_in_use" })
    expect((await slow).status).toBe("succeeded")
    await sim.reset()
    expect(headerOf(await confirm(), "idempotent-replayed")).toBe("true")
    expect(await sim.ledger(id)).toHaveLength(1)
  })

  test("is forgotten after a day", async () => {
    const id = payment()
    const first = await created(id)
    await sim.advance(24 * 3600 * 1000)
    expect((await created(id)).id).not.toBe(first.id)
  })
})

describe("bad requests", () => {
  test("unknown parameters, currencies and amounts are named", async () => {
    const unknown = { amount: 1, currency: "usd", colour: "red" } as { amount: number; currency: string }
    const create = (params: { amount: number; currency: string }) => failure(stripe.paymentIntents.create(params))
    expect(await create(unknown)).toMatchObject({ code: "parameter_unknown", param: "colour", statusCode: 400 })
    expect(await create({ amount: 1.5, currency: "usd" })).toMatchObject({ param: "amount" })
    expect(await create({ amount: 100, currency: "xyz" })).toMatchObject({ param: "currency" })
    expect(await create({ amount: 500, currency: "ugx" })).toMatchObject({ param: "currency" })
    const isk = await create({ amount: 550, currency: "isk" })
    expect(isk).toMatchObject({ code: "invalid_charge_amount_no_decimal_compatible" })
    expect(await create({ amount: 5124, currency: "kwd" })).toMatchObject({ param: "amount" })
    expect(await failure(stripe.paymentIntents.retrieve("pi_none"))).toMatchObject({ statusCode: 404 })
  })

  test("no key, no service", async () => {
    const answer = await fetch(`${simulator.url}/v1/payment_intents/pi_1`)
    expect(answer.status).toBe(401)
  })
})

test("the ledger counts in ISO minor units", async () => {
  const paid = async (currency: string, amount: number) => {
    const id = payment()
    await created(id, { amount, currency, confirm: true })
    return (await sim.ledger(id))[0]!.amount
  }
  expect(await paid("jpy", 500)).toBe(500)
  expect(await paid("isk", 50_000)).toBe(500)
  expect(await paid("kwd", 5120)).toBe(5120)
  expect(await paid("mga", 7)).toBe(700)
})
