/** The payment service as the journal runs it. */
import { Schema } from "effect"
import { Metadata } from "../../shared/contract/catalogue.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import { Currency, Minor } from "../../shared/contract/money.ts"
import { Failure, PaymentCommands, type PaymentEvent } from "../../shared/contract/payment.ts"
import { RefundFailure } from "../../shared/contract/refund.ts"
import { type Decider, NOTHING } from "../../shared/runtime/decider.ts"
import { decide, evolve, type Settings, type State } from "./payment.ts"
import { postings, project } from "./projections.ts"

const commands: ReadonlySet<string> = new Set([...Object.keys(PaymentCommands), "TimerFired"])

const route = (message: Message): string | undefined =>
  commands.has(message.type) && message.subject.startsWith("payment-") ? message.subject : undefined

const StoredRefund = Schema.Struct({
  id: Schema.String,
  amount: Minor,
  status: Schema.Literals(["pending", "succeeded", "failed"]),
  reason: Schema.optional(Schema.String),
  providerReference: Schema.optional(Schema.String),
  failure: Schema.optional(RefundFailure),
  requestedAt: Schema.Finite,
  endedAt: Schema.optional(Schema.Finite)
})

const Stored = Schema.UndefinedOr(
  Schema.Struct({
    status: Schema.Literals([
      "INITIATED",
      "VALIDATED",
      "COMPLETED",
      "FAILED",
      "CANCELLED",
      "PARTIALLY_REFUNDED",
      "REFUNDED"
    ]),
    walletId: Schema.String,
    userId: Schema.String,
    merchantId: Schema.String,
    amount: Minor,
    currency: Currency,
    initiatedAt: Schema.Finite,
    description: Schema.optional(Schema.String),
    metadata: Schema.optional(Metadata),
    rejected: Schema.Boolean,
    cancelRequested: Schema.Boolean,
    provider: Schema.optional(Schema.String),
    providerReference: Schema.optional(Schema.String),
    failure: Schema.optional(Failure),
    endedAt: Schema.optional(Schema.Finite),
    refunds: Schema.optional(Schema.Array(StoredRefund))
  })
)

export const paymentDecider = (settings: Settings): Decider<State, PaymentEvent> => ({
  service: "payment",
  topic: "payment-events",
  initial: undefined,
  route,
  begins: (message) => message.type === "InitiatePayment",
  decide: decide(settings),
  evolve,
  react: () => NOTHING,
  wakeAt: () => undefined,
  postings,
  project,
  snapshot: { schema: 1, codec: Stored },
  size: (state) => state?.refunds?.length ?? 0
})
