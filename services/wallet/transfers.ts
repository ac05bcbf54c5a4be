/**
 * Both halves of a transfer. They are decided side by side and written together or not at all, so neither knows of the
 * other: each says whether its own wallet agrees.
 */
import { add, format, MAX_MINOR, subtract } from "../../shared/contract/money.ts"
import type { WalletCommand } from "../../shared/contract/wallet.ts"
import { append, type Decided, refuse } from "./decided.ts"
import { otherCurrency, refusedOut } from "./funds.ts"
import type { Wallet } from "./wallet.ts"

type Of<Type extends WalletCommand["type"]> = Extract<WalletCommand, { readonly type: Type }>["data"]

export const sendTransfer = (wallet: Wallet, data: Of<"SendTransfer">): Decided => {
  if (data.destination_wallet_id === data.wallet_id) {
    return refuse("INVALID_REQUEST", "must be another wallet than the source", { field: "destination_wallet_id" })
  }
  const refusal = refusedOut(wallet, data, "a locked wallet sends nothing")
  if (refusal !== undefined) return refusal
  const balance = subtract(wallet.balance, data.amount)
  return append({ type: "TransferSent", data: { ...data, balance, available: subtract(balance, wallet.held) } })
}

/** A locked wallet still takes money in (DECISIONS D1.5); no balance grows beyond what JSON carries (D1.8). */
export const receiveTransfer = (wallet: Wallet, data: Of<"ReceiveTransfer">): Decided => {
  const refusal = otherCurrency(wallet, data.currency)
  if (refusal !== undefined) return refusal
  if (wallet.balance + data.amount > MAX_MINOR) {
    const most = format(MAX_MINOR, wallet.currency)
    return refuse("BALANCE_LIMIT_EXCEEDED", `the balance may not exceed ${most}`, { wallet_id: data.wallet_id })
  }
  const balance = add(wallet.balance, data.amount)
  return append({ type: "TransferReceived", data: { ...data, balance, available: subtract(balance, wallet.held) } })
}
