/**
 * Holds: money that is still the wallet's and can no longer be spent, until it is captured for a merchant, voided or
 * lapsed. They live in their wallet's stream. Every event tells the whole hold as it is afterwards, so that a reader
 * needs none of the earlier ones.
 */
import { Schema } from "effect"
import { about, EXAMPLE, entry, Time } from "./catalogue.ts"
import { Currency, Minor } from "./money.ts"

const event = about("wallet-events", "wallet", ["metrics"])
const command = about("wallet-commands", "api", ["wallet"])

const hold = {
  wallet_id: Schema.String,
  hold_id: Schema.String,
  /** Whom a capture pays. */
  merchant_id: Schema.String,
  currency: Currency,
  /** What this event moved. */
  amount: Minor,
  /** `hold_amount` = `captured_amount` + `remaining_amount` + what was given back; 0 remains of a closed hold. */
  hold_amount: Minor,
  captured_amount: Minor,
  remaining_amount: Minor,
  held_at: Time,
  expires_at: Time,
  /** What the wallet holds after the event: `balance` = `available` + held. */
  balance: Minor,
  available: Minor
}
const exampleHold = {
  wallet_id: EXAMPLE.wallet,
  hold_id: EXAMPLE.other,
  merchant_id: "grand-hotel",
  currency: "USD",
  hold_amount: "80000",
  captured_amount: "0",
  remaining_amount: "0",
  held_at: EXAMPLE.time,
  expires_at: "2026-12-02T09:30:00.000Z",
  balance: "100000",
  available: "100000"
}
const exampleCapture = {
  ...exampleHold,
  capture_id: EXAMPLE.payment,
  captured_amount: "60000",
  balance: "40000"
}

export const HoldEvents = {
  FundsHeld: entry(event("a client set money aside for a merchant"), hold, {
    ...exampleHold,
    amount: "80000",
    remaining_amount: "80000",
    available: "20000"
  }),
  HoldCaptured: entry(
    event("a client captured a hold, wholly or in part: the amount is the merchant's"),
    { ...hold, capture_id: Schema.String, final: Schema.Boolean },
    { ...exampleCapture, amount: "60000", remaining_amount: "20000", available: "20000", final: true }
  ),
  HoldRemainderReleased: entry(
    event("the capture before it was the last one: what it left of the hold is available again"),
    { ...hold, capture_id: Schema.String },
    { ...exampleCapture, amount: "20000", available: "40000" }
  ),
  HoldVoided: entry(
    event("a client voided a hold: what was left of it is available again"),
    { ...hold, reason: Schema.optionalKey(Schema.String) },
    { ...exampleHold, amount: "80000", reason: "the guest did not come" }
  ),
  HoldExpired: entry(event("a hold's time is up: what was left of it is available again"), hold, {
    ...exampleHold,
    amount: "80000"
  })
} as const

export const HoldCommands = {
  HoldFunds: entry(
    command("POST /wallets/{id}/holds"),
    {
      wallet_id: Schema.String,
      hold_id: Schema.String,
      merchant_id: Schema.String,
      amount: Minor,
      currency: Currency,
      /** Absent: HOLD_EXPIRY_MS from now. */
      expires_at: Schema.optionalKey(Time)
    },
    {
      wallet_id: EXAMPLE.wallet,
      hold_id: EXAMPLE.other,
      merchant_id: "grand-hotel",
      amount: "80000",
      currency: "USD"
    }
  ),
  CaptureHold: entry(
    command("POST /holds/{id}/capture"),
    {
      wallet_id: Schema.String,
      hold_id: Schema.String,
      capture_id: Schema.String,
      /** Absent: all that is left. */
      amount: Schema.optionalKey(Minor),
      /** True: what this capture leaves is released. */
      final: Schema.Boolean
    },
    {
      wallet_id: EXAMPLE.wallet,
      hold_id: EXAMPLE.other,
      capture_id: EXAMPLE.payment,
      amount: "60000",
      final: true
    }
  ),
  VoidHold: entry(
    command("POST /holds/{id}/void"),
    { wallet_id: Schema.String, hold_id: Schema.String, reason: Schema.optionalKey(Schema.String) },
    { wallet_id: EXAMPLE.wallet, hold_id: EXAMPLE.other, reason: "the guest did not come" }
  )
} as const
