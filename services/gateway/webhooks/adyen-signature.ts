/**
 * Adyen's signature stands in each notification: HMAC-SHA256 with the hex-decoded key over eight of its values, joined
 * by colons and not escaped. Neither the date nor the reason is signed, and there is no time: a replay is found by its
 * id (PROVIDERS 3.4). One item that is not genuine refuses the whole delivery.
 */
import { createHmac } from "node:crypto"
import { inner, integer, type Json, list, text } from "../provider/json.ts"
import { type Checked, isName, jsonOf, refuse, sameBytes, type Told, textOf } from "./signed.ts"

export interface AdyenSigned {
  /** Hexadecimal; more than one while they are rotated. */
  readonly keys: ReadonlyArray<string>
  readonly merchant_account: string
}

const ITEMS_MAX = 100

export const itemsOf = (body: Json | undefined): ReadonlyArray<Json> =>
  list(body, "notificationItems").flatMap((item) => {
    const told = inner(item, "NotificationRequestItem")
    return told === undefined ? [] : [told]
  })

const signedBy = (item: Json): string =>
  [
    text(item, "pspReference"),
    text(item, "originalReference"),
    text(item, "merchantAccountCode"),
    text(item, "merchantReference"),
    integer(inner(item, "amount"), "value"),
    text(inner(item, "amount"), "currency"),
    text(item, "eventCode"),
    text(item, "success")
  ]
    .map((value) => value ?? "")
    .join(":")

export const adyenSignature = (item: Json, key: string): Buffer =>
  createHmac("sha256", Buffer.from(key, "hex")).update(signedBy(item), "utf8").digest()

const isGenuine = (item: Json, keys: ReadonlyArray<string>): boolean => {
  const signature = Buffer.from(text(inner(item, "additionalData"), "hmacSignature") ?? "", "base64")
  return keys.filter((key) => sameBytes(adyenSignature(item, key), signature)).length > 0
}

/** What makes a notification the same one: a modification's reference is its own, and its outcome may come twice. */
const toldBy = (item: Json, place: number): Told | undefined => {
  const [psp, type, success] = [text(item, "pspReference"), text(item, "eventCode"), text(item, "success")]
  const event_id = `${psp}:${type}:${success}`
  if (psp === undefined || !isName(type) || !isName(event_id)) return undefined
  return success === "true" || success === "false" ? { event_id, type, item: place } : undefined
}

export const checkAdyen = ({ keys, merchant_account }: AdyenSigned, body: Uint8Array): Checked => {
  if (keys.length === 0) return refuse("not_configured")
  const json = jsonOf(textOf(body))
  const items = itemsOf(json)
  if (items.length === 0 || items.length > ITEMS_MAX || items.length !== list(json, "notificationItems").length)
    return refuse("unreadable")
  if (items.some((item) => text(inner(item, "additionalData"), "hmacSignature") === undefined))
    return refuse("signature_missing")
  if (items.filter((item) => isGenuine(item, keys)).length < items.length) return refuse("forged")
  if (items.some((item) => text(item, "merchantAccountCode") !== merchant_account)) return refuse("wrong_merchant")
  const told = items.map(toldBy)
  return told.includes(undefined) ? refuse("unreadable") : { genuine: true, told: told.flatMap((one) => one ?? []) }
}
