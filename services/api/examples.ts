/** What the document shows of the routes that move money, and of those that tell of it; a test decodes each. */
import { EXAMPLE } from "../../shared/contract/catalogue.ts"
import { after, positionText, START } from "./telling.ts"

const wallet = {
  id: EXAMPLE.wallet,
  user_id: "ana",
  currency: "USD",
  balance: 0,
  available: 0,
  held: 0,
  status: "active",
  version: 1,
  created_at: EXAMPLE.time,
  updated_at: EXAMPLE.time
}
const order = { wallet_id: EXAMPLE.wallet, amount: 100_000, currency: "USD", merchant_id: "book-shop" }
const open = {
  id: EXAMPLE.payment,
  status: "GATEWAY_PROCESSING",
  user_id: "ana",
  ...order,
  provider: null,
  provider_reference: null,
  failure: null,
  refunded_amount: 0,
  version: 1,
  created_at: EXAMPLE.time,
  updated_at: EXAMPLE.time,
  completed_at: null
}
const completed = {
  ...open,
  status: "COMPLETED",
  provider: "stripe",
  provider_reference: "pi_3QK",
  version: 3,
  completed_at: EXAMPLE.time
}

export const openWallet = { asks: { user_id: "ana", currency: "USD" }, answers: wallet }

const credited = { amount: 100_000, currency: "USD", reference: "bank transfer 4711" }
export const creditWallet = {
  asks: credited,
  answers: {
    id: EXAMPLE.other,
    wallet_id: EXAMPLE.wallet,
    ...credited,
    balance: 100_000,
    available: 100_000,
    held: 0,
    created_at: EXAMPLE.time
  }
}

const aside = { amount: 80_000, currency: "USD", merchant_id: "grand-hotel" }
const held = {
  id: EXAMPLE.other,
  wallet_id: EXAMPLE.wallet,
  user_id: "ana",
  ...aside,
  status: "held",
  captured_amount: 0,
  remaining_amount: 80_000,
  released_amount: 0,
  expires_at: "2026-12-02T09:30:00.000Z",
  version: 3,
  created_at: EXAMPLE.time,
  updated_at: EXAMPLE.time
}
export const placeHold = { asks: { ...aside, expires_at: held.expires_at }, answers: held }

export const captureHold = {
  asks: { amount: 60_000, final: true },
  answers: {
    ...held,
    status: "captured",
    captured_amount: 60_000,
    remaining_amount: 0,
    released_amount: 20_000,
    version: 5,
    capture: { id: EXAMPLE.payment, amount: 60_000, final: true }
  }
}

export const voidHold = {
  asks: { reason: "the guest did not come" },
  answers: { ...held, status: "voided", remaining_amount: 0, released_amount: 80_000, version: 4 }
}

export const pay = { asks: { ...order, description: "two books" }, answers: completed, waits: open }

export const cancelPayment = {
  asks: { reason: "ordered twice" },
  answers: { ...open, status: "CANCELLED", version: 3, completed_at: EXAMPLE.time },
  waits: open
}

const refundAsked = { amount: 40_000, reason: "one book came torn" }
export const refundPayment = {
  asks: refundAsked,
  answers: {
    id: EXAMPLE.other,
    payment_id: EXAMPLE.payment,
    currency: "USD",
    ...refundAsked,
    status: "succeeded",
    provider: "stripe",
    provider_reference: "re_3QK",
    failure: null,
    created_at: EXAMPLE.time,
    updated_at: EXAMPLE.time,
    completed_at: EXAMPLE.time
  }
}

const entry = {
  id: EXAMPLE.other,
  type: "PaymentCompleted",
  stream: `payment-${EXAMPLE.payment}`,
  version: 3,
  time: EXAMPLE.time,
  caused_by: EXAMPLE.payment,
  correlation_id: EXAMPLE.payment,
  actor: "key:development",
  data: { payment_id: EXAMPLE.payment, amount: 100_000, currency: "USD", provider: "stripe" },
  why: "the provider's charge is known and kept"
}
export const timeline = { answers: { data: [entry] } }

const position = positionText(after(START, entry))
/** As it comes over the wire. */
export const streamPayment = {
  answers:
    `retry: 1000\n\nid: ${position}\nevent: ${entry.type}\ndata: ${JSON.stringify(entry)}\n\n` +
    `id: ${position}.end\nevent: end\ndata: ${JSON.stringify(completed)}\n\n`
}
