/**
 * The wallet's rules. It owns the balance and nothing else: it knows neither providers nor the order of a payment's
 * steps. Refusals that the saga must hear are events (WalletDeductionFailed); refusals to a client are values.
 */
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import {
  add,
  type Currency,
  deficit,
  format,
  MAX_MINOR,
  type Minor,
  subtract,
  ZERO
} from "../../shared/contract/money.ts"
import type { TimerFired } from "../../shared/contract/timer.ts"
import type { FundsRefusal, WalletCommand, WalletEvent } from "../../shared/contract/wallet.ts"
import { absent, append, type Decided, nothing, refuse } from "./decided.ts"
import { type Deductions, find, none, remember, takenSince } from "./deductions.ts"
import {
  captureHold,
  evolveHolds,
  expired,
  type HoldSettings,
  type Holds,
  holdFunds,
  lapse,
  voidHold
} from "./holds.ts"
import { receiveTransfer, sendTransfer } from "./transfers.ts"
import {
  evolveWithdrawals,
  failWithdrawal,
  requestWithdrawal,
  settleWithdrawal,
  type Withdrawals
} from "./withdrawals.ts"

export interface Settings {
  /** Payments this close together are called concurrent (ms). */
  readonly concurrentPaymentWindowMs: number
  /** How long a deduction is remembered at least (ms): the window and a saga's whole time. */
  readonly rememberMs: number
  readonly holds: HoldSettings
}

export interface Wallet {
  readonly currency: Currency
  readonly userId: string
  /** `balance` = `available` + `held`. */
  readonly balance: Minor
  readonly held: Minor
  /** Those that are open; `held` is what remains of them. */
  readonly holds: Holds
  /** Those under way: out of the balance, not yet paid out. */
  readonly withdrawals: Withdrawals
  readonly locked: boolean
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly createdAt: number
  readonly version: number
  readonly deductions: Deductions
}
/** undefined: the wallet was never created. */
export type State = Wallet | undefined

type Command = WalletCommand | TimerFired
type PayCommand = Extract<WalletCommand, { readonly type: "CheckWalletBalance" | "DeductWalletBalance" }>
type RefundCommand = Extract<WalletCommand, { readonly type: "RefundWalletBalance" }>

export const available = (wallet: Wallet): Minor => subtract(wallet.balance, wallet.held)

/**
 * Holds whose time is up are seen first, so that whatever is decided may use their money. A command that changes
 * nothing leaves them to the timer.
 */
export const decide =
  (settings: Settings) =>
  (state: State, message: Message, now: number): Decided => {
    const command = message as unknown as Command
    const lapsed = state && lapse(state, message, now)
    if (lapsed === undefined) return decideOpen(settings, state, command, now)
    if (command.type === "TimerFired") return append(...lapsed.events)
    if (command.type === "CaptureHold" || command.type === "VoidHold") {
      const { hold_id } = command.data
      if (lapsed.over.some(({ id }) => id === hold_id)) return expired(hold_id)
    }
    const decision = decideOpen(settings, lapsed.wallet, command, now)
    return decision.events === undefined || decision.events.length === 0
      ? decision
      : append(...lapsed.events, ...decision.events)
  }

const decideOpen = (settings: Settings, state: State, command: Command, now: number): Decided => {
  switch (command.type) {
    case "CreateWallet":
      return state === undefined
        ? append({ type: "WalletCreated", data: command.data })
        : refuse("WALLET_EXISTS", "the wallet exists already")
    case "CreditWallet":
      return credit(state, command.data)
    case "CheckWalletBalance":
      return check(state, command, settings)
    case "DeductWalletBalance":
      return deduct(state, command, settings)
    case "RefundWalletBalance":
      return refund(state, command)
    case "CreditRefund":
      return creditRefund(state, command.data)
    case "LockWallet":
      if (state === undefined) return absent
      return state.locked ? nothing : append({ type: "WalletLocked", data: command.data })
    case "UnlockWallet":
      if (state === undefined) return absent
      return state.locked ? append({ type: "WalletUnlocked", data: command.data }) : nothing
    case "HoldFunds":
      return state === undefined ? absent : holdFunds(settings.holds, state, command.data, now)
    case "CaptureHold":
      return state === undefined ? absent : captureHold(state, command.data)
    case "VoidHold":
      return state === undefined ? absent : voidHold(state, command.data)
    case "SendTransfer":
      return state === undefined ? absent : sendTransfer(state, command.data)
    case "ReceiveTransfer":
      return state === undefined ? absent : receiveTransfer(state, command.data)
    case "RequestWithdrawal":
      return state === undefined ? absent : requestWithdrawal(state, command.data, now)
    case "SettleWithdrawal":
      return state === undefined ? absent : settleWithdrawal(state, command.data)
    case "FailWithdrawal":
      return state === undefined ? absent : failWithdrawal(state, command.data)
    case "TimerFired":
      return nothing
  }
}

