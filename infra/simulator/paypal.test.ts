/** The official PayPal SDK is the judge: what it understands is what PayPal says. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { CheckoutPaymentIntent } from "@paypal/paypal-server-sdk"
import { type Listening, startSimulator } from "./server.ts"
import { control, eventually, failure, paypalAt, post } from "./testing.ts"

let simulator: Listening
let paypal: ReturnType<typeof paypalAt>
let sim: ReturnType<typeof control>
let n = 0

beforeAll(async () => {
  simulator = await startSimulator({ port: 0 })
  paypal = paypalAt(simulator.url, 5_000)
  sim = control(simulator.url)
})
afterAll(() => simulator.stop())

/** Moves the clock. Tokens expire meanwhile, and the SDK keeps its own time: it needs a new client. */
const later = async (ms: number): Promise<void> => {
  await sim.advance(ms)
  paypal = paypalAt(simulator.url, 5_000)
}

const payment = () => `paypal-payment-${++n}`
const prefer = "return=representation"

const order = (custom: string, intent: CheckoutPaymentIntent, vaultId: string | undefined, invoiceId = `${custom}-1`) =>
  paypal.orders.createOrder({
    prefer,
    paypalRequestId: `${custom}-create`,
    body: {
      intent,
      purchaseUnits: [{ customId: custom, invoiceId, amount: { currencyCode: "USD", value: "20.00" } }],
      ...(vaultId === undefined ? {} : { paymentSource: { card: { vaultId } } })
    }
  })

const authorized = async (custom: string): Promise<string> => {
  const { result } = await order(custom, CheckoutPaymentIntent.Authorize, "vault-1")
  return result.purchaseUnits![0]!.payments!.authorizations![0]!.id!
}

const capture = (authorizationId: string, custom: string, amount?: string) =>
  paypal.payments.captureAuthorizedPayment({
    authorizationId,
    prefer,
    paypalRequestId: `${custom}-capture`,
    body: amount === undefined ? {} : { amount: { currencyCode: "USD", value: amount }, finalCapture: true }
  })

const issueOf = (error: Record<string, unknown>): string => {
  const body = JSON.parse(String(error["body"])) as { details?: Array<{ issue: string }> }
  return body.details?.[0]?.issue ?? ""
}

describe("an order from the vault", () => {
  test("authorizes at once, moves money only when it is captured", async () => {
    const id = payment()
    const made = await order(id, CheckoutPaymentIntent.Authorize, "vault-1")
    expect(made.statusCode).toBe(201)
    expect(made.result.status as string).toBe("COMPLETED")
    const authorizationId = made.result.purchaseUnits![0]!.payments!.authorizations![0]!.id!
    expect(await sim.ledger(id)).toEqual([])
    const taken = await capture(authorizationId, id)
    expect(taken.statusCode).toBe(201)
    expect(taken.result).toMatchObject({ status: "COMPLETED", customId: id, amount: { value: "20.00" } })
    expect(await sim.ledger(id)).toMatchObject([
      { provider: "paypal", kind: "charge", reference: taken.result.id!, amount: 2000, currency: "USD" }
    ])
    const read = await paypal.payments.getAuthorizedPayment({ authorizationId })
    expect(read.result.status as string).toBe("CAPTURED")
    const whole = await paypal.orders.getOrder({ id: made.result.id! })
    expect(whole.result.purchaseUnits![0]!.payments!.captures![0]!.id).toBe(taken.result.id!)
    expect((await paypal.payments.getCapturedPayment({ captureId: taken.result.id! })).result.status as string).toBe(
      "COMPLETED"
    )
  })

  test("captures at once with intent CAPTURE, and needs a request id", async () => {
    const id = payment()
    const made = await order(id, CheckoutPaymentIntent.Capture, "vault-1")
    expect(made.result.purchaseUnits![0]!.payments!.captures![0]!.status as string).toBe("COMPLETED")
    expect(await sim.ledger(id)).toHaveLength(1)
    const body = {
      intent: CheckoutPaymentIntent.Capture,
      purchaseUnits: [{ amount: { currencyCode: "USD", value: "1.00" } }],
      paymentSource: { card: { vaultId: "v" } }
    }
    expect(issueOf(await failure(paypal.orders.createOrder({ body })))).toBe("PAYPAL_REQUEST_ID_REQUIRED")
  })
})

