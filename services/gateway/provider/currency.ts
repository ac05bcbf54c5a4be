/**
 * One amount, four notations. Inside: minor units by ISO 4217's exponent. Stripe and Adyen: integers whose unit differs
 * from ISO for some currencies, and not for the same ones. PayPal: decimal strings, for about 25 currencies. Nothing is
 * ever rounded: what a provider cannot express exactly, it is not asked to charge.
 */
import { type Currency, exponent, isCurrency, type Minor, minor } from "../../../shared/contract/money.ts"

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "))

/** Stripe counts whole units of these; of MGA too, though ISO 4217 gives it two decimals. */
const STRIPE_ZERO_DECIMAL = words("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")
/** Three decimals, of which the last must be 0. */
const STRIPE_THREE_DECIMAL = words("BHD JOD KWD OMR TND")
/** Stripe's page contradicts itself about UGX, and one reading charges a hundredth; IQD and LYD it does not offer. */
const STRIPE_REFUSED = words("UGX IQD LYD")

/** Decimals of the number Stripe is sent; ISK is sent with two although it has none. */
const stripeExponent = (currency: Currency): number =>
  STRIPE_ZERO_DECIMAL.has(currency) ? 0 : STRIPE_THREE_DECIMAL.has(currency) ? 3 : 2

/** Moves the decimal point by whole digits; undefined where something would be lost. */
const shift = (amount: bigint, by: number): bigint | undefined => {
  if (by >= 0) return amount * 10n ** BigInt(by)
  const unit = 10n ** BigInt(-by)
  return amount % unit === 0n ? amount / unit : undefined
}

const inRange = (amount: bigint | undefined): Minor | undefined => {
  try {
    return amount === undefined ? undefined : minor(amount)
  } catch {
    return undefined
  }
}

/** The integer that Stripe is sent. */
export const toStripe = (amount: Minor, currency: Currency): bigint | undefined => {
  if (amount <= 0n || STRIPE_REFUSED.has(currency)) return undefined
  const units = shift(amount, stripeExponent(currency) - exponent(currency))
  if (units === undefined || (STRIPE_THREE_DECIMAL.has(currency) && units % 10n !== 0n)) return undefined
  return inRange(units)
}

export const fromStripe = (units: bigint, currency: Currency): Minor | undefined =>
  STRIPE_REFUSED.has(currency) ? undefined : inRange(shift(units, exponent(currency) - stripeExponent(currency)))

const PAYPAL = words("AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD")
/** ISO 4217 gives HUF and TWD two decimals; PayPal takes none. */
const PAYPAL_NO_DECIMALS = words("HUF JPY TWD")

const paypalExponent = (currency: Currency): number => (PAYPAL_NO_DECIMALS.has(currency) ? 0 : exponent(currency))

/** The decimal string that PayPal is sent: `2000, USD` → `20.00`, `500, JPY` → `500`. */
export const toPaypal = (amount: Minor, currency: Currency): string | undefined => {
  if (amount <= 0n || !PAYPAL.has(currency)) return undefined
  const digits = paypalExponent(currency)
  const units = shift(amount, digits - exponent(currency))
  if (units === undefined) return undefined
  if (digits === 0) return units.toString()
  const text = units.toString().padStart(digits + 1, "0")
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** Adyen's own table: no decimals for IDR and CVE, two for CLP and ISK. */
const ADYEN_ZERO_DECIMAL = words("CVE DJF GNF IDR JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
const ADYEN_THREE_DECIMAL = words("BHD IQD JOD KWD LYD OMR TND")
/** Its decimals at Adyen are not known to us. */
const ADYEN_REFUSED = words("BIF MGA")

const adyenExponent = (currency: Currency): number =>
  ADYEN_ZERO_DECIMAL.has(currency) ? 0 : ADYEN_THREE_DECIMAL.has(currency) ? 3 : 2

/** The integer that Adyen is sent. */
export const toAdyen = (amount: Minor, currency: Currency): bigint | undefined =>
  amount <= 0n || ADYEN_REFUSED.has(currency)
    ? undefined
    : inRange(shift(amount, adyenExponent(currency) - exponent(currency)))

export const fromAdyen = (units: bigint, currency: Currency): Minor | undefined =>
  ADYEN_REFUSED.has(currency) ? undefined : inRange(shift(units, exponent(currency) - adyenExponent(currency)))

const DECIMAL = /^(\d{1,17})(?:\.(\d{1,3}))?$/

export const fromPaypal = (value: string, currency: Currency): Minor | undefined => {
  const [, whole, fraction = ""] = DECIMAL.exec(value) ?? []
  if (whole === undefined || !PAYPAL.has(currency)) return undefined
  return inRange(shift(BigInt(whole + fraction), exponent(currency) - fraction.length))
}

export const currencyOf = (code: string): Currency | undefined => {
  const upper = code.toUpperCase()
  return isCurrency(upper) ? upper : undefined
}
