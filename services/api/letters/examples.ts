/** What the document shows of dead letters; a test decodes each. */
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import { ANALYSIS } from "../../../shared/runtime/deadletter-classes.ts"

const error = "decider defect: Cannot read properties of undefined (reading 'amount')"
export const letter = {
  id: EXAMPLE.other,
  service: "wallet",
  unit: `wallet-${EXAMPLE.wallet}`,
  topic: "wallet-commands",
  message_id: EXAMPLE.payment,
  type: "DeductWalletBalance",
  status: "dead",
  error_class: "defect",
  error,
  redrives: 0,
  next_redrive_at: null,
  waiting: 3,
  created_at: EXAMPLE.time,
  updated_at: EXAMPLE.time
}

export const detail = {
  ...letter,
  message: {
    id: EXAMPLE.payment,
    type: "DeductWalletBalance",
    subject: letter.unit,
    time: EXAMPLE.time,
    correlation_id: EXAMPLE.payment,
    caused_by: EXAMPLE.other,
    actor: "key:development",
    data: { wallet_id: EXAMPLE.wallet, payment_id: EXAMPLE.payment, amount: 80_000, currency: "USD" }
  },
  raw: null,
  analysis: { ...ANALYSIS.defect, by_itself: "at_every_start" },
  history: [{ at: EXAMPLE.time, outcome: "failed", redrive: 0, error_class: "defect", error }],
  last_events: []
}

export const asked = { id: EXAMPLE.other, status: "redriving", waiting: 3, action_id: EXAMPLE.payment }
export const redriveAll = {
  asks: { service: "wallet", error_class: "defect", limit: 50, reason: "fixed by today's release" },
  answers: { asked: [EXAMPLE.other], skipped: [], more: false, action_id: EXAMPLE.payment }
}
export const reason = { reason: "fixed by today's release" }
