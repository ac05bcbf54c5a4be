/** Every fault, as the SDKs report it, and what it leaves in the ledger: "after" means that the charge exists. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { CheckoutPaymentIntent } from "@paypal/paypal-server-sdk"
import { type Listening, startSimulator } from "./server.ts"
import { control, eventually, failure, HASTY_MS, PATIENT_MS, paypalAt, stripeAt } from "./testing.ts"

let simulator: Listening
let sim: ReturnType<typeof control>
let stripe: ReturnType<typeof stripeAt>
let paypal: ReturnType<typeof paypalAt>
let n = 0

beforeAll(async () => {
  simulator = await startSimulator({ port: 0 })
  sim = control(simulator.url)
  stripe = stripeAt(simulator.url)
  paypal = paypalAt(simulator.url)
})
afterEach(() => sim.reset())
afterAll(() => simulator.stop())

const payment = () => `fault-payment-${++n}`

/** A payment ready for the call that moves money; `timeout` is that call's alone. */
const stripeReady = async (payment_id: string, timeout = PATIENT_MS) => {
  const params = { amount: 1500, currency: "usd", payment_method: "pm_card_visa", metadata: { payment_id } }
  const { id } = await stripe.paymentIntents.create(params)
  return {
    id,
    confirm: () => stripe.paymentIntents.confirm(id, {}, { idempotencyKey: `${payment_id}-confirm`, timeout })
  }
}

const paypalReady = async (customId: string, timeout = PATIENT_MS) => {
  const { result } = await paypal.orders.createOrder({
    prefer: "return=representation",
    paypalRequestId: `${customId}-create`,
    body: {
      intent: CheckoutPaymentIntent.Authorize,
      purchaseUnits: [{ customId, amount: { currencyCode: "USD", value: "15.00" } }],
      paymentSource: { card: { vaultId: "v" } }
    }
  })
  const authorizationId = result.purchaseUnits![0]!.payments!.authorizations![0]!.id!
  const request = { authorizationId, paypalRequestId: `${customId}-capture`, prefer: "return=representation", body: {} }
  const { payments } = paypalAt(simulator.url, timeout)
  // The token is fetched now, so that the hasty call has all its time to itself.
  await payments.getAuthorizedPayment({ authorizationId })
  return { authorizationId, capture: () => payments.captureAuthorizedPayment(request) }
}

type Expected = {
  readonly fault: string
  readonly code?: string
  readonly stripe: object
  readonly paypal: object
  /** Movements right after the fault, and wire requests the Stripe SDK made for its one call. */
  readonly charged: 0 | 1
  readonly tries?: number
}

const connection = { type: "StripeConnectionError" }

const EXPECTED: ReadonlyArray<Expected> = [
  {
    fault: "decline",
    stripe: { type: "StripeCardError", statusCode: 402, code: "card_declined", decline_code: "generic_decline" },
    paypal: { statusCode: 422 },
    charged: 0
  },
  {
    fault: "reject-before",
    stripe: { type: "StripeInvalidRequestError", statusCode: 400 },
    paypal: { statusCode: 400 },
    charged: 0
  },
  { fault: "5xx-before", stripe: { type: "StripeAPIError", statusCode: 500 }, paypal: { statusCode: 500 }, charged: 0 },
  {
    fault: "5xx-after",
    code: "503",
    stripe: { type: "StripeAPIError", statusCode: 503 },
    paypal: { statusCode: 503 },
    charged: 1
  },
  { fault: "hang-before", stripe: connection, paypal: { code: "ECONNABORTED" }, charged: 0 },
  { fault: "hang-after", stripe: connection, paypal: { code: "ECONNABORTED" }, charged: 1 },
  { fault: "reset-before", stripe: connection, paypal: { code: "ECONNRESET" }, charged: 0, tries: 2 },
  { fault: "reset-after", stripe: connection, paypal: { code: "ECONNRESET" }, charged: 1, tries: 2 },
  { fault: "cut-body-after", stripe: { type: "StripeConnectionError" }, paypal: { name: "AxiosError" }, charged: 1 },
  { fault: "empty-200-after", stripe: { type: "StripeAPIError" }, paypal: { name: "Error" }, charged: 1 },
  { fault: "html-502-after", stripe: { type: "StripeAPIError" }, paypal: { statusCode: 502 }, charged: 1 },
  { fault: "429", stripe: { type: "StripeRateLimitError" }, paypal: { statusCode: 429 }, charged: 0 },
  {
    fault: "409",
    stripe: { statusCode: 409, code: "idempotency_key_in_use" },
    paypal: { statusCode: 409 },
    charged: 0
  }
]

const timeoutFor = (fault: string): number => (fault.startsWith("hang") ? HASTY_MS : PATIENT_MS)

