/** Payment events → read-model rows and ledger postings. Pure. */
import { Schema } from "effect"
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { Failure, type PaymentEvent } from "../../shared/contract/payment.ts"
import type { Posting, Projected } from "../../shared/runtime/decider.ts"
import type { State } from "./payment.ts"
import { paymentsTable } from "./store.ts"

export const CLEARING = "payments:clearing"

/** The merchant is paid when the charge is known and kept: clearing → merchant. */
export const postings = (event: Recorded<PaymentEvent>): ReadonlyArray<Posting> => {
  if (event.type !== "PaymentCompleted") return []
  const { payment_id, merchant_id, amount, currency } = event.data
  return [
    { source: CLEARING, destination: `merchant:${merchant_id}`, amount, currency, kind: "confirm", payment_id, ref: "" }
  ]
}

/** VALIDATED is left out: it lives for milliseconds, and `payment.progress` shows what came after. */
const SHOWN: ReadonlySet<PaymentEvent["type"]> = new Set([
  "PaymentInitiated",
  "PaymentCompleted",
  "PaymentFailed",
  "PaymentCancelled",
  "PaymentRefunded"
])

const encodeFailure = Schema.encodeSync(Failure)
const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value))

export const project = (state: State, event: Recorded<PaymentEvent>, cause: Message): ReadonlyArray<Projected> => {
  if (state === undefined || !SHOWN.has(event.type)) return []
  const row = {
    id: event.data && "payment_id" in event.data ? event.data.payment_id : "",
    tenant: cause.tenant,
    user_id: state.userId,
    wallet_id: state.walletId,
    merchant_id: state.merchantId,
    amount: state.amount,
    currency: state.currency,
    status: state.status,
    provider: state.provider ?? null,
    provider_reference: state.providerReference ?? null,
    failure: state.failure === undefined ? null : json(encodeFailure(state.failure)),
    description: state.description ?? null,
    metadata: json(state.metadata),
    version: event.version,
    created_at: state.initiatedAt,
    completed_at: state.endedAt ?? null,
    updated_at: event.time
  }
  return [{ table: paymentsTable, row }]
}
