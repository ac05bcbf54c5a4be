/**
 * Withdrawals: money on its way out of a wallet. It leaves the wallet when it is asked for, and is gone or back when
 * somebody says what became of the payout. Every event tells the whole withdrawal.
 */
import { Schema } from "effect"
import { about, EXAMPLE, entry, Time } from "./catalogue.ts"
import { Currency, Minor } from "./money.ts"

const event = about("wallet-events", "wallet", ["metrics"])
const command = about("wallet-commands", "api", ["wallet"])

const withdrawal = {
  wallet_id: Schema.String,
  withdrawal_id: Schema.String,
  amount: Minor,
  currency: Currency,
  /** The client's own words: where it goes. */
  reference: Schema.String,
  requested_at: Time,
  /** What the wallet holds after the event. */
  balance: Minor,
  available: Minor
}
const example = {
  wallet_id: EXAMPLE.wallet,
  withdrawal_id: EXAMPLE.other,
  amount: "30000",
  currency: "USD",
  reference: "to my bank account",
  requested_at: EXAMPLE.time,
  balance: "70000",
  available: "70000"
}
const ended = { ...withdrawal, reason: Schema.String }
const end = { wallet_id: Schema.String, withdrawal_id: Schema.String, reason: Schema.String }
const exampleEnd = { wallet_id: EXAMPLE.wallet, withdrawal_id: EXAMPLE.other }

export const WithdrawalEvents = {
  WithdrawalRequested: entry(
    event("a client takes money out: it left the wallet and is on its way"),
    withdrawal,
    example
  ),
  WithdrawalSettled: entry(event("an operator says that the money was paid out"), ended, {
    ...example,
    reason: "paid out, bank reference 4711"
  }),
  WithdrawalFailed: entry(event("an operator says that it was not paid out: the money is back in the wallet"), ended, {
    ...example,
    balance: "100000",
    available: "100000",
    reason: "the bank sent it back"
  })
} as const

export const WithdrawalCommands = {
  RequestWithdrawal: entry(
    command("POST /wallets/{id}/withdrawals"),
    {
      wallet_id: Schema.String,
      withdrawal_id: Schema.String,
      amount: Minor,
      currency: Currency,
      reference: Schema.String
    },
    { ...exampleEnd, amount: "30000", currency: "USD", reference: "to my bank account" }
  ),
  SettleWithdrawal: entry(command("POST /ops/withdrawals/{id}/settle"), end, {
    ...exampleEnd,
    reason: "paid out, bank reference 4711"
  }),
  FailWithdrawal: entry(command("POST /ops/withdrawals/{id}/fail"), end, {
    ...exampleEnd,
    reason: "the bank sent it back"
  })
} as const