describe.each(EXPECTED)("$fault", ({ fault, code, stripe: seen, paypal: seenByPaypal, charged, tries }) => {
  test("Stripe", async () => {
    const id = payment()
    const { confirm } = await stripeReady(id, timeoutFor(fault))
    await sim.arm("stripe", { fault, ...(code === undefined ? {} : { code }) })
    expect(await failure(confirm())).toMatchObject(seen)
    expect(await sim.ledger(id)).toHaveLength(charged)
    const wire = (await sim.wire(id)).filter(({ op }) => op === "charge")
    expect(wire).toHaveLength(tries ?? 1)
    expect(wire[0]).toMatchObject({ fault, idempotency_key: `${id}-confirm` })
  })

  test("PayPal", async () => {
    const id = payment()
    const { capture } = await paypalReady(id, timeoutFor(fault))
    await sim.arm("paypal", { fault, ...(code === undefined ? {} : { code }) })
    expect(await failure(capture())).toMatchObject(seenByPaypal)
    expect(await sim.ledger(id)).toHaveLength(charged)
    await sim.reset()
    // The same request id afterwards: executed if it was not, and never a second time.
    await capture()
    expect(await sim.ledger(id)).toHaveLength(1)
  })
})

describe("what a Stripe key remembers", () => {
  test.each(["5xx-before", "5xx-after"])("%s: the same 500, for ever", async (fault) => {
    const id = payment()
    const { id: intent, confirm } = await stripeReady(id, timeoutFor(fault))
    await sim.arm("stripe", { fault, count: 1 })
    await failure(confirm())
    expect(await failure(confirm())).toMatchObject({ statusCode: 500 })
    const { status } = await stripe.paymentIntents.retrieve(intent)
    expect(status).toBe(fault === "5xx-after" ? "succeeded" : "requires_confirmation")
    expect(await sim.ledger(id)).toHaveLength(fault === "5xx-after" ? 1 : 0)
  })

  test.each(["hang-after", "cut-body-after", "html-502-after"])("%s: the success nobody heard of", async (fault) => {
    const id = payment()
    const { confirm } = await stripeReady(id, timeoutFor(fault))
    await sim.arm("stripe", { fault, count: 1 })
    await failure(confirm())
    expect((await confirm()).status).toBe("succeeded")
    expect(await sim.ledger(id)).toHaveLength(1)
  })

  test.each(["429", "409", "reject-before", "hang-before"])(
    "%s: nothing, it executes when it comes again",
    async (fault) => {
      const id = payment()
      const { confirm } = await stripeReady(id, timeoutFor(fault))
      await sim.arm("stripe", { fault, count: 1 })
      await failure(confirm())
      expect(await sim.ledger(id)).toEqual([])
      expect((await confirm()).status).toBe("succeeded")
      expect(await sim.ledger(id)).toHaveLength(1)
    }
  )
})

describe("later", () => {
  test("async: pending, then charged", async () => {
    const [a, b] = [payment(), payment()]
    const { id, confirm } = await stripeReady(a)
    const { capture } = await paypalReady(b)
    for (const provider of ["stripe", "paypal"]) await sim.arm(provider, { fault: "async", after_ms: 3_600_000 })
    expect((await confirm()).status).toBe("processing")
    const captureId = (await capture()).result.id!
    const pending = (await paypal.payments.getCapturedPayment({ captureId })).result
    expect(pending).toMatchObject({ status: "PENDING", statusDetails: { reason: "PENDING_REVIEW" } })
    expect([...(await sim.ledger(a)), ...(await sim.ledger(b))]).toEqual([])
    await sim.advance(3_600_000)
    await eventually(async () => (await sim.ledger(a)).length + (await sim.ledger(b)).length === 2)
    expect((await stripe.paymentIntents.retrieve(id)).status).toBe("succeeded")
    expect((await paypal.payments.getCapturedPayment({ captureId })).result.status as string).toBe("COMPLETED")
  })

  test("late-reversal: charged, then given back", async () => {
    const [a, b] = [payment(), payment()]
    const { confirm } = await stripeReady(a)
    const { capture } = await paypalReady(b)
    for (const provider of ["stripe", "paypal"]) await sim.arm(provider, { fault: "late-reversal", after_ms: 1 })
    expect((await confirm()).status).toBe("succeeded")
    expect((await capture()).result.status as string).toBe("COMPLETED")
    for (const id of [a, b]) {
      await eventually(async () => (await sim.ledger(id)).length === 2)
      expect((await sim.ledger(id)).map(({ kind, amount }) => [kind, amount])).toEqual([
        ["charge", 1500],
        ["refund", 1500]
      ])
    }
  })

  test("execute-late: the caller gives up, looks, sees nothing, and is charged all the same", async () => {
    const [a, b] = [payment(), payment()]
    const { id, confirm } = await stripeReady(a, HASTY_MS)
    const { capture } = await paypalReady(b, HASTY_MS)
    for (const provider of ["stripe", "paypal"])
      await sim.arm(provider, { fault: "execute-late", after_ms: 60_000, count: 1 })
    expect(await failure(confirm())).toMatchObject(connection)
    expect(await failure(capture())).toMatchObject({ code: "ECONNABORTED" })
    expect((await stripe.paymentIntents.retrieve(id)).status).toBe("requires_confirmation")
    expect(await failure(confirm())).toMatchObject({ statusCode: 409, code: "idempotency_key_in_use" })
    expect(await failure(capture())).toMatchObject({ statusCode: 409 })
    await sim.advance(60_000)
    for (const payment_id of [a, b]) await eventually(async () => (await sim.ledger(payment_id)).length === 1)
    expect((await confirm()).status).toBe("succeeded")
  })

  test("execute-late against a fence: what is cancelled or voided first is never charged", async () => {
    const [a, b] = [payment(), payment()]
    const { id, confirm } = await stripeReady(a, HASTY_MS)
    const { authorizationId, capture } = await paypalReady(b, HASTY_MS)
    for (const provider of ["stripe", "paypal"]) await sim.arm(provider, { fault: "execute-late", after_ms: 60_000 })
    await failure(confirm())
    await failure(capture())
    expect((await stripe.paymentIntents.cancel(id)).status).toBe("canceled")
    await paypal.payments.voidPayment({ authorizationId })
    await sim.reset()
    await sim.advance(60_000)
    await eventually(async () => (await failure(confirm()))["code"] === "payment_intent_unexpected_state")
    expect([...(await sim.ledger(a)), ...(await sim.ledger(b))]).toEqual([])
  })
})

