/**
 * Adyen inside the simulated world: two calls to charge, nothing that can be asked, captures and cancels that are only
 * received, and notifications that come late, often, or not this time.
 */
import { type Answer, type ProviderCall, RECEIVED } from "../../services/gateway/calls.ts"
import type { Operation } from "../../shared/contract/gateway.ts"
import type { Charge } from "./provider.ts"

export interface Notice {
  readonly payment_id: string
  readonly attempt: number
  readonly operation: Operation
  readonly answer: Answer
}

const refusal: Answer = { outcome: "declined", decline_class: "soft", code: "2" }

const charged = ({ payment_id, attempt, amount, currency }: ProviderCall): Answer => {
  const reference = `psp-${payment_id}-${attempt}`
  return { outcome: "succeeded", handle: reference, provider_reference: reference, amount, currency }
}

/** `declines` is drawn only where the issuer is asked. */
export const executeAtAdyen = (charge: Charge, call: ProviderCall, declines: () => boolean): Answer => {
  switch (call.operation) {
    case "charge": {
      if (call.handle !== undefined) {
        if (charge.status === "authorised") charge.status = "charged"
        return { ...charged(call), code: RECEIVED }
      }
      if (charge.status === "none") charge.status = declines() ? "declined" : "authorised"
      const { handle = "" } = charged(call)
      return charge.status === "declined" ? refusal : { outcome: "not_charged", handle }
    }
    case "read":
      return { outcome: "unknown", reason: "cannot_be_asked" }
    case "fence":
      if (charge.status === "authorised") charge.status = "cancelled"
      return call.handle === undefined || call.untaken === true
        ? { outcome: "fenced", code: "cancel_received" }
        : { outcome: "unknown", reason: "cancel_received" }
    case "reverse":
      if (charge.status === "charged") charge.status = "refunded"
      return { outcome: "pending" }
  }
}

/** What Adyen tells of an attempt by itself, as its state is now. */
export const noticesOf = ({ status }: Charge, call: ProviderCall): ReadonlyArray<Notice> => {
  const { payment_id, attempt } = call
  const of = (operation: Operation, answer: Answer) => [{ payment_id, attempt, operation, answer }]
  switch (status) {
    case "charged":
      return of("read", charged(call))
    case "cancelled":
      return of("read", { outcome: "fenced", code: "TECHNICAL_CANCEL" })
    case "refunded":
      return of("reverse", { outcome: "reversed", provider_reference: `back-${payment_id}-${attempt}` })
    default:
      return []
  }
}
