/** The wire shapes of Stripe's objects. Fields nobody sets here are present with the value a plain account sees. */
import { codeOfDecline, declineBody, type Problem } from "./problem.ts"
import type { Charge, Intent, Refund } from "./records.ts"

const paymentMethod = (id: string | undefined) =>
  id === undefined
    ? undefined
    : {
        id,
        object: "payment_method",
        type: "card",
        card: { brand: "visa", country: "US", exp_month: 12, exp_year: 2034, funding: "credit", last4: "4242" },
        livemode: false
      }

export const renderIntent = (intent: Intent, expandedCharge?: Charge): object => ({
  id: intent.id,
  object: "payment_intent",
  amount: intent.amount,
  amount_capturable: intent.capturable,
  amount_details: { tip: {} },
  amount_received: intent.received,
  application: null,
  application_fee_amount: null,
  automatic_payment_methods: { allow_redirects: "never", enabled: true },
  canceled_at: intent.canceled_at ?? null,
  cancellation_reason: intent.cancellation_reason ?? null,
  capture_method: intent.capture_method,
  client_secret: `${intent.id}_secret_simulated`,
  confirmation_method: "automatic",
  created: intent.created,
  currency: intent.currency,
  customer: intent.customer ?? null,
  description: intent.description ?? null,
  last_payment_error:
    intent.decline === undefined
      ? null
      : {
          ...declineBody(intent.decline.decline_code, intent.decline.charge),
          payment_method: paymentMethod(intent.decline.payment_method ?? undefined)
        },
  latest_charge: expandedCharge === undefined ? (intent.charge ?? null) : renderCharge(expandedCharge, intent),
  livemode: false,
  metadata: intent.metadata,
  next_action: intent.status === "requires_action" ? { type: "use_stripe_sdk", use_stripe_sdk: {} } : null,
  on_behalf_of: null,
  payment_method: intent.payment_method ?? null,
  payment_method_options: {},
  payment_method_types: ["card"],
  processing: intent.status === "processing" ? { type: "card", card: {} } : null,
  receipt_email: intent.receipt_email ?? null,
  setup_future_usage: intent.setup_future_usage ?? null,
  shipping: null,
  source: null,
  statement_descriptor: intent.statement_descriptor ?? null,
  statement_descriptor_suffix: null,
  status: intent.status,
  transfer_data: null,
  transfer_group: null
})

const outcomeOf = (charge: Charge) => {
  if (charge.decline !== undefined) {
    return {
      network_status: "declined_by_network",
      reason: charge.decline.decline_code,
      risk_level: "normal",
      seller_message: "The bank declined the payment.",
      type: "issuer_declined"
    }
  }
  const network_status = charge.reversed === true ? "reversed_after_approval" : "approved_by_network"
  return { network_status, reason: null, risk_level: "normal", seller_message: "Payment complete.", type: "authorized" }
}

export const renderCharge = (charge: Charge, intent: Intent): object => ({
  id: charge.id,
  object: "charge",
  amount: charge.amount,
  amount_captured: charge.captured,
  amount_refunded: charge.refunded,
  balance_transaction: charge.captured > 0 ? charge.id.replace("ch_", "txn_") : null,
  captured: charge.captured > 0,
  created: charge.created,
  currency: intent.currency,
  customer: intent.customer ?? null,
  description: intent.description ?? null,
  disputed: false,
  failure_code: charge.decline === undefined ? null : codeOfDecline(charge.decline.decline_code),
  failure_message: charge.decline === undefined ? null : "Your card was declined.",
  livemode: false,
  metadata: intent.metadata,
  outcome: charge.status === "pending" ? null : outcomeOf(charge),
  paid: charge.status === "succeeded",
  payment_intent: intent.id,
  payment_method: charge.payment_method ?? null,
  refunded: charge.captured > 0 && charge.refunded >= charge.captured,
  status: charge.status
})

export const renderRefund = (refund: Refund): object => ({
  id: refund.id,
  object: "refund",
  amount: refund.amount,
  balance_transaction: refund.status === "succeeded" ? refund.id.replace("re_", "txn_") : null,
  charge: refund.charge,
  created: refund.created,
  currency: refund.currency,
  ...(refund.status === "failed" ? { failure_reason: "declined" } : {}),
  metadata: refund.metadata,
  payment_intent: refund.intent,
  reason: refund.reason ?? null,
  receipt_number: null,
  status: refund.status
})

export const renderProblem = (problem: Problem, request_id: string): string => {
  const { error, intent } = problem
  return JSON.stringify({
    error: {
      ...error,
      ...(error.code === undefined ? {} : { doc_url: `https://stripe.com/docs/error-codes/${error.code}` }),
      ...(intent === undefined ? {} : { payment_intent: renderIntent(intent) }),
      ...(error.type === "card_error" ? { payment_method: paymentMethod(intent?.payment_method) } : {}),
      request_log_url: `https://dashboard.stripe.com/test/logs/${request_id}`
    }
  })
}
