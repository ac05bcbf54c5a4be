/** The wire shapes of PayPal's objects: whole, or `{id, status, links}` when the caller did not ask for more. */
import { iso } from "../clock.ts"
import { isoToPaypal } from "../currency.ts"
import type { Authorization, Capture, Order, Refund, Store } from "./records.ts"

const API = "https://api-m.sandbox.paypal.com"
const AUTHORIZATION_LIFE_MS = 29 * 24 * 3600 * 1000

export const expiresAt = (authorization: Authorization): number => authorization.created + AUTHORIZATION_LIFE_MS

const time = (at: number): string => `${iso(at).slice(0, 19)}Z`

const money = (currency: string, amount: number) => ({ currency_code: currency, value: isoToPaypal(currency, amount) })

const link = (rel: string, path: string, method = "GET") => ({ href: `${API}${path}`, rel, method })

export const linksOf = (store: Store, id: string): ReadonlyArray<object> => {
  if (store.captures.get(id) !== undefined) {
    const self = `/v2/payments/captures/${id}`
    return [link("self", self), link("refund", `${self}/refund`, "POST")]
  }
  if (store.authorizations.get(id) !== undefined) {
    const self = `/v2/payments/authorizations/${id}`
    return [link("self", self), link("capture", `${self}/capture`, "POST"), link("void", `${self}/void`, "POST")]
  }
  if (store.refunds.get(id) !== undefined) return [link("self", `/v2/payments/refunds/${id}`)]
  const order = store.orders.get(id)
  const self = `/v2/checkout/orders/${id}`
  if (order === undefined || order.status === "COMPLETED") return [link("self", self)]
  const approve = { href: `https://www.sandbox.paypal.com/checkoutnow?token=${id}`, method: "GET" }
  const rel = order.status === "PAYER_ACTION_REQUIRED" ? "payer-action" : "approve"
  const next = order.intent === "CAPTURE" ? "capture" : "authorize"
  return [link("self", self), { ...approve, rel }, link(next, `${self}/${next}`, "POST")]
}

export const renderAuthorization = (store: Store, authorization: Authorization): object => ({
  id: authorization.id,
  status: authorization.status,
  amount: money(authorization.currency, authorization.amount),
  ...(authorization.invoice_id === undefined ? {} : { invoice_id: authorization.invoice_id }),
  ...(authorization.custom_id === undefined ? {} : { custom_id: authorization.custom_id }),
  seller_protection: { status: "ELIGIBLE", dispute_categories: ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"] },
  supplementary_data: { related_ids: { order_id: authorization.order } },
  expiration_time: time(expiresAt(authorization)),
  create_time: time(authorization.created),
  update_time: time(authorization.created),
  links: linksOf(store, authorization.id)
})

export const renderCapture = (store: Store, capture: Capture): object => ({
  id: capture.id,
  status: capture.status,
  ...(capture.status === "PENDING" ? { status_details: { reason: "PENDING_REVIEW" } } : {}),
  amount: money(capture.currency, capture.amount),
  final_capture: capture.final,
  ...(capture.invoice_id === undefined ? {} : { invoice_id: capture.invoice_id }),
  ...(capture.custom_id === undefined ? {} : { custom_id: capture.custom_id }),
  seller_protection: { status: "ELIGIBLE", dispute_categories: ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"] },
  seller_receivable_breakdown: { gross_amount: money(capture.currency, capture.amount) },
  ...(capture.response_code === undefined ? {} : { processor_response: { response_code: capture.response_code } }),
  supplementary_data: {
    related_ids: {
      order_id: capture.order,
      ...(capture.authorization === undefined ? {} : { authorization_id: capture.authorization })
    }
  },
  create_time: time(capture.created),
  update_time: time(capture.created),
  links: linksOf(store, capture.id)
})

export const renderRefund = (store: Store, refund: Refund): object => ({
  id: refund.id,
  status: refund.status,
  amount: money(refund.currency, refund.amount),
  ...(refund.invoice_id === undefined ? {} : { invoice_id: refund.invoice_id }),
  ...(refund.custom_id === undefined ? {} : { custom_id: refund.custom_id }),
  ...(refund.note === undefined ? {} : { note_to_payer: refund.note }),
  seller_payable_breakdown: { gross_amount: money(refund.currency, refund.amount) },
  create_time: time(refund.created),
  update_time: time(refund.created),
  links: linksOf(store, refund.id)
})

const paymentsOf = (store: Store, order: Order): object | undefined => {
  const authorization = order.authorization === undefined ? undefined : store.authorizations.get(order.authorization)
  const ids = order.capture === undefined ? (authorization?.captures ?? []) : [order.capture]
  const captures = ids.flatMap((id) => store.captures.get(id) ?? [])
  if (authorization === undefined && captures.length === 0) return undefined
  return {
    ...(authorization === undefined ? {} : { authorizations: [renderAuthorization(store, authorization)] }),
    ...(captures.length === 0 ? {} : { captures: captures.map((capture) => renderCapture(store, capture)) })
  }
}

const sourceOf = (source: string): object =>
  source === "card"
    ? { card: { last_digits: "4242", brand: "VISA", type: "CREDIT" } }
    : { [source]: { email_address: "payer@example.com", account_id: "QYR5Z8XDVJNXQ" } }

export const renderOrder = (store: Store, order: Order): object => {
  const payments = paymentsOf(store, order)
  return {
    id: order.id,
    intent: order.intent,
    status: order.status,
    ...(order.source === undefined ? {} : { payment_source: sourceOf(order.source) }),
    purchase_units: [
      {
        reference_id: order.reference_id,
        amount: money(order.currency, order.amount),
        payee: { email_address: "merchant@example.com", merchant_id: "SIMULATEDMERCHANT" },
        ...(order.description === undefined ? {} : { description: order.description }),
        ...(order.custom_id === undefined ? {} : { custom_id: order.custom_id }),
        ...(order.invoice_id === undefined ? {} : { invoice_id: order.invoice_id }),
        ...(payments === undefined ? {} : { payments })
      }
    ],
    create_time: time(order.created),
    ...(order.status === "COMPLETED" ? { update_time: time(order.created) } : {}),
    links: linksOf(store, order.id)
  }
}

/** Whatever an id names, in its latest state; `whole` is the caller's `Prefer: return=representation`. */
export const renderAny = (store: Store, id: string, whole: boolean): object | undefined => {
  const [order, authorization] = [store.orders.get(id), store.authorizations.get(id)]
  const [capture, refund] = [store.captures.get(id), store.refunds.get(id)]
  const found = order ?? authorization ?? capture ?? refund
  if (found === undefined) return undefined
  if (!whole) return { id, status: found.status, links: linksOf(store, id) }
  if (order !== undefined) return renderOrder(store, order)
  if (authorization !== undefined) return renderAuthorization(store, authorization)
  return capture === undefined ? renderRefund(store, refund!) : renderCapture(store, capture)
}
