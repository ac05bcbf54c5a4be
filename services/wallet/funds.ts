/** What whoever takes money out of a wallet must respect: its currency, its lock, what is available. */
import { type Currency, deficit, type Minor, subtract } from "../../shared/contract/money.ts"
import { type Decided, refuse } from "./decided.ts"
import type { Wallet } from "./wallet.ts"

interface Taken {
  readonly wallet_id: string
  readonly amount: Minor
  readonly currency: Currency
}

export const otherCurrency = ({ currency }: Wallet, asked: Currency): Decided | undefined =>
  currency === asked ? undefined : refuse("CURRENCY_MISMATCH", `the wallet keeps ${currency}`)

export const lackOf = ({ balance, held }: Wallet, { wallet_id, amount, currency }: Taken): Decided | undefined => {
  const available = subtract(balance, held)
  if (available >= amount) return undefined
  const deficit_amount = deficit(amount, available)
  const funds = { requested_amount: amount, available_balance: available, deficit_amount, currency }
  return refuse("INSUFFICIENT_FUNDS", "the wallet lacks funds", { ...funds, wallet_id })
}

/** A locked wallet lets nothing out (DECISIONS D1.5). `why`: in words, where it is locked. */
export const refusedOut = (wallet: Wallet, taken: Taken, why: string): Decided | undefined =>
  otherCurrency(wallet, taken.currency) ??
  (wallet.locked ? refuse("WALLET_LOCKED", why, { wallet_id: taken.wallet_id }) : lackOf(wallet, taken))
