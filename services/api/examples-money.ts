/** What the document shows of statements, transfers, withdrawals and bulk; a test decodes each. */
import { EXAMPLE } from "../../shared/contract/catalogue.ts"
import { pay } from "./examples.ts"
import { FORMATS } from "./statement/formats.ts"

const frame = {
  wallet_id: EXAMPLE.wallet,
  currency: "USD",
  from: "2026-11-01T00:00:00.000Z",
  to: "2026-12-01T00:00:00.000Z"
}
const credit = {
  id: EXAMPLE.payment,
  version: 2,
  time: EXAMPLE.time,
  kind: "credit",
  amount: 100_000,
  balance: 100_000,
  reference: EXAMPLE.other,
  description: "bank transfer 4711"
}
const exact = { ...credit, amount: 100_000n, balance: 100_000n }
const whole = { ...frame, opening: 0n, closing: 100_000n }
const { csv } = FORMATS
export const statement = {
  json: { ...frame, opening: 0, entries: [credit], closing: 100_000 },
  csv: csv.head(whole) + csv.entries([exact], true, whole) + csv.end(whole)
}

const transferred = {
  source_wallet_id: EXAMPLE.wallet,
  destination_wallet_id: "01935d6e-0b2c-7d55-8f10-6a0c51f4be07",
  amount: 30_000,
  currency: "USD",
  reference: "rent"
}
export const transfer = {
  asks: transferred,
  answers: { id: EXAMPLE.other, ...transferred, status: "completed", created_at: EXAMPLE.time }
}

const asked = { amount: 30_000, currency: "USD", reference: "to my bank account" }
const pending = {
  id: EXAMPLE.other,
  wallet_id: EXAMPLE.wallet,
  user_id: "ana",
  ...asked,
  status: "pending",
  created_at: EXAMPLE.time,
  updated_at: EXAMPLE.time
}
const ended = (status: string, reason: string) => ({
  asks: { reason },
  answers: { ...pending, status, reason, action_id: EXAMPLE.payment }
})
export const withdrawal = {
  asks: asked,
  answers: pending,
  settle: ended("settled", "paid out, bank reference 4711"),
  fail: ended("failed", "the bank sent it back")
}

const lack = {
  type: "urn:problem:insufficient-funds",
  title: "The wallet lacks funds",
  status: 400,
  detail: "The wallet lacks funds",
  instance: "/api/v1/payments/bulk",
  trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
  retryable: false,
  error: {
    code: "INSUFFICIENT_FUNDS",
    message: "Your wallet balance is 0.00 USD and the payment needs 1000.00 USD.",
    details: { requested_amount: 100_000, available_balance: 0, deficit_amount: 100_000, currency: "USD" }
  }
}
export const bulk = {
  asks: {
    payments: [
      { ...pay.asks, idempotency_key: "order-4711" },
      { ...pay.asks, idempotency_key: "order-4712" }
    ]
  },
  answers: {
    completed: 1,
    pending: 0,
    failed: 1,
    results: [
      { index: 0, status: 201, payment: pay.answers },
      { index: 1, status: 400, problem: lack }
    ]
  }
}