describe("which calls a behaviour meets", () => {
  test("only those of its operation, and only as many as it counts", async () => {
    await sim.arm("stripe", { fault: "5xx-before", op: "read", count: 2 })
    const { id, confirm } = await stripeReady(payment())
    expect((await confirm()).status).toBe("succeeded")
    for (let i = 0; i < 2; i++)
      expect(await failure(stripe.paymentIntents.retrieve(id))).toMatchObject({ statusCode: 500 })
    expect((await stripe.paymentIntents.retrieve(id)).id).toBe(id)
  })

  test("an amount's behaviours meet its payments alone, one for each operation, from their create on", async () => {
    const create = async (amount: number) =>
      await stripe.paymentIntents.create({
        amount,
        currency: "usd",
        payment_method: "pm_card_visa",
        metadata: { payment_id: payment() }
      })
    await sim.arm("stripe", { fault: "5xx-before", op: "read", amount: 1777, count: 1 })
    await sim.arm("stripe", { fault: "decline", amount: 1777 })
    const [met, other] = [await create(1777), await create(1778)]
    expect((await stripe.paymentIntents.retrieve(other.id)).id).toBe(other.id)
    expect(await failure(stripe.paymentIntents.retrieve(met.id))).toMatchObject({ statusCode: 500 })
    expect((await stripe.paymentIntents.retrieve(met.id)).id).toBe(met.id)
    expect(await failure(stripe.paymentIntents.confirm(met.id))).toMatchObject({ statusCode: 402 })
    expect((await stripe.paymentIntents.confirm(other.id)).status).toBe("succeeded")
    await sim.reset()
    const late = await create(1777)
    expect((await stripe.paymentIntents.confirm(late.id)).status).toBe("succeeded")
  })

  test("a rate is a function of its seed", async () => {
    const run = async () => {
      await sim.arm("stripe", { fault: "429", op: "read", rate: 0.5, seed: 7 })
      const hits: Array<boolean> = []
      for (let i = 0; i < 32; i++) hits.push((await fetch(`${simulator.url}/v1/refunds/x`, auth)).status === 429)
      return hits
    }
    const auth = { headers: { authorization: "Bearer sk_test_x" } }
    const first = await run()
    expect(await run()).toEqual(first)
    expect(first.filter(Boolean).length).toBeWithin(6, 27)
  })

  test("OAuth can fail by itself", async () => {
    await sim.arm("paypal", { fault: "5xx-before", op: "oauth" })
    // A new client each time: the SDK remembers a token call that failed, and never makes another.
    const read = () => failure(paypalAt(simulator.url).orders.getOrder({ id: "x" }))
    expect(await read()).toMatchObject({ statusCode: 500 })
    expect((await sim.wire()).at(-1)).toMatchObject({ op: "oauth", status: 500, fault: "5xx-before" })
    await sim.reset()
    expect(await read()).toMatchObject({ statusCode: 404 })
  })

  test("latency delays the answer of the calls that move money, and of no other", async () => {
    const { id, confirm } = await stripeReady(payment())
    await sim.arm("stripe", { fault: "none", latency_ms: 300 })
    const answered: Array<string> = []
    const slow = confirm().then(() => answered.push("confirm"))
    await stripe.paymentIntents.retrieve(id).then(() => answered.push("retrieve"))
    await slow
    expect(answered).toEqual(["retrieve", "confirm"])
  })

  test("reset is seen by fetch as well", async () => {
    await sim.arm("stripe", { fault: "reset-before", op: "any" })
    const error = await failure(fetch(`${simulator.url}/v1/payment_intents`, { method: "POST", body: "a=1" }))
    expect(error["code"]).toBe("ECONNRESET")
  })
})
