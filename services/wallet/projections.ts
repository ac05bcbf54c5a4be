/** Wallet events → read-model rows and ledger postings. Pure. */
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import type { Posting, Projected } from "../../shared/runtime/decider.ts"
import { ownersTable, walletsTable } from "./store.ts"
import { available, type State } from "./wallet.ts"

export const CLEARING = "payments:clearing"
export const FUNDING = "funding"
export const account = (walletId: string): string => `wallet:${walletId}`

/** The table of accounts and postings is docs/ledger.md. */
export const postings = (event: Recorded<WalletEvent>): ReadonlyArray<Posting> => {
  switch (event.type) {
    case "WalletCredited": {
      const { wallet_id, credit_id, amount, currency } = event.data
      return [
        {
          source: FUNDING,
          destination: account(wallet_id),
          amount,
          currency,
          kind: "credit",
          payment_id: credit_id,
          ref: ""
        }
      ]
    }
    case "WalletDeducted":
    case "WalletRefunded": {
      const { wallet_id, payment_id, amount, currency } = event.data
      const wallet = account(wallet_id)
      return event.type === "WalletDeducted"
        ? [{ source: wallet, destination: CLEARING, amount, currency, kind: "deduct", payment_id, ref: "" }]
        : [{ source: CLEARING, destination: wallet, amount, currency, kind: "compensation", payment_id, ref: "" }]
    }
    default:
      return []
  }
}

/** A check moves nothing and a refusal neither: no row is written for them, so the row's version is its last change. */
const UNSEEN: ReadonlySet<WalletEvent["type"]> = new Set([
  "WalletBalanceChecked",
  "WalletDeductionFailed",
  "WalletDeductionVoided"
])

export const project = (state: State, event: Recorded<WalletEvent>, cause: Message): ReadonlyArray<Projected> => {
  if (state === undefined || UNSEEN.has(event.type)) return []
  const { wallet_id } = event.data
  const row = {
    id: wallet_id,
    tenant: cause.tenant,
    user_id: state.userId,
    currency: state.currency,
    balance: state.balance,
    available: available(state),
    held: state.held,
    status: state.locked ? "locked" : "active",
    metadata: state.metadata === undefined ? null : JSON.stringify(state.metadata),
    version: event.version,
    created_at: state.createdAt,
    updated_at: event.time
  }
  if (event.type !== "WalletCreated") return [{ table: walletsTable, row }]
  const { currency, user_id } = event.data
  return [
    { table: walletsTable, row },
    { table: ownersTable, row: { tenant: cause.tenant, user_id, currency, wallet_id } }
  ]
}
