/** Providers' reports as movements: each in its own columns and units. Pure; the sources stand in README.md. */
import { exponent, isCurrency, MAX_MINOR } from "../../../shared/contract/money.ts"
import { type CsvRow, csvRows } from "./csv.ts"
import type { Kind, Reported } from "./match.ts"

export const ROWS_MAX = 20_000

export type ProviderName = "stripe" | "paypal" | "adyen"
export type Format = "csv" | "json"

export interface Report {
  readonly rows: ReadonlyArray<Reported>
  /** Rows of other kinds: fees, payouts, corrections. */
  readonly ignored: number
}
/** What is wrong, and on which line, in words. */
export interface Unreadable {
  readonly wrong: string
}

/** A row's values by the provider's names, and where it stands. */
interface Named {
  readonly line: number
  readonly value: (name: string) => string
}

class Wrong extends Error {}

const need = (row: Named, name: string): string => {
  const text = row.value(name)
  if (text === "") throw new Wrong(`line ${row.line}: ${name} is missing`)
  return text
}

/** `decimals` of the written number against ISO's minor unit; what does not fit exactly is refused, never rounded. */
const minorOf = (row: Named, name: string, currency: string, decimals?: number): bigint => {
  const text = need(row, name)
  if (!isCurrency(currency)) throw new Wrong(`line ${row.line}: ${currency} is no supported currency`)
  const parts = /^-?(\d{1,18})(?:\.(\d{1,18}))?$/.exec(text)
  if (parts === null) throw new Wrong(`line ${row.line}: ${name} is no amount`)
  const [, whole = "", fraction = ""] = parts
  const shift = decimals === undefined ? 0 : decimals
  const digits = exponent(currency) - shift
  const kept = fraction.replace(/0+$/, "")
  if (digits < 0) {
    const per = 10n ** BigInt(-digits)
    if (kept !== "" || BigInt(whole) % per !== 0n) throw new Wrong(`line ${row.line}: ${name} has parts of a unit`)
    return BigInt(whole) / per
  }
  if (kept.length > digits) throw new Wrong(`line ${row.line}: ${name} has more decimals than ${currency}`)
  const amount = BigInt(whole + kept.padEnd(digits, "0"))
  if (amount > MAX_MINOR) throw new Wrong(`line ${row.line}: ${name} is too large`)
  return amount
}

const timeOf = (row: Named, name: string, text: string): number => {
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw new Wrong(`line ${row.line}: ${name} is no time`)
  return at
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i
/** Adyen's reference is the payment's id and the attempt's number. */
const paymentOf = (text: string): string | null => UUID.exec(text)?.[0].toLowerCase() ?? null

const others = (...references: ReadonlyArray<string>) => references.filter((text) => text !== "")

type Read = (row: Named) => Reported | undefined

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["charge", "charge"],
  ["refund", "refund"],
  ["Settled", "charge"],
  ["Refunded", "refund"]
])

const stripeCsv: Read = (row) => {
  const kind = KINDS.get(need(row, "reporting_category"))
  if (kind === undefined) return undefined
  const currency = need(row, "currency").toUpperCase()
  const own = need(row, "source_id")
  return {
    line: row.line,
    kind,
    references: [own, ...(kind === "charge" ? others(row.value("charge_id"), row.value("payment_intent_id")) : [])],
    payment_id: paymentOf(row.value("payment_metadata[payment_id]")),
    amount: minorOf(row, "gross", currency),
    currency,
    at: timeOf(row, "created_utc", `${need(row, "created_utc").replace(" ", "T")}Z`)
  }
}

/** Decimals that Stripe's integers have where ISO has others (PROVIDERS section 4). */
const STRIPE_DECIMALS: ReadonlyMap<string, number> = new Map([
  ["ISK", 2],
  ["MGA", 0]
])

const stripeJson: Read = (row) => {
  const kind = KINDS.get(need(row, "reporting_category"))
  if (kind === undefined) return undefined
  const currency = need(row, "currency").toUpperCase()
  const decimals = STRIPE_DECIMALS.get(currency) ?? (isCurrency(currency) ? exponent(currency) : 2)
  const created = timeOf(row, "created", new Date(Number(need(row, "created")) * 1000).toISOString())
  return {
    line: row.line,
    kind,
    references: [need(row, "source.id"), ...(kind === "charge" ? others(row.value("source.payment_intent")) : [])],
    payment_id: paymentOf(row.value("source.metadata.payment_id")),
    amount: minorOf(row, "amount", currency, decimals),
    currency,
    at: created
  }
}

/** T00nn are payments, T1107 refunds of them; all else moves no payment of ours. */
const paypalKind = (code: string): Kind | undefined =>
  /^T00\d\d$/.test(code) ? "charge" : code === "T1107" ? "refund" : undefined

