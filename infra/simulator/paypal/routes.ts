/** Which PayPal endpoint a path is. Names starting with `order.` have the short idempotency window. */
import type { Op } from "../faults.ts"

export type Route = {
  readonly name:
    | "oauth"
    | "order.create"
    | "order.authorize"
    | "order.capture"
    | "authorization.capture"
    | "authorization.void"
    | "capture.refund"
    | "read"
  readonly op: Op
  readonly id: string
}

const POSTS: { readonly [action: string]: readonly [Route["name"], Op] } = {
  "checkout/orders": ["order.create", "create"],
  "checkout/orders/authorize": ["order.authorize", "create"],
  "checkout/orders/capture": ["order.capture", "charge"],
  "payments/authorizations/capture": ["authorization.capture", "charge"],
  "payments/authorizations/void": ["authorization.void", "cancel"],
  "payments/captures/refund": ["capture.refund", "refund"]
}

const READS = new Set(["checkout/orders", "payments/authorizations", "payments/captures", "payments/refunds"])

export const findRoute = (method: string, path: string): Route | undefined => {
  if (path === "/v1/oauth2/token") return method === "POST" ? { name: "oauth", op: "oauth", id: "" } : undefined
  const [, version, area, resource, id, action, more] = path.split("/")
  if (version !== "v2" || more !== undefined) return undefined
  const what = `${area}/${resource}`
  if (method === "GET")
    return READS.has(what) && id && action === undefined ? { name: "read", op: "read", id } : undefined
  if (method !== "POST") return undefined
  const found = POSTS[action === undefined ? (id === undefined ? what : "") : `${what}/${action}`]
  return found === undefined ? undefined : { name: found[0], op: found[1], id: id ?? "" }
}