type Credit = Extract<WalletCommand, { readonly type: "CreditWallet" }>["data"]

/** A locked wallet still takes money in (DECISIONS D1.5). */
const credit = (state: State, data: Credit): Decided => {
  if (state === undefined) return absent
  if (state.currency !== data.currency) return refuse("CURRENCY_MISMATCH", `the wallet keeps ${state.currency}`)
  if (state.balance + data.amount > MAX_MINOR) {
    return refuse("BALANCE_LIMIT_EXCEEDED", `the balance may not exceed ${format(MAX_MINOR, state.currency)}`)
  }
  const balance = add(state.balance, data.amount)
  return append({ type: "WalletCredited", data: { ...data, balance, available: subtract(balance, state.held) } })
}

/** Advice for the saga: nothing is set aside, so the answer may be overtaken. Locks are the deduction's business. */
const check = (state: State, { data }: PayCommand, settings: Settings): Decided => {
  const lack = lackOfFunds(state, data, settings)
  const funds = { ...asked(state, data), sufficient_funds: lack === undefined }
  return append({ type: "WalletBalanceChecked", data: { ...funds, ...lack } })
}

/** The authority: here the money leaves the wallet, or does not. */
const deduct = (state: State, { data }: PayCommand, settings: Settings): Decided => {
  const known = state && find(state.deductions, data.payment_id)
  if (known !== undefined && known.status === "deducted") return nothing
  // Undone before it was done: too late.
  if (known !== undefined) return failed(state, data, { code: "INSUFFICIENT_FUNDS" })
  if (state?.locked) return failed(state, data, { code: "WALLET_LOCKED" })
  const lack = lackOfFunds(state, data, settings)
  if (state === undefined || lack !== undefined) return failed(state, data, lack ?? { code: "WALLET_NOT_FOUND" })
  const balance = subtract(state.balance, data.amount)
  const { wallet_id, payment_id, amount, currency } = data
  const movement = { wallet_id, payment_id, amount, currency, balance, available: subtract(balance, state.held) }
  return append({ type: "WalletDeducted", data: movement })
}

/**
 * Undoes a deduction once, and is never refused. One that never happened leaves a tombstone, so that a late or redriven
 * DeductWalletBalance cannot take money for a payment that has ended (DECISIONS D1.7).
 */
const refund = (state: State, { data }: RefundCommand): Decided => {
  const { wallet_id, payment_id, amount, currency, deducted } = data
  const known = state && find(state.deductions, payment_id)
  if (known?.status === "refunded") return nothing
  const took = known?.status === "deducted" || deducted
  if (state === undefined || !took) {
    return known?.status === "voided"
      ? nothing
      : append({ type: "WalletDeductionVoided", data: { wallet_id, payment_id } })
  }
  const balance = add(state.balance, amount)
  const movement = { wallet_id, payment_id, amount, currency, balance, available: subtract(balance, state.held) }
  return append({ type: "WalletRefunded", data: movement })
}

type RefundCredit = Extract<WalletCommand, { readonly type: "CreditRefund" }>["data"]

/**
 * Money of a payment that its provider has given back. The command's id is the refund's for ever, so it comes once, and
 * the posting's key guards that; a locked wallet takes it too (DECISIONS D1.5).
 */
