/** Reads what we use of PayPal's JSON bodies. Unknown fields are ignored, as PayPal does. */
import { paypalToIso } from "../currency.ts"
import { malformed, refusedAmount } from "./problem.ts"

export type Json = { readonly [name: string]: unknown }

export const parseBody = (text: string): Json => {
  if (text.trim() === "") return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json
  } catch {
    // Told below, like any other body that is not an object.
  }
  throw malformed("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.")
}

export const inner = (json: Json | undefined, name: string): Json | undefined => {
  const value = json?.[name]
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

export const string = (json: Json | undefined, name: string, field: string, most: number): string | undefined => {
  const value = json?.[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== "string")
    throw malformed("INVALID_PARAMETER_SYNTAX", "The value of a field does not conform to the expected format.", field)
  if (value.length < 1 || value.length > most)
    throw malformed("INVALID_STRING_LENGTH", "The value of a field is either too short or too long.", field)
  return value
}

export type Money = { readonly amount: number; readonly currency: string }

export const moneyOf = (json: Json | undefined, field: string): Money | undefined => {
  if (json === undefined) return undefined
  const currency = string(json, "currency_code", `${field}/currency_code`, 3)
  const value = string(json, "value", `${field}/value`, 32)
  if (currency === undefined || value === undefined) {
    const missing = `${field}/${currency === undefined ? "currency_code" : "value"}`
    throw malformed("MISSING_REQUIRED_PARAMETER", "A required field is missing.", missing)
  }
  const amount = paypalToIso(currency, value)
  if (typeof amount !== "number") throw refusedAmount(amount, `${field}/value`)
  return { amount, currency }
}

/** The payment source that can be charged without asking the payer again: a card, or something from the vault. */
export const sourceOf = (body: Json): { readonly name: string; readonly vaulted: boolean } | undefined => {
  const source = inner(body, "payment_source")
  const name = source === undefined ? undefined : Object.keys(source)[0]
  if (source === undefined || name === undefined) return undefined
  const given = inner(source, name) ?? {}
  const vaulted = name === "card" || name === "token" || "vault_id" in given || "billing_agreement_id" in given
  return { name, vaulted }
}

/** Creates and takes the money, or the hold, in one call. */
export const singleStep = (body: Json): boolean => sourceOf(body)?.vaulted === true
