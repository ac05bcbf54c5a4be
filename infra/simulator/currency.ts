/**
 * Four views of one amount: ISO 4217 minor units (the ledger, our platform), Stripe's and Adyen's integers and PayPal's
 * decimal strings. They differ per currency, and confusing them charges a hundredth or a hundredfold, so the simulator
 * refuses what the provider refuses. Amounts are safe integers here because they travel as JSON; nothing is ever
 * divided without a check that it divides.
 */

const EXPONENT_0 = new Set("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(" "))
const EXPONENT_3 = new Set("BHD IQD JOD KWD LYD OMR TND".split(" "))

const STRIPE_ZERO_DECIMAL = new Set("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split(" "))
const STRIPE_THREE_DECIMAL = new Set("BHD JOD KWD OMR TND".split(" "))
// UGX is missing on purpose: Stripe's own page contradicts itself about it, so nobody may build on either reading here.
const STRIPE = new Set(
  (
    "USD AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF " +
    "CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS " +
    "INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK " +
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP " +
    "SLE SOS SRD STD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW"
  ).split(" ")
)
const PAYPAL = new Set(
  "AUD BRL CAD CNY CZK DKK EUR HKD HUF ILS JPY MYR MXN TWD NZD NOK PHP PLN GBP RUB SGD SEK CHF THB USD".split(" ")
)
const PAYPAL_NO_DECIMALS = new Set(["HUF", "JPY", "TWD"])

/** Adyen's own table: IDR and CVE have no decimals there, CLP and ISK have two. */
const ADYEN_0 = new Set("CVE DJF GNF IDR JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(" "))
/** Not on the page that was read: nobody may build on a guess here. */
const ADYEN_REFUSED = new Set(["BIF", "MGA"])

export const isoExponent = (currency: string): number =>
  EXPONENT_0.has(currency) ? 0 : EXPONENT_3.has(currency) ? 3 : 2

export type Refusal = { readonly code: string; readonly message: string }

export const stripeCurrencyRefusal = (currency: string, amount: number): Refusal | undefined => {
  const name = currency.toUpperCase()
  if (!STRIPE.has(name)) return { code: "invalid_currency", message: `Invalid currency: ${currency}.` }
  if (name === "ISK" && amount % 100 !== 0) {
    const message = "Amounts in ISK must be a multiple of 100: the currency has no decimals."
    return { code: "invalid_charge_amount_no_decimal_compatible", message }
  }
  if (STRIPE_THREE_DECIMAL.has(name) && amount % 10 !== 0)
    return { code: "parameter_invalid_integer", message: `Amounts in ${name} must be rounded to the nearest ten.` }
  return undefined
}

/** Stripe's integer as ISO minor units. */
export const stripeToIso = (currency: string, amount: number): number => {
  const name = currency.toUpperCase()
  if (name === "ISK") return amount / 100
  return STRIPE_ZERO_DECIMAL.has(name) && isoExponent(name) === 2 ? amount * 100 : amount
}

/** PayPal's decimal string as ISO minor units, or the issue PayPal names. */
export const paypalToIso = (currency: string, value: string): number | Refusal => {
  if (!PAYPAL.has(currency)) return { code: "CURRENCY_NOT_SUPPORTED", message: "Currency code is not supported." }
  const parts = /^(\d+)(?:\.(\d+))?$/.exec(value)
  if (parts === null || value.length > 32) {
    return {
      code: "INVALID_PARAMETER_SYNTAX",
      message: "The value of a field does not conform to the expected format."
    }
  }
  const [, whole = "", fraction = ""] = parts
  if (fraction !== "" && PAYPAL_NO_DECIMALS.has(currency))
    return { code: "DECIMALS_NOT_SUPPORTED", message: "Currency does not support decimals." }
  const exponent = isoExponent(currency)
  if (fraction.length > exponent)
    return { code: "DECIMAL_PRECISION", message: "If the currency supports decimals, only two decimals are supported." }
  const amount = Number(whole + fraction.padEnd(exponent, "0"))
  if (amount === 0) return { code: "CANNOT_BE_ZERO_OR_NEGATIVE", message: "Must be greater than zero." }
  if (!Number.isSafeInteger(amount)) return { code: "INVALID_PARAMETER_SYNTAX", message: "The amount is too large." }
  return amount
}

/** ISO minor units as PayPal writes them. */
export const isoToPaypal = (currency: string, amount: number): string => {
  const exponent = isoExponent(currency)
  if (exponent === 0) return String(amount)
  const digits = String(amount).padStart(exponent + 1, "0")
  const whole = digits.slice(0, -exponent)
  return PAYPAL_NO_DECIMALS.has(currency) ? whole : `${whole}.${digits.slice(-exponent)}`
}

/** What Adyen's number is shifted by to be ISO minor units. */
const adyenShift = (currency: string): number =>
  isoExponent(currency) - (ADYEN_0.has(currency) ? 0 : EXPONENT_3.has(currency) ? 3 : 2)

/** Adyen's integer as ISO minor units, or the error Adyen names. */
export const adyenToIso = (currency: string, value: number): number | Refusal => {
  if (!/^[A-Z]{3}$/.test(currency) || ADYEN_REFUSED.has(currency))
    return { code: "138", message: `Currency: '${currency}' is not supported` }
  const by = adyenShift(currency)
  const amount = by >= 0 ? value * 10 ** by : value / 10 ** -by
  const good = Number.isSafeInteger(value) && value > 0 && Number.isSafeInteger(amount)
  return good ? amount : { code: "137", message: "Invalid amount specified" }
}

/** ISO minor units as Adyen counts them. */
export const isoToAdyen = (currency: string, amount: number): number => {
  const by = adyenShift(currency)
  return by >= 0 ? amount / 10 ** by : amount * 10 ** -by
}
