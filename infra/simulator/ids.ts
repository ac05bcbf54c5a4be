/**
 * Ids shaped like the providers' own. A random part per process and a counter make them unique without asking the
 * system for randomness on every request.
 */
import { randomBytes } from "node:crypto"

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const BASE36_UPPER = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

const randomText = (alphabet: string, length: number): string =>
  Array.from(randomBytes(length), (byte) => alphabet[byte % alphabet.length]).join("")

const processTag = randomText(BASE62, 14)
const processTagUpper = randomText(BASE36_UPPER, 9)
let counter = Math.floor(Math.random() * 36 ** 4)

const next = (): string => {
  counter += 1
  return counter.toString(36)
}

/** `pi_3…`, `ch_3…`, `re_3…`, `evt_…`: a prefix and 24 characters. */
export const stripeId = (prefix: string): string => `${prefix}_3${processTag}${next().padStart(9, "0")}`

/** 17 upper-case characters, as PayPal's orders, authorizations, captures and refunds have. */
export const paypalId = (): string => processTagUpper + next().toUpperCase().padStart(8, "0")

/** PayPal's `debug_id`: 13 hexadecimal characters in the original, so short and lower-case here. */
export const debugId = (): string => `f${next().padStart(12, "0")}`

/** 16 upper-case characters, as Adyen's `pspReference` has. */
export const adyenPsp = (): string => processTagUpper + next().toUpperCase().padStart(7, "0").slice(-7)