test("an order without a source is authorized when the payer has approved it", async () => {
  const id = payment()
  const made = await order(id, CheckoutPaymentIntent.Authorize, undefined)
  const orderId = made.result.id!
  expect(made.result.status as string).toBe("CREATED")
  const authorize = () => paypal.orders.authorizeOrder({ id: orderId, prefer, paypalRequestId: `${id}-authorize` })
  expect(issueOf(await failure(authorize()))).toBe("ORDER_NOT_APPROVED")
  expect((await post(simulator.url, "paypal/approve", { order_id: orderId })).status).toBe(200)
  const done = await authorize()
  expect(done.result.purchaseUnits![0]!.payments!.authorizations).toHaveLength(1)
  const again = await failure(paypal.orders.authorizeOrder({ id: orderId, paypalRequestId: `${id}-other` }))
  expect(issueOf(again)).toBe("ORDER_ALREADY_AUTHORIZED")
})

describe("an authorization", () => {
  test("voided can never take money again, and moves none", async () => {
    const id = payment()
    const authorizationId = await authorized(id)
    expect((await paypal.payments.voidPayment({ authorizationId, paypalRequestId: `${id}-void` })).statusCode).toBe(204)
    const repeated = await paypal.payments.voidPayment({ authorizationId, prefer, paypalRequestId: `${id}-void` })
    expect(repeated.result!.status as string).toBe("VOIDED")
    expect(issueOf(await failure(paypal.payments.voidPayment({ authorizationId })))).toBe("PREVIOUSLY_VOIDED")
    expect(issueOf(await failure(capture(authorizationId, id)))).toBe("AUTHORIZATION_VOIDED")
    expect(await sim.ledger(id)).toEqual([])
  })

  test("captured cannot be voided, nor captured again under another id", async () => {
    const id = payment()
    const authorizationId = await authorized(id)
    await capture(authorizationId, id)
    expect(issueOf(await failure(paypal.payments.voidPayment({ authorizationId })))).toBe("PREVIOUSLY_CAPTURED")
    expect(issueOf(await failure(capture(authorizationId, `${id}-b`)))).toBe("AUTHORIZATION_ALREADY_CAPTURED")
    expect(await sim.ledger(id)).toHaveLength(1)
  })
})

describe("a request id", () => {
  test("repeats with 200 and the latest state", async () => {
    const id = payment()
    const authorizationId = await authorized(id)
    const first = await capture(authorizationId, id)
    await paypal.payments.refundCapturedPayment({ captureId: first.result.id!, paypalRequestId: `${id}-refund` })
    const again = await capture(authorizationId, id)
    expect(again.statusCode).toBe(200)
    expect(again.result).toMatchObject({ id: first.result.id!, status: "REFUNDED" })
    expect(await sim.ledger(id)).toHaveLength(2)
  })

  test("of an order is forgotten after six hours, of a payment after 45 days", async () => {
    const id = payment()
    const authorizationId = await authorized(id)
    await capture(authorizationId, id)
    await later(6 * 3600 * 1000)
    expect(issueOf(await failure(order(id, CheckoutPaymentIntent.Authorize, "vault-1")))).toBe("DUPLICATE_INVOICE_ID")
    expect((await capture(authorizationId, id)).statusCode).toBe(200)
    await later(45 * 24 * 3600 * 1000)
    expect(issueOf(await failure(capture(authorizationId, id)))).toBe("AUTHORIZATION_ALREADY_CAPTURED")
  })

  test("is in progress while its first call is unanswered", async () => {
    const id = payment()
    const authorizationId = await authorized(id)
    await sim.arm("paypal", { fault: "none", latency_ms: 300 })
    const slow = capture(authorizationId, id)
    await eventually(async () => (await sim.wire(id)).length === 2)
    const second = await failure(capture(authorizationId, id))
    expect(second["statusCode"]).toBe(409)
    expect(issueOf(second)).toBe("PREVIOUS_REQUEST_IN_PROGRESS")
    expect((await slow).result.status as string).toBe("COMPLETED")
    await sim.reset()
    expect(await sim.ledger(id)).toHaveLength(1)
  })
})

