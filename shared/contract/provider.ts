/** The payment providers, what they can be asked, and what their answers say. */
import { Schema } from "effect"

export const Provider = Schema.Literals(["stripe", "paypal", "adyen"])
export type Provider = typeof Provider.Type

/** What one wire request is for. Only `charge` can take money. */
export const Operation = Schema.Literals(["charge", "read", "fence", "reverse"])
export type Operation = typeof Operation.Type

/**
 * What an answer tells about the attempt (PROVIDERS section 0 and 5, DECISIONS D3):
 * `succeeded` the charge exists and is kept · `late_success` it exists but nobody wants it any more: it is reversed ·
 * `declined` by issuer or risk · `rejected` by the provider's own validation, our fault · `not_sent` no byte
 * left us ·
 * `not_executed` throttled before execution · `pending` the provider will tell later · `unknown` anything else ·
 * `not_charged` nothing was taken yet (it still could be): a read shows it, or a charge of two calls has made the
 * first · `fenced` it can never succeed · `reversed` the unwanted charge went back.
 */
export const Outcome = Schema.Literals([
  "succeeded",
  "late_success",
  "declined",
  "rejected",
  "not_sent",
  "not_executed",
  "pending",
  "unknown",
  "not_charged",
  "fenced",
  "reversed"
])
export type Outcome = typeof Outcome.Type

/** `hard`: never again, nowhere · `soft`: another provider may help · `funds`: the customer lacks money: stop. */
export const DeclineClass = Schema.Literals(["hard", "soft", "funds"])
export type DeclineClass = typeof DeclineClass.Type
