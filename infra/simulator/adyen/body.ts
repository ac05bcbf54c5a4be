/** Reads what we use of Checkout's JSON bodies. */
import { adyenToIso } from "../currency.ts"
import { invalid, missing, refusedAmount, unreadable, wrongMerchant } from "./problem.ts"

export type Json = { readonly [name: string]: unknown }

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const parseBody = (text: string): Json => {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Told below, like any other body that is no object.
  }
  throw unreadable()
}

/** A body that is no JSON is refused when it is run; to plan with, it is empty. */
export const bodyOrEmpty = (text: string): Json => {
  try {
    return parseBody(text)
  } catch {
    return {}
  }
}

export const inner = (body: Json, name: string): Json | undefined => {
  const value = body[name]
  return isObject(value) ? value : undefined
}

export const text = (body: Json | undefined, name: string): string | undefined => {
  const value = body?.[name]
  return typeof value === "string" && value !== "" ? value : undefined
}

const REFERENCE_LENGTH_MAX = 80

export const referenceOf = (body: Json, name: string): string | undefined => {
  const reference = text(body, name)
  if (reference !== undefined && reference.length > REFERENCE_LENGTH_MAX)
    throw invalid("130", `${name} is longer than ${REFERENCE_LENGTH_MAX} characters`)
  return reference
}

export const merchantOf = (body: Json): string => {
  const account = text(body, "merchantAccount")
  if (account === undefined) throw wrongMerchant()
  return account
}

export type Money = { readonly amount: number; readonly currency: string }

export const moneyOf = (body: Json): Money => {
  const given = inner(body, "amount")
  if (given === undefined) throw missing("amount")
  const [currency, value] = [text(given, "currency") ?? "", given["value"]]
  const amount = adyenToIso(currency, typeof value === "number" ? value : Number.NaN)
  if (typeof amount !== "number") throw refusedAmount(amount)
  return { amount, currency }
}

/**
 * The account captures by itself, as Adyen's default is, unless the request says otherwise: `captureDelayHours` above 0
 * or `additionalData.manualCapture`.
 */
export const capturesItself = (body: Json): boolean => {
  const hours = body["captureDelayHours"]
  if (typeof hours === "number") return hours === 0
  return text(inner(body, "additionalData"), "manualCapture") !== "true"
}
