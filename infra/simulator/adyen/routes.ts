/** Which Checkout endpoint a path is: `/v72/…` on the test host, `/checkout/v72/…` behind a live prefix. */
import type { Op } from "../faults.ts"

export type Route = {
  readonly name: "payments" | "captures" | "cancels" | "technicalCancel" | "refunds" | "reversals"
  readonly ops: ReadonlyArray<Op>
  /** The pspReference of the payment that is modified. */
  readonly id: string
}

const ROOT = /^\/(?:checkout\/)?v\d\d\//

export const owns = (path: string): boolean => ROOT.test(path)

const MODIFICATIONS: { readonly [name: string]: readonly [Route["name"], ReadonlyArray<Op>] } = {
  captures: ["captures", ["charge"]],
  cancels: ["cancels", ["cancel"]],
  refunds: ["refunds", ["refund"]],
  reversals: ["reversals", ["refund", "cancel"]]
}

export const findRoute = (method: string, path: string): Route | undefined => {
  if (method !== "POST" || !owns(path)) return undefined
  const [resource, id, action, more] = path.replace(ROOT, "").split("/")
  if (more !== undefined) return undefined
  // A payment that is captured by hand only authorises; planOf adds the charge to one that captures itself.
  if (resource === "payments" && id === undefined) return { name: "payments", ops: ["create"], id: "" }
  if (resource === "cancels" && id === undefined) return { name: "technicalCancel", ops: ["cancel"], id: "" }
  const found = resource === "payments" && id !== undefined ? MODIFICATIONS[action ?? ""] : undefined
  return found === undefined ? undefined : { name: found[0], ops: found[1], id: id ?? "" }
}
