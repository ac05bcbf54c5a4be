/** Orders: created, approved by the payer or by a vaulted source, then authorized or captured. */
import { now } from "../clock.ts"
import { BadControl, type Drawn, fields } from "../faults.ts"
import { paypalId } from "../ids.ts"
import { inner, type Json, moneyOf, singleStep, sourceOf, string } from "./body.ts"
import { emit } from "./events.ts"
import { authorize, capture, refuseIfDeclined } from "./payments.ts"
import { malformed, notFound, unprocessable } from "./problem.ts"
import type { Order, Store } from "./records.ts"

const missing = (field: string) => malformed("MISSING_REQUIRED_PARAMETER", "A required field is missing.", field)

const unitOf = (body: Json): Json => {
  const units = body["purchase_units"]
  if (!Array.isArray(units) || units.length === 0) throw missing("/purchase_units")
  if (units.length > 1)
    throw unprocessable(
      "UNSUPPORTED_PURCHASE_UNITS",
      "This simulator takes one purchase unit per order.",
      "/purchase_units"
    )
  const unit: unknown = units[0]
  if (typeof unit !== "object" || unit === null) throw missing("/purchase_units/0")
  return unit as Json
}

export const createOrder = (
  store: Store,
  body: Json,
  requestId: string | undefined,
  fault: Drawn | undefined
): Order => {
  const intent = body["intent"]
  if (intent === undefined) throw missing("/intent")
  if (intent !== "CAPTURE" && intent !== "AUTHORIZE")
    throw malformed("INVALID_PARAMETER_VALUE", "The value of a field is invalid.", "/intent")
  const unit = unitOf(body)
  const field = "/purchase_units/0"
  const money = moneyOf(inner(unit, "amount"), `${field}/amount`)
  if (money === undefined) throw missing(`${field}/amount`)
  const source = sourceOf(body)
  if (source?.vaulted === true && requestId === undefined) {
    const description = "A PayPal-Request-Id is required if you are trying to process payment for an Order."
    throw malformed("PAYPAL_REQUEST_ID_REQUIRED", description)
  }
  const order: Order = {
    id: paypalId(),
    created: now(),
    intent,
    status: source === undefined ? "CREATED" : source.vaulted ? "APPROVED" : "PAYER_ACTION_REQUIRED",
    reference_id: string(unit, "reference_id", `${field}/reference_id`, 256) ?? "default",
    custom_id: string(unit, "custom_id", `${field}/custom_id`, 255),
    invoice_id: string(unit, "invoice_id", `${field}/invoice_id`, 127),
    description: string(unit, "description", `${field}/description`, 3000),
    source: source?.name,
    ...money
  }
  refuseIfDeclined(fault)
  return singleStep(body) ? complete(store, order, fault) : store.orders.put(order)
}

/** Takes the money or the hold of an approved order. The order completes even when its capture was declined. */
const complete = (store: Store, order: Order, fault: Drawn | undefined): Order => {
  if (order.intent === "AUTHORIZE") {
    const { id } = authorize(store, order)
    return store.orders.put({ ...order, status: "COMPLETED", authorization: id })
  }
  const { id, amount, currency, custom_id, invoice_id } = order
  const taken = capture(store, { order: id, amount, currency, custom_id, invoice_id, final: true }, fault)
  return store.orders.put({ ...order, status: "COMPLETED", capture: taken.id })
}

/** `/authorize` or `/capture` of an order: only once, only with its intent, only when somebody approved it. */
export const finishOrder = (
  store: Store,
  id: string,
  intent: Order["intent"],
  body: Json,
  fault: Drawn | undefined
): Order => {
  const order = store.orders.get(id)
  if (order === undefined) throw notFound()
  if (order.intent !== intent)
    throw unprocessable("ACTION_DOES_NOT_MATCH_INTENT", `Order was created with an intent of ${order.intent}.`)
  if (order.status === "COMPLETED") {
    const issue = intent === "CAPTURE" ? "ORDER_ALREADY_CAPTURED" : "ORDER_ALREADY_AUTHORIZED"
    throw unprocessable(issue, "Order already completed. Please check its status.")
  }
  const source = sourceOf(body)
  if (order.status !== "APPROVED" && source?.vaulted !== true)
    throw unprocessable("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.")
  refuseIfDeclined(fault)
  return complete(store, { ...order, source: source?.name ?? order.source ?? "paypal" }, fault)
}

/** `POST /_sim/paypal/approve {order_id}`: what the payer does in a browser. */
export const approveOrder = (store: Store, input: unknown): object => {
  const id = fields(input, ["order_id"])["order_id"]
  const order = typeof id === "string" ? store.orders.get(id) : undefined
  if (order === undefined) throw new BadControl("order_id: an order of this simulator")
  if (order.status === "COMPLETED") throw new BadControl("order_id: the order is already completed")
  store.orders.put({ ...order, status: "APPROVED", source: order.source ?? "paypal" })
  emit(store, "CHECKOUT.ORDER.APPROVED", order.id)
  return { id: order.id, status: "APPROVED" }
}
