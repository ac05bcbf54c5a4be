/** Payment events → read-model rows and ledger postings. Pure. */
import { Schema } from "effect"
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { Failure, type PaymentEvent } from "../../shared/contract/payment.ts"
import type { Posting, Projected } from "../../shared/runtime/decider.ts"
import type { Payment, State } from "./payment.ts"
import { refundsOf } from "./refunds.ts"
import { paymentsTable, refundsTable } from "./store.ts"

export const CLEARING = "payments:clearing"

/** Between a refund that was asked for and its end: no longer the merchant's, not yet the user's. */
export const REFUNDS_CLEARING = "refunds:clearing"

interface Ids {
  readonly payment_id: string
  readonly refund_id: string
}

/** The merchant is paid when the charge is known and kept; what he refunds is set aside before a provider is asked. */
export const postings = (event: Recorded<PaymentEvent>): ReadonlyArray<Posting> => {
  switch (event.type) {
    case "PaymentCompleted": {
      const { payment_id, merchant_id, amount, currency } = event.data
      const [source, destination] = [CLEARING, merchant(merchant_id)]
      return [{ source, destination, amount, currency, kind: "confirm", payment_id, ref: "" }]
    }
    case "RefundRequested": {
      const { payment_id, refund_id: ref, merchant_id, amount, currency } = event.data
      const [source, destination] = [merchant(merchant_id), REFUNDS_CLEARING]
      return [{ source, destination, amount, currency, kind: "refund_reserve", payment_id, ref }]
    }
    case "RefundFailed": {
      const { payment_id, refund_id: ref, merchant_id, amount, currency } = event.data
      const [source, destination] = [REFUNDS_CLEARING, merchant(merchant_id)]
      return [{ source, destination, amount, currency, kind: "refund_release", payment_id, ref }]
    }
    default:
      return []
  }
}

const merchant = (id: string): string => `merchant:${id}`

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
  if (state === undefined) return []
  const refund = "refund_id" in event.data ? refundRow(state, event.data, event.time, cause) : []
  return SHOWN.has(event.type) ? [paymentRow(state, event, cause), ...refund] : refund
}

const paymentRow = (state: Payment, event: Recorded<PaymentEvent>, cause: Message): Projected => {
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
  return { table: paymentsTable, row }
}

const refundRow = (
  state: Payment,
  { payment_id, refund_id: id }: Ids,
  updated_at: number,
  cause: Message
): ReadonlyArray<Projected> => {
  const refund = refundsOf(state).find((each) => each.id === id)
  if (refund === undefined) return []
  const row = {
    id,
    payment_id,
    tenant: cause.tenant,
    user_id: state.userId,
    amount: refund.amount,
    currency: state.currency,
    status: refund.status,
    reason: refund.reason ?? null,
    provider: state.provider ?? null,
    provider_reference: refund.providerReference ?? null,
    failure: json(refund.failure),
    created_at: refund.requestedAt,
    completed_at: refund.endedAt ?? null,
    updated_at
  }
  return [{ table: refundsTable, row }]
}
