/**
 * Adyen's notifications. The signature is inside: HMAC-SHA256 with the hex-decoded key over eight values of the item,
 * neither the date nor the reason among them. `success` and `live` are strings.
 */
import { createHmac } from "node:crypto"
import { iso, now } from "../clock.ts"
import { isoToAdyen } from "../currency.ts"
import type { Modification, Payment, Store } from "./records.ts"

export type EventCode =
  | "AUTHORISATION"
  | "CAPTURE"
  | "CAPTURE_FAILED"
  | "CANCELLATION"
  | "TECHNICAL_CANCEL"
  | "CANCEL_OR_REFUND"
  | "REFUND"
  | "REFUND_FAILED"

type Item = {
  readonly pspReference: string
  readonly originalReference?: string | undefined
  readonly merchantAccountCode: string
  readonly merchantReference: string
  readonly amount: { readonly currency: string; readonly value: number }
  readonly eventCode: EventCode
  readonly success: "true" | "false"
  /** Not signed, like all that follows. */
  readonly eventDate: string
  readonly paymentMethod: string
  readonly reason: string
  readonly operations?: ReadonlyArray<string>
}

export const signatureOf = (item: Item, hmacKey: string): string => {
  const { pspReference, originalReference = "", merchantAccountCode, merchantReference, amount } = item
  const { eventCode, success } = item
  const signed = [
    pspReference,
    originalReference,
    merchantAccountCode,
    merchantReference,
    amount.value,
    amount.currency,
    eventCode,
    success
  ].join(":")
  return createHmac("sha256", Buffer.from(hmacKey, "hex")).update(signed, "utf8").digest("base64")
}

type Told = {
  readonly success: boolean
  readonly reason?: string | undefined
  readonly modification?: Modification
  /** What a cancel-or-refund turned out to be. */
  readonly action?: "cancel" | "refund"
}

const itemOf = (eventCode: EventCode, payment: Payment | undefined, told: Told): Item => {
  const { modification } = told
  const currency = modification?.currency ?? payment?.currency ?? ""
  const amount = modification?.amount ?? payment?.amount ?? 0
  return {
    amount: { currency, value: currency === "" ? 0 : isoToAdyen(currency, amount) },
    eventCode,
    eventDate: `${iso(now()).slice(0, 19)}+00:00`,
    merchantAccountCode: modification?.merchantAccount ?? payment?.merchantAccount ?? "",
    merchantReference: modification?.reference ?? payment?.reference ?? "",
    ...(modification !== undefined && payment !== undefined ? { originalReference: payment.id } : {}),
    paymentMethod: payment?.method ?? "",
    pspReference: modification?.id ?? payment?.id ?? "",
    reason: told.reason ?? "",
    success: told.success ? "true" : "false",
    ...(eventCode === "AUTHORISATION" && told.success ? { operations: ["CANCEL", "CAPTURE", "REFUND"] } : {})
  }
}

export const notify = (store: Store, eventCode: EventCode, payment: Payment | undefined, told: Told): void => {
  const { webhooks } = store.outside
  if (!webhooks.on) return
  const item = itemOf(eventCode, payment, told)
  const additionalData = {
    ...(told.action === undefined ? {} : { "modification.action": told.action }),
    ...(store.hmacKey === undefined ? {} : { hmacSignature: signatureOf(item, store.hmacKey) })
  }
  const NotificationRequestItem = { additionalData, ...item }
  const body = JSON.stringify({ live: "false", notificationItems: [{ NotificationRequestItem }] })
  webhooks.send({ provider: "adyen", body })
}
