/** Wallet events → read-model rows and ledger postings. Pure. */
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { ZERO } from "../../shared/contract/money.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import type { Posting, Projected } from "../../shared/runtime/decider.ts"
import type { HoldEvent } from "./holds.ts"
import { holdsTable, ownersTable, transfersTable, walletsTable, withdrawalsTable } from "./store.ts"
import { available, type State, type Wallet } from "./wallet.ts"
import type { WithdrawalEvent } from "./withdrawals.ts"

export const CLEARING = "payments:clearing"
export const REFUNDS_CLEARING = "refunds:clearing"
export const WITHDRAWALS_CLEARING = "withdrawals:clearing"
export const FUNDING = "funding"
/** What is available. */
export const account = (walletId: string): string => `wallet:${walletId}`
/** What open holds keep. */
export const heldAccount = (walletId: string): string => `wallet:${walletId}:held`
export const merchant = (merchantId: string): string => `merchant:${merchantId}`

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
    case "FundsHeld":
    case "HoldCaptured":
    case "HoldRemainderReleased":
    case "HoldVoided":
    case "HoldExpired":
      return [holdPosting(event)]
    case "WalletRefundReceived": {
      const { wallet_id, payment_id, refund_id: ref, amount, currency } = event.data
      const [source, destination] = [REFUNDS_CLEARING, account(wallet_id)]
      return [{ source, destination, amount, currency, kind: "refund_credit", payment_id, ref }]
    }
    // The one posting of a transfer: its other half, TransferReceived, is in the same commit and has none.
    case "TransferSent": {
      const { wallet_id, destination_wallet_id, transfer_id: payment_id, amount, currency } = event.data
      const [source, destination] = [account(wallet_id), account(destination_wallet_id)]
      return [{ source, destination, amount, currency, kind: "transfer", payment_id, ref: "" }]
    }
    case "WithdrawalRequested":
    case "WithdrawalSettled":
    case "WithdrawalFailed":
      return [withdrawalPosting(event)]
    default:
      return []
  }
}

const withdrawalPosting = ({ type, data }: Recorded<WithdrawalEvent>): Posting => {
  const { wallet_id, withdrawal_id: payment_id, amount, currency } = data
  const [wallet, clearing] = [account(wallet_id), WITHDRAWALS_CLEARING]
  const of = { amount, currency, payment_id, ref: "" }
  switch (type) {
    case "WithdrawalRequested":
      return { ...of, source: wallet, destination: clearing, kind: "withdrawal" }
    case "WithdrawalSettled":
      return { ...of, source: clearing, destination: FUNDING, kind: "withdrawal_paid" }
    case "WithdrawalFailed":
      return { ...of, source: clearing, destination: wallet, kind: "withdrawal_back" }
  }
}

/** By the hold's id: each of them happens once, but captures, which have ids of their own. */
const holdPosting = (event: Recorded<HoldEvent>): Posting => {
  const { wallet_id, hold_id, merchant_id, amount, currency } = event.data
  const [wallet, held] = [account(wallet_id), heldAccount(wallet_id)]
  const of = { amount, currency, payment_id: hold_id, ref: "" }
  switch (event.type) {
    case "FundsHeld":
      return { ...of, source: wallet, destination: held, kind: "hold" }
    case "HoldCaptured":
      return { ...of, source: held, destination: merchant(merchant_id), kind: "capture", ref: event.data.capture_id }
    case "HoldRemainderReleased":
      return { ...of, source: held, destination: wallet, kind: "hold_remainder" }
    case "HoldVoided":
      return { ...of, source: held, destination: wallet, kind: "hold_void" }
    case "HoldExpired":
      return { ...of, source: held, destination: wallet, kind: "hold_expiry" }
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
  if ("hold_id" in event.data)
    return [{ table: walletsTable, row }, holdRow(state, event as Recorded<HoldEvent>, cause)]
  if ("withdrawal_id" in event.data)
    return [{ table: walletsTable, row }, withdrawalRow(state, event as Recorded<WithdrawalEvent>, cause)]
  if (event.type === "TransferSent") return [{ table: walletsTable, row }, transferRow(event, cause)]
  if (event.type !== "WalletCreated") return [{ table: walletsTable, row }]
  const { currency, user_id } = event.data
  return [
    { table: walletsTable, row },
    { table: ownersTable, row: { tenant: cause.tenant, user_id, currency, wallet_id } }
  ]
}

type TransferSent = Extract<Recorded<WalletEvent>, { readonly type: "TransferSent" }>

const transferRow = ({ data, time, version }: TransferSent, { tenant }: Message): Projected => {
  const { transfer_id: id, wallet_id: source_wallet_id, destination_wallet_id, amount, currency, reference } = data
  const between = { id, tenant, source_wallet_id, destination_wallet_id, amount, currency }
  return { table: transfersTable, row: { ...between, reference: reference ?? null, version, created_at: time } }
}

/** How a withdrawal stands after the event. */
const WITHDRAWN: Readonly<Record<WithdrawalEvent["type"], string>> = {
  WithdrawalRequested: "pending",
  WithdrawalSettled: "settled",
  WithdrawalFailed: "failed"
}

const withdrawalRow = (
  { userId }: Wallet,
  { data, time, type, version }: Recorded<WithdrawalEvent>,
  { tenant }: Message
): Projected => {
  const { withdrawal_id: id, wallet_id, amount, currency, reference, requested_at: created_at } = data
  const of = { id, tenant, wallet_id, user_id: userId, amount, currency, reference }
  const reason = "reason" in data ? data.reason : null
  return {
    table: withdrawalsTable,
    row: { ...of, status: WITHDRAWN[type], reason, version, created_at, updated_at: time }
  }
}

/** Whole from any of its events, so that a closed hold need not be remembered. */
const holdRow = ({ userId }: Wallet, { data, time, type, version }: Recorded<HoldEvent>, cause: Message): Projected => {
  const { hold_id, wallet_id, merchant_id, currency, hold_amount, captured_amount, remaining_amount } = data
  const row = {
    id: hold_id,
    tenant: cause.tenant,
    wallet_id,
    user_id: userId,
    merchant_id,
    currency,
    amount: hold_amount,
    captured_amount,
    remaining_amount,
    released_amount: hold_amount - captured_amount - remaining_amount,
    status: type === "HoldCaptured" && remaining_amount > ZERO ? "partially_captured" : STATUS[type],
    expires_at: data.expires_at,
    version,
    created_at: data.held_at,
    updated_at: time
  }
  return { table: holdsTable, row }
}

/** How a hold stands after the event. */
const STATUS: Readonly<Record<HoldEvent["type"], string>> = {
  FundsHeld: "held",
  HoldCaptured: "captured",
  HoldRemainderReleased: "captured",
  HoldVoided: "voided",
  HoldExpired: "expired"
}
