/**
 * Money is `bigint` minor units with a currency beside it; no floating point ever touches an amount.
 * Source of the exponents: ISO 4217. What a provider makes of them is its adapter's business.
 */
import { Schema } from "effect"

/** The largest amount a JSON integer carries exactly (RFC 8259 section 6): 2^53 - 1 minor units. */
export const MAX_MINOR = 2n ** 53n - 1n

/** An amount in minor units, 0 to 2^53 - 1. On the wire of events: a decimal string. */
export const Minor = Schema.BigIntFromString.check(Schema.isBetweenBigInt({ minimum: 0n, maximum: MAX_MINOR })).pipe(
  Schema.brand("Minor")
)
export type Minor = typeof Minor.Type

/** Brands an amount that the caller has computed. Out of range is a bug, not a refusal: it throws RangeError. */
export const minor = (amount: bigint): Minor => {
  if (amount < 0n || amount > MAX_MINOR) throw new RangeError(`amount ${amount} is outside 0..${MAX_MINOR}`)
  return amount as Minor
}

export const ZERO = minor(0n)
export const add = (a: Minor, b: Minor): Minor => minor(a + b)
export const subtract = (a: Minor, b: Minor): Minor => minor(a - b)
/** What is missing from `available` to pay `amount`; 0 where nothing is. */
export const deficit = (amount: Minor, available: Minor): Minor =>
  amount > available ? subtract(amount, available) : ZERO

const byExponent = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
  2:
    "AED ALL AMD ANG ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CNY COP CRC CVE CZK DKK " +
    "DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LKR " +
    "MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD " +
    "SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD YER ZAR ZMW",
  3: "BHD IQD JOD KWD LYD OMR TND"
} as const

const exponents = new Map<string, number>(
  Object.entries(byExponent).flatMap(([digits, codes]) =>
    codes.split(" ").map((code) => [code, Number(digits)] as const)
  )
)

/** An ISO 4217 alphabetic code that the platform keeps wallets in. */
export const Currency = Schema.String.check(
  Schema.makeFilter((code: string) => exponents.has(code) || "a supported ISO 4217 currency code such as USD")
).pipe(Schema.brand("Currency"))
export type Currency = typeof Currency.Type

export const isCurrency = (code: string): code is Currency => exponents.has(code)
export const currencies = (): ReadonlyArray<Currency> => [...exponents.keys()].filter(isCurrency)

/** Number of decimals of the currency's minor unit: JPY 0, USD 2, KWD 3. */
export const exponent = (currency: Currency): number => exponents.get(currency) ?? 2

/** `100000, USD` → `1000.00 USD`, for people. */
export const format = (amount: bigint, currency: Currency): string => {
  const digits = exponent(currency)
  if (digits === 0) return `${amount} ${currency}`
  const sign = amount < 0n ? "-" : ""
  const text = (amount < 0n ? -amount : amount).toString().padStart(digits + 1, "0")
  return `${sign}${text.slice(0, -digits)}.${text.slice(-digits)} ${currency}`
}
