/**
 * Withdrawals of a wallet: asked for, then settled or failed, once. Only the open ones are remembered; how a closed one
 * ended is in its row, and a repeated command is stopped by the store's unique cause.
 */
import type { Recorded } from "../../shared/contract/envelope.ts"
import { add, type Minor, subtract } from "../../shared/contract/money.ts"
import type { WalletCommand, WalletEvent } from "../../shared/contract/wallet.ts"
import { append, type Decided, refuse } from "./decided.ts"
import { refusedOut } from "./funds.ts"
import type { Wallet } from "./wallet.ts"

export interface OpenWithdrawal {
  readonly id: string
  readonly amount: Minor
  readonly reference: string
  readonly requestedAt: number
}
export type Withdrawals = ReadonlyArray<OpenWithdrawal>

/** Withdrawals a wallet has under way at most: its state stays bounded. */
export const OPEN_WITHDRAWALS_MAX = 1_000

type Of<Type extends WalletCommand["type"]> = Extract<WalletCommand, { readonly type: Type }>["data"]
export type WithdrawalEvent = Extract<WalletEvent, { readonly data: { readonly withdrawal_id: string } }>

/** The money leaves the wallet at once, so that two of them never take the same. */
export const requestWithdrawal = (wallet: Wallet, data: Of<"RequestWithdrawal">, now: number): Decided => {
  const refusal = refusedOut(wallet, data, "nothing is withdrawn from a locked wallet")
  if (refusal !== undefined) return refusal
  if (wallet.withdrawals.length >= OPEN_WITHDRAWALS_MAX) {
    const details = { open_withdrawals_max: OPEN_WITHDRAWALS_MAX }
    return refuse("WITHDRAWAL_LIMIT_EXCEEDED", "too many withdrawals are under way", details)
  }
  const after = left(wallet, subtract(wallet.balance, data.amount))
  return append({ type: "WithdrawalRequested", data: { ...data, requested_at: now, ...after } })
}

export const settleWithdrawal = (
  wallet: Wallet,
  { wallet_id, withdrawal_id, reason }: Of<"SettleWithdrawal">
): Decided => {
  const open = find(wallet, withdrawal_id)
  if (open === undefined) return closed(withdrawal_id)
  const after = left(wallet, wallet.balance)
  return append({ type: "WithdrawalSettled", data: { ...told(wallet, open, reason), wallet_id, ...after } })
}

/** Never refused for a lock or a limit: it is the wallet's own money that comes back (DECISIONS D1.5). */
export const failWithdrawal = (wallet: Wallet, { wallet_id, withdrawal_id, reason }: Of<"FailWithdrawal">): Decided => {
  const open = find(wallet, withdrawal_id)
  if (open === undefined) return closed(withdrawal_id)
  const after = left(wallet, add(wallet.balance, open.amount))
  return append({ type: "WithdrawalFailed", data: { ...told(wallet, open, reason), wallet_id, ...after } })
}

export const evolveWithdrawals = (wallet: Wallet, event: Recorded<WithdrawalEvent>): Wallet => {
  const { withdrawal_id: id, amount, reference, requested_at, balance } = event.data
  const others = wallet.withdrawals.filter((one) => one.id !== id)
  if (event.type !== "WithdrawalRequested") return { ...wallet, balance, withdrawals: others }
  return { ...wallet, balance, withdrawals: [...others, { id, amount, reference, requestedAt: requested_at }] }
}

const find = ({ withdrawals }: Wallet, id: string): OpenWithdrawal | undefined =>
  withdrawals.find((one) => one.id === id)

/** Which of both it was, its row says: a list of closed ones would grow for ever. */
const closed = (withdrawal_id: string): Decided =>
  refuse("WITHDRAWAL_CLOSED", "it has ended already", { withdrawal_id })

const left = ({ held }: Wallet, balance: Minor) => ({ balance, available: subtract(balance, held) })

const told = ({ currency }: Wallet, { id, amount, reference, requestedAt }: OpenWithdrawal, reason: string) => ({
  withdrawal_id: id,
  amount,
  currency,
  reference,
  requested_at: requestedAt,
  reason
})