const paypalCsv: Read = (row) => {
  const kind = paypalKind(need(row, "Transaction Event Code"))
  if (kind === undefined) return undefined
  const currency = need(row, "Gross Transaction Currency")
  const name = "Transaction Initiation Date"
  const written = need(row, name).replaceAll("/", "-").replace(" ", "T").replace(" ", "")
  return {
    line: row.line,
    kind,
    references: [need(row, "Transaction ID")],
    payment_id: paymentOf(row.value("Custom Field")),
    amount: minorOf(row, "Gross Transaction Amount", currency, isCurrency(currency) ? exponent(currency) : 2),
    currency,
    at: timeOf(row, name, written)
  }
}

const paypalJson: Read = (row) => {
  const kind = paypalKind(need(row, "transaction_info.transaction_event_code"))
  if (kind === undefined) return undefined
  const currency = need(row, "transaction_info.transaction_amount.currency_code")
  const name = "transaction_info.transaction_initiation_date"
  return {
    line: row.line,
    kind,
    references: [need(row, "transaction_info.transaction_id")],
    payment_id: paymentOf(row.value("transaction_info.custom_field")),
    amount: minorOf(row, "transaction_info.transaction_amount.value", currency),
    currency,
    at: timeOf(row, name, need(row, name))
  }
}

const OFFSETS: ReadonlyMap<string, string> = new Map([
  ["UTC", "Z"],
  ["GMT", "Z"],
  ["CET", "+01:00"],
  ["CEST", "+02:00"],
  ["BST", "+01:00"],
  ["EST", "-05:00"],
  ["EDT", "-04:00"],
  ["PST", "-08:00"],
  ["PDT", "-07:00"]
])

const adyen: Read = (row) => {
  const kind = KINDS.get(need(row, "Type"))
  if (kind === undefined) return undefined
  const currency = need(row, "Gross Currency")
  const offset = OFFSETS.get(need(row, "TimeZone"))
  if (offset === undefined)
    throw new Wrong(`line ${row.line}: TimeZone is not one of ${[...OFFSETS.keys()].join(", ")}`)
  const psp = need(row, "Psp Reference")
  return {
    line: row.line,
    kind,
    references: [need(row, "Modification Reference"), ...(kind === "charge" ? [psp] : [])],
    payment_id: paymentOf(row.value("Merchant Reference")),
    amount: minorOf(row, kind === "charge" ? "Gross Credit (GC)" : "Gross Debit (GC)", currency),
    currency,
    at: timeOf(row, "Creation Date", `${need(row, "Creation Date").replace(" ", "T")}${offset}`)
  }
}

const READERS: Readonly<Record<ProviderName, Readonly<Record<Format, Read>>>> = {
  stripe: { csv: stripeCsv, json: stripeJson },
  paypal: { csv: paypalCsv, json: paypalJson },
  adyen: { csv: adyen, json: adyen }
}

export const readReport = (provider: ProviderName, format: Format, text: string): Report | Unreadable => {
  try {
    const named = format === "csv" ? csvNamed(provider, text) : jsonNamed(provider, text)
    if (named.length > ROWS_MAX) throw new Wrong(`more than ${ROWS_MAX} rows: send it in parts`)
    const rows = named.flatMap((row) => READERS[provider][format](row) ?? [])
    return { rows, ignored: named.length - rows.length }
  } catch (error) {
    if (error instanceof Wrong) return { wrong: error.message }
    throw error
  }
}

/** PayPal's sections begin with a line of names (CH) and hold lines of values (SB); the others have one header. */
const csvNamed = (provider: ProviderName, text: string): ReadonlyArray<Named> => {
  const rows = csvRows(text)
  if ("unclosed" in rows) throw new Wrong(`line ${rows.unclosed}: a quote is not closed, or stands inside a cell`)
  const header = provider === "paypal" ? rows.find(({ cells }) => cells[0] === "CH") : rows[0]
  if (header === undefined) throw new Wrong("line 1: the line of column names is missing")
  const names = new Map(header.cells.map((name, i) => [name.trim(), i]))
  const values = provider === "paypal" ? rows.filter(({ cells }) => cells[0] === "SB") : rows.slice(1)
  return values.map(({ line, cells }: CsvRow) => ({
    line,
    value: (name) => cells[names.get(name) ?? cells.length]?.trim() ?? ""
  }))
}

const LISTS: Readonly<Record<ProviderName, string>> = { stripe: "data", paypal: "transaction_details", adyen: "data" }

const jsonNamed = (provider: ProviderName, text: string): ReadonlyArray<Named> => {
  const list = (parsed(text) as Record<string, unknown> | null)?.[LISTS[provider]]
  if (!Array.isArray(list)) throw new Wrong(`line 1: ${LISTS[provider]} is not a list`)
  return list.map((row: unknown, i) => ({ line: i + 1, value: (name) => textAt(row, name) }))
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw new Wrong("line 1: not JSON")
  }
}

/** Adyen's names hold no dots that mean a path; the others' do. */
const textAt = (row: unknown, name: string): string => {
  const path = name.includes(" ") ? [name] : name.split(".")
  const found = path.reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], row)
  return typeof found === "string" || typeof found === "number" ? String(found) : ""
}
