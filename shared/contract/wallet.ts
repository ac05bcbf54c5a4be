/** Wallet facts and commands. One stream `wallet-{id}` each, holds inside. */
import { Schema } from "effect"
import { about, EXAMPLE, entry, type FactOf, Metadata, Time } from "./catalogue.ts"
import { HoldCommands, HoldEvents } from "./holds.ts"
import { Currency, Minor } from "./money.ts"
import { WalletRefundCommands, WalletRefundEvents } from "./refund.ts"
import { TransferCommands, TransferEvents } from "./transfers.ts"
import { WithdrawalCommands, WithdrawalEvents } from "./withdrawals.ts"

const event = about("wallet-events", "wallet", ["metrics"])
const fromApi = about("wallet-commands", "api", ["wallet"])
const fromSaga = about("wallet-commands", "saga", ["wallet"])

/** What the wallet holds after the event: `balance` = `available` + held. */
const after = { balance: Minor, available: Minor }
const movement = { wallet_id: Schema.String, payment_id: Schema.String, amount: Minor, currency: Currency, ...after }
const exampleMovement = {
  wallet_id: EXAMPLE.wallet,
  payment_id: EXAMPLE.payment,
  amount: "80000",
  currency: "USD",
  balance: "20000",
  available: "20000"
}

/** Why a wallet does not pay. */
export const FundsRefusal = Schema.Literals([
  "INSUFFICIENT_FUNDS",
  "INSUFFICIENT_FUNDS_CONCURRENT",
  "WALLET_LOCKED",
  "WALLET_NOT_FOUND",
  "CURRENCY_MISMATCH"
])
export type FundsRefusal = typeof FundsRefusal.Type

const funds = {
  wallet_id: Schema.String,
  payment_id: Schema.String,
  currency: Currency,
  requested_amount: Minor,
  available_balance: Minor,
  deficit_amount: Minor
}
const exampleFunds = {
  wallet_id: EXAMPLE.wallet,
  payment_id: EXAMPLE.payment,
  currency: "USD",
  requested_amount: "100000",
  available_balance: "25000",
  deficit_amount: "75000"
}

export const WalletEvents = {
  WalletCreated: entry(
    event("a client opened a wallet"),
    { wallet_id: Schema.String, user_id: Schema.String, currency: Currency, metadata: Schema.optionalKey(Metadata) },
    { wallet_id: EXAMPLE.wallet, user_id: "ana", currency: "USD" }
  ),
  WalletCredited: entry(
    event("a top-up arrived", ["metrics", "notification"]),
    {
      wallet_id: Schema.String,
      credit_id: Schema.String,
      amount: Minor,
      currency: Currency,
      reference: Schema.String,
      ...after
    },
    {
      wallet_id: EXAMPLE.wallet,
      credit_id: EXAMPLE.other,
      amount: "100000",
      currency: "USD",
      reference: "bank transfer 4711",
      balance: "100000",
      available: "100000"
    }
  ),
  WalletBalanceChecked: entry(
    event("the saga asked whether the money is there; advice, nothing is set aside", ["saga"]),
    {
      ...funds,
      sufficient_funds: Schema.Boolean,
      code: Schema.optionalKey(FundsRefusal),
      concurrent_payment_id: Schema.optionalKey(Schema.String)
    },
    { ...exampleFunds, sufficient_funds: false, code: "INSUFFICIENT_FUNDS" }
  ),
  WalletDeducted: entry(
    event("the payment's amount left the wallet for clearing", ["saga", "metrics"]),
    movement,
    exampleMovement
  ),
  WalletDeductionFailed: entry(
    event("the wallet does not pay: funds, lock or currency", ["saga", "metrics"]),
    { ...funds, code: FundsRefusal, concurrent_payment_id: Schema.optionalKey(Schema.String) },
    { ...exampleFunds, code: "INSUFFICIENT_FUNDS_CONCURRENT", concurrent_payment_id: EXAMPLE.other }
  ),
  WalletRefunded: entry(
    event("a deduction was undone: the amount is back from clearing", ["saga", "metrics"]),
    movement,
    { ...exampleMovement, balance: "100000", available: "100000" }
  ),
  WalletDeductionVoided: entry(
    event("a deduction that never happened was undone: a later one for this payment is refused", ["saga"]),
    { wallet_id: Schema.String, payment_id: Schema.String },
    { wallet_id: EXAMPLE.wallet, payment_id: EXAMPLE.payment }
  ),
  WalletLocked: entry(
    event("an operator or client locked the wallet"),
    { wallet_id: Schema.String, reason: Schema.String },
    { wallet_id: EXAMPLE.wallet, reason: "stolen phone" }
  ),
  WalletUnlocked: entry(
    event("the lock was lifted"),
    { wallet_id: Schema.String, reason: Schema.String },
    { wallet_id: EXAMPLE.wallet, reason: "phone found" }
  ),
  ...HoldEvents,
  ...WalletRefundEvents,
  ...TransferEvents,
  ...WithdrawalEvents
} as const
export type WalletEvent = FactOf<typeof WalletEvents>

const payment = {
  wallet_id: Schema.String,
  payment_id: Schema.String,
  amount: Minor,
  currency: Currency,
  /** When the client asked: both commands carry it, so that the concurrency rule is deterministic (DECISIONS D2). */
  initiated_at: Time
}
const examplePayment = {
  wallet_id: EXAMPLE.wallet,
  payment_id: EXAMPLE.payment,
  amount: "80000",
  currency: "USD",
  initiated_at: EXAMPLE.time
}

export const WalletCommands = {
  CreateWallet: entry(
    fromApi("POST /wallets"),
    { wallet_id: Schema.String, user_id: Schema.String, currency: Currency, metadata: Schema.optionalKey(Metadata) },
    { wallet_id: EXAMPLE.wallet, user_id: "ana", currency: "USD" }
  ),
  CreditWallet: entry(
    fromApi("POST /wallets/{id}/credits"),
    { wallet_id: Schema.String, credit_id: Schema.String, amount: Minor, currency: Currency, reference: Schema.String },
    {
      wallet_id: EXAMPLE.wallet,
      credit_id: EXAMPLE.other,
      amount: "100000",
      currency: "USD",
      reference: "bank transfer 4711"
    }
  ),
  CheckWalletBalance: entry(fromSaga("the payment is valid"), payment, examplePayment),
  DeductWalletBalance: entry(fromSaga("the wallet says that the money is there"), payment, examplePayment),
  RefundWalletBalance: entry(
    fromSaga("the saga compensates"),
    {
      wallet_id: Schema.String,
      payment_id: Schema.String,
      amount: Minor,
      currency: Currency,
      /** The saga has seen WalletDeducted. Then the money goes back even where the wallet no longer remembers. */
      deducted: Schema.Boolean
    },
    { wallet_id: EXAMPLE.wallet, payment_id: EXAMPLE.payment, amount: "80000", currency: "USD", deducted: true }
  ),
  LockWallet: entry(
    fromApi("POST /wallets/{id}/lock"),
    { wallet_id: Schema.String, reason: Schema.String },
    { wallet_id: EXAMPLE.wallet, reason: "stolen phone" }
  ),
  UnlockWallet: entry(
    fromApi("POST /wallets/{id}/unlock"),
    { wallet_id: Schema.String, reason: Schema.String },
    { wallet_id: EXAMPLE.wallet, reason: "phone found" }
  ),
  ...HoldCommands,
  ...WalletRefundCommands,
  ...TransferCommands,
  ...WithdrawalCommands
} as const
export type WalletCommand = FactOf<typeof WalletCommands>