const creditRefund = (state: State, data: RefundCredit): Decided => {
  if (state === undefined) return absent
  const balance = add(state.balance, data.amount)
  return append({ type: "WalletRefundReceived", data: { ...data, balance, available: subtract(balance, state.held) } })
}

interface Lack {
  readonly code: FundsRefusal
  readonly concurrent_payment_id?: string
}

/**
 * The deterministic rule of concurrency (DECISIONS D2): the funds were lost to others if what they took since a window
 * before this payment was initiated would have been enough; the winner is the one that took last.
 */
const lackOfFunds = (state: State, data: PayCommand["data"], settings: Settings): Lack | undefined => {
  if (state === undefined) return { code: "WALLET_NOT_FOUND" }
  if (state.currency !== data.currency) return { code: "CURRENCY_MISMATCH" }
  const missing = deficit(data.amount, available(state))
  if (missing === ZERO) return undefined
  const since = data.initiated_at - settings.concurrentPaymentWindowMs
  const { total, latest } = takenSince(state.deductions, since, missing)
  return latest !== undefined && total >= missing
    ? { code: "INSUFFICIENT_FUNDS_CONCURRENT", concurrent_payment_id: latest }
    : { code: "INSUFFICIENT_FUNDS" }
}

const asked = (state: State, { wallet_id, payment_id, amount, currency }: PayCommand["data"]) => {
  const now = state === undefined ? ZERO : available(state)
  const deficit_amount = deficit(amount, now)
  return { wallet_id, payment_id, currency, requested_amount: amount, available_balance: now, deficit_amount }
}

const failed = (state: State, data: PayCommand["data"], lack: Lack): Decided =>
  append({ type: "WalletDeductionFailed", data: { ...asked(state, data), ...lack } })

export const evolve =
  ({ rememberMs }: Settings) =>
  (state: State, event: Recorded<WalletEvent>): State => {
    if (event.type === "WalletCreated") return created(event)
    if (state === undefined) return evolveAbsent()
    const wallet = { ...state, version: event.version }
    const note = (payment: string, amount: Minor, status: "deducted" | "refunded" | "voided") =>
      remember(state.deductions, payment, { amount, status, time: event.time, version: event.version }, rememberMs)
    switch (event.type) {
      case "WalletCredited":
      case "WalletRefundReceived":
      case "TransferSent":
      case "TransferReceived":
        return { ...wallet, balance: event.data.balance }
      case "WalletDeducted": {
        const { balance, amount, payment_id } = event.data
        return { ...wallet, balance, deductions: note(payment_id, amount, "deducted") }
      }
      case "WalletRefunded": {
        const { balance, amount, payment_id } = event.data
        return { ...wallet, balance, deductions: note(payment_id, amount, "refunded") }
      }
      case "WalletDeductionVoided":
        return { ...wallet, deductions: note(event.data.payment_id, ZERO, "voided") }
      case "WalletLocked":
        return { ...wallet, locked: true }
      case "WalletUnlocked":
        return { ...wallet, locked: false }
      case "WalletBalanceChecked":
      case "WalletDeductionFailed":
        return wallet
      case "FundsHeld":
      case "HoldCaptured":
      case "HoldRemainderReleased":
      case "HoldVoided":
      case "HoldExpired":
        return evolveHolds(wallet, event)
      case "WithdrawalRequested":
      case "WithdrawalSettled":
      case "WithdrawalFailed":
        return evolveWithdrawals(wallet, event)
    }
  }

/** A wallet nobody created stays absent: what was refused or voided for it is in the stream, and decides nothing. */
const evolveAbsent = (): State => undefined

const created = ({
  data,
  time,
  version
}: Extract<Recorded<WalletEvent>, { readonly type: "WalletCreated" }>): Wallet => ({
  currency: data.currency,
  userId: data.user_id,
  balance: ZERO,
  held: ZERO,
  holds: [],
  withdrawals: [],
  locked: false,
  metadata: data.metadata,
  createdAt: time,
  version,
  deductions: none
})