test("refunds add up to at most the capture", async () => {
  const id = payment()
  const captureId = (await capture(await authorized(id), id)).result.id!
  const refund = (value: string) =>
    paypal.payments.refundCapturedPayment({ captureId, prefer, body: { amount: { currencyCode: "USD", value } } })
  const first = await refund("5.00")
  expect(first.result).toMatchObject({ status: "COMPLETED", amount: { value: "5.00" } })
  expect((await paypal.payments.getRefund({ refundId: first.result.id! })).result.id).toBe(first.result.id!)
  expect(issueOf(await failure(refund("15.01")))).toBe("REFUND_AMOUNT_EXCEEDED")
  await refund("15.00")
  expect(issueOf(await failure(refund("0.01")))).toBe("CAPTURE_FULLY_REFUNDED")
  expect((await sim.ledger(id)).map(({ amount }) => amount)).toEqual([2000, 500, 1500])
})

test("amounts are decimal strings, and each currency has its rule", async () => {
  const value = async (currencyCode: string, amount: string) => {
    const body = {
      intent: CheckoutPaymentIntent.Capture,
      purchaseUnits: [{ customId: `${currencyCode}-${amount}`, amount: { currencyCode, value: amount } }],
      paymentSource: { card: { vaultId: "v" } }
    }
    const call = paypal.orders.createOrder({ body, paypalRequestId: `${currencyCode}-${amount}` })
    return call.then(
      async () => (await sim.ledger(`${currencyCode}-${amount}`))[0]!.amount,
      (error: unknown) => issueOf(error as Record<string, unknown>)
    )
  }
  expect(await value("JPY", "500")).toBe(500)
  expect(await value("JPY", "500.00")).toBe("DECIMALS_NOT_SUPPORTED")
  expect(await value("HUF", "500")).toBe(50_000)
  expect(await value("USD", "0.01")).toBe(1)
  expect(await value("USD", "1.001")).toBe("DECIMAL_PRECISION")
  expect(await value("USD", "0.00")).toBe("CANNOT_BE_ZERO_OR_NEGATIVE")
  expect(await value("USD", "-1")).toBe("INVALID_PARAMETER_SYNTAX")
  expect(await value("KWD", "1.000")).toBe("CURRENCY_NOT_SUPPORTED")
})

test("a token expires, and is refused with OAuth's error", async () => {
  const call = (token: string) =>
    fetch(`${simulator.url}/v2/checkout/orders/none`, { headers: { authorization: `Bearer ${token}` } })
  const token = async () => {
    const headers = { authorization: `Basic ${btoa("id:secret")}` }
    const init = { method: "POST", headers, body: "grant_type=client_credentials" }
    return (await (await fetch(`${simulator.url}/v1/oauth2/token`, init)).json()) as Record<string, string>
  }
  await post(simulator.url, "paypal/oauth", { expires_in: 60 })
  const first = await token()
  expect(first["expires_in"] as unknown).toBe(60)
  expect((await call(first["access_token"]!)).status).toBe(404)
  await sim.advance(61_000)
  const expired = await call(first["access_token"]!)
  expect([expired.status, ((await expired.json()) as { error: string }).error]).toEqual([401, "invalid_token"])
  const second = await token()
  await post(simulator.url, "paypal/oauth", { revoke: true, expires_in: 32_400 })
  expect((await call(second["access_token"]!)).status).toBe(401)
})
