/**
 * What a provider's report says of the ledger's movements, in the provider's own columns: Stripe's itemized balance
 * change and balance transactions, PayPal's settlement report and transaction search, Adyen's settlement detail report.
 * Fees are none, so net is gross.
 */
import { isoExponent, isoToPaypal } from "./currency.ts"
import type { Movement } from "./ledger.ts"
import type { ProviderName } from "./provider.ts"

type Cells = ReadonlyArray<readonly [column: string, value: string]>

const seconds = (at: number): string => new Date(at).toISOString().slice(0, 19).replace("T", " ")

const major = (amount: number, currency: string): string => {
  const digits = isoExponent(currency)
  const text = String(amount).padStart(digits + 1, "0")
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

const stripe = ({ id, kind, parent, payment_id, amount, currency, at }: Movement): Cells => {
  const gross = `${kind === "refund" ? "-" : ""}${major(amount, currency)}`
  return [
    ["balance_transaction_id", `txn_${id}`],
    ["created_utc", seconds(at)],
    ["currency", currency.toLowerCase()],
    ["gross", gross],
    ["fee", major(0, currency)],
    ["net", gross],
    ["reporting_category", kind],
    ["source_id", id],
    ["charge_id", kind === "refund" ? parent : id],
    ["payment_intent_id", kind === "refund" ? "" : parent],
    ["payment_metadata[payment_id]", payment_id ?? ""]
  ]
}

const paypal = ({ id, kind, parent, payment_id, amount, currency, at }: Movement): Cells => [
  ["Transaction ID", id],
  ["Invoice ID", ""],
  ["PayPal Reference ID", parent],
  ["PayPal Reference ID Type", "TXN"],
  ["Transaction Event Code", kind === "refund" ? "T1107" : "T0006"],
  ["Transaction Initiation Date", `${seconds(at).replaceAll("-", "/")} +0000`],
  ["Transaction Completion Date", `${seconds(at).replaceAll("-", "/")} +0000`],
  ["Transaction Debit or Credit", kind === "refund" ? "DR" : "CR"],
  ["Gross Transaction Amount", String(amount)],
  ["Gross Transaction Currency", currency],
  ["Custom Field", payment_id ?? ""]
]

const adyen = ({ id, kind, parent, payment_id, amount, currency, at }: Movement): Cells => {
  const [debit, credit] = kind === "refund" ? [major(amount, currency), ""] : ["", major(amount, currency)]
  return [
    ["Company Account", "SimulatorCompany"],
    ["Merchant Account", "SimulatorMerchant"],
    ["Psp Reference", parent],
    ["Merchant Reference", payment_id === null ? "" : `${payment_id}-1`],
    ["Payment Method", "visa"],
    ["Creation Date", seconds(at)],
    ["TimeZone", "UTC"],
    ["Type", kind === "refund" ? "Refunded" : "Settled"],
    ["Modification Reference", id],
    ["Gross Currency", currency],
    ["Gross Debit (GC)", debit],
    ["Gross Credit (GC)", credit],
    ["Exchange Rate", "1"],
    ["Net Currency", currency],
    ["Net Debit (NC)", debit],
    ["Net Credit (NC)", credit],
    ["Batch Number", "1"]
  ]
}

const ROWS: Readonly<Record<ProviderName, (movement: Movement) => Cells>> = { stripe, paypal, adyen }

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const line = (cells: ReadonlyArray<string>): string => cells.map(quoted).join(",")

/** PayPal's rows say what they are in their first cell, and stand between headers and footers. */
const sectioned = (names: string, rows: ReadonlyArray<string>): ReadonlyArray<string> => [
  "RH,SIMULATOR,A,009",
  "FH,1",
  "SH",
  `CH,${names}`,
  ...rows.map((row) => `SB,${row}`),
  `SC,${rows.length}`,
  `RC,${rows.length}`
]

export const csvReport = (provider: ProviderName, movements: ReadonlyArray<Movement>): string => {
  const rows = movements.map(ROWS[provider])
  const [first = ROWS[provider](NOTHING)] = rows
  const names = line(first.map(([name]) => name))
  const values = rows.map((cells) => line(cells.map(([, value]) => value)))
  const lines = provider === "paypal" ? sectioned(names, values) : [names, ...values]
  // PayPal writes a byte order mark in front of UTF-8 (settlement report specification 9.0.3).
  return `${provider === "paypal" ? "\ufeff" : ""}${lines.join("\r\n")}\r\n`
}

const NOTHING: Movement = {
  id: "",
  provider: "stripe",
  kind: "charge",
  parent: "",
  payment_id: null,
  amount: 0,
  currency: "USD",
  at: 0
}

/** Stripe's integer of a three-decimal currency is ISO's; only two currencies differ (PROVIDERS section 4). */
const stripeUnits = (amount: number, currency: string): number =>
  currency === "ISK" ? amount * 100 : currency === "MGA" ? amount / 100 : amount

const stripeObject = ({ id, kind, parent, payment_id, amount, currency, at }: Movement) => {
  const signed = stripeUnits(kind === "refund" ? -amount : amount, currency)
  const of = kind === "refund" ? { object: "refund", charge: parent } : { object: "charge", payment_intent: parent }
  return {
    id: `txn_${id}`,
    object: "balance_transaction",
    amount: signed,
    created: Math.floor(at / 1000),
    currency: currency.toLowerCase(),
    fee: 0,
    net: signed,
    reporting_category: kind,
    source: { id, ...of, metadata: payment_id === null ? {} : { payment_id } }
  }
}

const paypalObject = ({ id, kind, parent, payment_id, amount, currency, at }: Movement) => ({
  transaction_info: {
    transaction_id: id,
    paypal_reference_id: parent,
    paypal_reference_id_type: "TXN",
    transaction_event_code: kind === "refund" ? "T1107" : "T0006",
    transaction_initiation_date: new Date(at).toISOString(),
    transaction_amount: {
      currency_code: currency,
      value: `${kind === "refund" ? "-" : ""}${isoToPaypal(currency, amount)}`
    },
    ...(payment_id === null ? {} : { custom_field: payment_id })
  }
})

export const jsonReport = (provider: ProviderName, movements: ReadonlyArray<Movement>): string => {
  switch (provider) {
    case "stripe":
      return JSON.stringify({ object: "list", has_more: false, data: movements.map(stripeObject) })
    case "paypal":
      return JSON.stringify({ transaction_details: movements.map(paypalObject), page: 1, total_pages: 1 })
    case "adyen":
      return JSON.stringify({ data: movements.map((movement) => Object.fromEntries(adyen(movement))) })
  }
}
