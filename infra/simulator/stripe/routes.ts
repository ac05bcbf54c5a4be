/** Which Stripe endpoint a path is, and which parameters it knows: an unknown one is a mistake worth an error. */
import type { Op } from "../faults.ts"
import type { Form } from "../form.ts"
import { invalid } from "./problem.ts"

export type Route = {
  readonly name:
    | "create"
    | "confirm"
    | "capture"
    | "cancel"
    | "get"
    | "list"
    | "search"
    | "refund"
    | "get_refund"
    | "list_refunds"
    | "get_charge"
  readonly op: Op
  readonly id: string
}

const words = (text: string): Set<string> => new Set(text.split(" "))

const KNOWN: { readonly [name in Route["name"]]: Set<string> } = {
  create: words(
    "amount currency confirm payment_method off_session capture_method confirmation_method metadata description " +
      "customer automatic_payment_methods payment_method_types error_on_requires_action receipt_email " +
      "statement_descriptor statement_descriptor_suffix setup_future_usage return_url expand shipping " +
      "payment_method_options transfer_group payment_method_data payment_method_configuration on_behalf_of mandate " +
      "mandate_data radar_options use_stripe_sdk amount_details payment_details application_fee_amount " +
      "transfer_data confirmation_token"
  ),
  confirm: words(
    "payment_method off_session capture_method error_on_requires_action return_url receipt_email setup_future_usage " +
      "expand mandate mandate_data payment_method_options payment_method_data payment_method_types radar_options " +
      "shipping use_stripe_sdk amount_details payment_details confirmation_token"
  ),
  capture: words(
    "amount_to_capture final_capture metadata statement_descriptor statement_descriptor_suffix expand amount_details " +
      "payment_details application_fee_amount transfer_data"
  ),
  cancel: words("cancellation_reason expand"),
  get: words("expand client_secret"),
  list: words("created customer limit starting_after ending_before expand"),
  search: words("query limit page expand"),
  refund: words(
    "payment_intent charge amount reason metadata expand currency customer origin instructions_email " +
      "refund_application_fee reverse_transfer"
  ),
  get_refund: words("expand"),
  list_refunds: words("payment_intent charge created limit starting_after ending_before expand"),
  get_charge: words("expand")
}

const ACTIONS: { readonly [action: string]: readonly [Route["name"], Op] } = {
  confirm: ["confirm", "charge"],
  capture: ["capture", "charge"],
  cancel: ["cancel", "cancel"]
}

export const findRoute = (method: string, path: string): Route | undefined => {
  const [, , resource, id, action, more] = path.split("/")
  if (more !== undefined) return undefined
  const post = method === "POST"
  if (!post && method !== "GET") return undefined
  if (resource === "payment_intents") {
    if (id === undefined) return post ? { name: "create", op: "create", id: "" } : { name: "list", op: "read", id: "" }
    if (action !== undefined) {
      const found = post ? ACTIONS[action] : undefined
      return found === undefined ? undefined : { name: found[0], op: found[1], id }
    }
    if (post) return undefined
    return id === "search" ? { name: "search", op: "read", id: "" } : { name: "get", op: "read", id }
  }
  if (action !== undefined) return undefined
  if (resource === "refunds") {
    if (id === undefined)
      return post ? { name: "refund", op: "refund", id: "" } : { name: "list_refunds", op: "read", id: "" }
    return post ? undefined : { name: "get_refund", op: "read", id }
  }
  if (resource === "charges" && id !== undefined && !post) return { name: "get_charge", op: "read", id }
  return undefined
}

export const refuseUnknown = (route: Route, form: Form): void => {
  const known = KNOWN[route.name]
  for (const name in form) {
    if (!known.has(name)) throw invalid(`Received unknown parameter: ${name}`, "parameter_unknown", name)
  }
}
