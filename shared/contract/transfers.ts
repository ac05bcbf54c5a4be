/**
 * Transfers: money from one wallet to another, in one commit on both streams. Two commands that are given together, two
 * events that stand together; the money's one posting follows from TransferSent.
 */
import { Schema } from "effect"
import { about, EXAMPLE, entry } from "./catalogue.ts"
import { Currency, Minor } from "./money.ts"

const event = about("wallet-events", "wallet", ["metrics"])
const command = about("wallet-commands", "api", ["wallet"])

const transfer = {
  wallet_id: Schema.String,
  transfer_id: Schema.String,
  amount: Minor,
  currency: Currency,
  /** The client's own words. */
  reference: Schema.optionalKey(Schema.String)
}
const to = { destination_wallet_id: Schema.String }
const from = { source_wallet_id: Schema.String }
/** What the wallet holds after the event. */
const after = { balance: Minor, available: Minor }

const OTHER_WALLET = "01935d6e-0b2c-7d55-8f10-6a0c51f4be07"
const sent = {
  wallet_id: EXAMPLE.wallet,
  transfer_id: EXAMPLE.other,
  destination_wallet_id: OTHER_WALLET,
  amount: "30000",
  currency: "USD",
  reference: "rent"
}
const received = {
  wallet_id: OTHER_WALLET,
  transfer_id: EXAMPLE.other,
  source_wallet_id: EXAMPLE.wallet,
  amount: "30000",
  currency: "USD",
  reference: "rent"
}

export const TransferEvents = {
  TransferSent: entry(
    event("money went to another wallet; TransferReceived is in the same commit"),
    { ...transfer, ...to, ...after },
    { ...sent, balance: "70000", available: "70000" }
  ),
  TransferReceived: entry(
    event("money came from another wallet; TransferSent is in the same commit"),
    { ...transfer, ...from, ...after },
    { ...received, balance: "30000", available: "30000" }
  )
} as const

export const TransferCommands = {
  SendTransfer: entry(command("POST /transfers, for the wallet that pays"), { ...transfer, ...to }, sent),
  ReceiveTransfer: entry(command("POST /transfers, for the wallet that is paid"), { ...transfer, ...from }, received)
} as const
