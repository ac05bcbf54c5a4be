/**
 * Adyen: authorise a stored card, to be captured by hand, then capture. The authorisation takes no money, so the first
 * charge call only authorises; its pspReference is committed before the next one captures on it, and whoever never
 * heard a pspReference knows that nothing was captured.
 *
 * Adyen cannot be asked. What became of a call is told by the same call under the same key, or by a notification.
 */
import { Effect, Redacted } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { type ProviderCall, RECEIVED } from "../calls.ts"
import { failed, mayGoAgain, refused } from "./adyen-errors.ts"
import { refund } from "./adyen-refunds.ts"
import { currencyOf, fromAdyen, toAdyen } from "./currency.ts"
import { exchange, persistently, type Reply, safeUrl } from "./http.ts"
import { inner, integer, type Json, text } from "./json.ts"
import { type ProviderPort, type Told, unknown } from "./port.ts"

export interface AdyenSettings {
  /** Without the version: `https://checkout-test.adyen.com` or `https://….adyenpayments.com/checkout`. */
  readonly url: string
  readonly api_key: Redacted.Redacted
  readonly merchant_account: string
  readonly shopper_reference: string
  readonly stored_payment_method_id: string
  readonly timeout_ms: number
}

/** Pinned, as the SDK that judges us pins it. */
const ADYEN_VERSION = "v72"
/** Required, though nobody is there to return. */
const RETURN_URL = "https://wallet.invalid/"

/** Unique per attempt, or notifications and cancels would be ambiguous; no colon, which separates what is signed. */
const referenceOf = ({ payment_id, attempt }: ProviderCall): string => `${payment_id}-${attempt}`

/** JSON has no bigint; what `toAdyen` gives fits a JSON integer exactly. */
const amountOf = ({ amount, currency }: ProviderCall): Json => {
  const units = toAdyen(amount, currency)
  return { currency, value: Number(units) }
}

export const paymentBody = (call: ProviderCall, settings: AdyenSettings): Json => ({
  merchantAccount: settings.merchant_account,
  reference: referenceOf(call),
  amount: amountOf(call),
  paymentMethod: { type: "scheme", storedPaymentMethodId: settings.stored_payment_method_id },
  shopperReference: settings.shopper_reference,
  shopperInteraction: "ContAuth",
  recurringProcessingModel: "CardOnFile",
  // Whatever the account is set to: it must not capture by itself.
  additionalData: { manualCapture: "true" },
  returnUrl: RETURN_URL
})

type Read = Reply & { readonly kind: "reply"; readonly body: Json }

const succeeded = (reply: Reply): reply is Read =>
  reply.kind === "reply" && reply.status >= 200 && reply.status < 300 && reply.body !== undefined

const money = (json: Json): Pick<Told, "amount" | "currency"> => {
  const currency = currencyOf(text(inner(json, "amount"), "currency") ?? "")
  const value = integer(inner(json, "amount"), "value")
  const amount = currency === undefined || value === undefined ? undefined : fromAdyen(value, currency)
  return amount === undefined || currency === undefined ? {} : { amount, currency }
}

/** One key answers every body, so a reply is compared with what was asked. */
const isOurs = (reply: Json, call: ProviderCall): boolean => {
  const { amount, currency } = money(reply)
  return (
    (text(reply, "merchantReference") ?? text(reply, "reference") ?? referenceOf(call)) === referenceOf(call) &&
    (inner(reply, "amount") === undefined || (amount === call.amount && currency === call.currency))
  )
}

/** What an authorisation says; a missing `resultCode` says nothing. Only Authorised gives a handle to capture by. */
export const paymentTold = (payment: Json, call: ProviderCall): Told => {
  const handle = text(payment, "pspReference")
  const resultCode = text(payment, "resultCode")
  if (resultCode === undefined) return unknown("unreadable_answer")
  if (!isOurs(payment, call)) return unknown("reference_mismatch", "ok")
  switch (resultCode) {
    case "Authorised":
      return handle === undefined ? unknown("unreadable_answer") : { outcome: "not_charged", handle, health: "ok" }
    case "Refused":
    case "Error":
    case "Cancelled":
      return refused(payment, resultCode)
    case "Received":
    case "Pending":
      return { outcome: "pending", code: resultCode, health: "ok" }
    // Nobody is there to go anywhere, so a challenge is a decline.
    case "RedirectShopper":
    case "IdentifyShopper":
    case "ChallengeShopper":
    case "PresentToShopper":
      return { outcome: "declined", code: resultCode, decline_class: "hard", health: "ok" }
    default:
      return unknown("unreadable_answer", "ok")
  }
}

/** Received is as much as Adyen ever says: a capture that comes to nothing afterwards is told by notification. */
const captureTold = (capture: Json, call: ProviderCall & { readonly handle: string }): Told => {
  const { handle } = call
  if (text(capture, "status") !== "received") return unknown("unreadable_answer")
  if (text(capture, "paymentPspReference") !== handle || text(capture, "reference") !== referenceOf(call))
    return unknown("reference_mismatch", "ok")
  return { outcome: "succeeded", code: RECEIVED, provider_reference: handle, ...money(capture), health: "ok" }
}

/** Adyen's API as far as it is used here. */
const apiOf = (client: HttpClient.HttpClient, settings: AdyenSettings) => {
  const base = `${safeUrl(settings.url)}/${ADYEN_VERSION}`
  const { timeout_ms } = settings
  const post = (path: string, body: Json, key: string, within: number) =>
    HttpClientRequest.post(`${base}/${path}`).pipe(
      HttpClientRequest.setHeaders({
        "x-api-key": Redacted.value(settings.api_key),
        "idempotency-key": key,
        accept: "application/json"
      }),
      HttpClientRequest.bodyText(JSON.stringify(body), "application/json"),
      (request) => exchange(client, request, within)
    )
  /** For what cannot take money. */
  const insist = (path: string, body: Json, key: string) =>
    persistently(timeout_ms, (within) => post(path, body, key, within), mayGoAgain)
  return { post, insist, ...settings }
}
export type AdyenApi = ReturnType<typeof apiOf>
type Api = AdyenApi

const authorise = (api: Api, call: ProviderCall): Effect.Effect<Told> => {
  const key = `${call.payment_id}:${call.provider}:${call.attempt}:create`
  return Effect.map(api.insist("payments", paymentBody(call, api), key), (reply) =>
    succeeded(reply) ? paymentTold(reply.body, call) : failed(reply)
  )
}

const capture = (api: Api, call: ProviderCall & { readonly handle: string }): Effect.Effect<Told> => {
  const { handle, idempotency_key } = call
  const body = { merchantAccount: api.merchant_account, reference: referenceOf(call), amount: amountOf(call) }
  return Effect.map(api.post(`payments/${handle}/captures`, body, idempotency_key, api.timeout_ms), (reply) => ({
    ...(succeeded(reply) ? captureTold(reply.body, call) : failed(reply)),
    handle
  }))
}

const received = (reply: Reply): boolean => succeeded(reply) && text(reply.body, "status") === "received"

/**
 * Cancelled by our reference. That it was received settles the matter where nothing was captured: only we capture, and
 * the attempt is over. Where a capture may be under way only the notification tells which of the two came first.
 */
const fence = (api: Api, call: ProviderCall): Effect.Effect<Told> => {
  const reference = referenceOf(call)
  const body = { merchantAccount: api.merchant_account, paymentReference: reference, reference }
  return Effect.map(api.insist("cancels", body, call.idempotency_key), (reply) => {
    if (!received(reply)) return asQuestion(succeeded(reply) ? unknown("unreadable_answer") : failed(reply))
    const uncaptured = call.handle === undefined || call.untaken === true
    return uncaptured ? { outcome: "fenced", code: "cancel_received", health: "ok" } : unknown("cancel_received", "ok")
  })
}

/** Cancels or refunds, whichever is left to do, and at most what was captured, however often it is asked for. */
const reverse = (api: Api, call: ProviderCall): Effect.Effect<Told> => {
  const payment = call.provider_reference ?? call.handle
  if (payment === undefined) return Effect.succeed(unknown("no_reference", "neutral"))
  const body = { merchantAccount: api.merchant_account, reference: referenceOf(call) }
  return Effect.map(api.post(`payments/${payment}/reversals`, body, call.idempotency_key, api.timeout_ms), (reply) => {
    if (!received(reply)) return asQuestion(succeeded(reply) ? unknown("unreadable_answer") : failed(reply))
    // What was received is no refund: that is told by notification.
    return { outcome: "pending", code: "reversal_received", health: "ok" }
  })
}

export const adyen = (client: HttpClient.HttpClient, settings: AdyenSettings): ProviderPort => {
  const api = apiOf(client, settings)
  return {
    provider: "adyen",
    charge: (call) =>
      call.handle === undefined ? authorise(api, call) : capture(api, { ...call, handle: call.handle }),
    read: () => Effect.succeed(unknown("cannot_be_asked", "neutral")),
    fence: (call) => fence(api, call),
    reverse: (call) => reverse(api, call),
    refund: (call) => refund(api, call),
    accepts: (amount, currency) => settings.stored_payment_method_id !== "" && toAdyen(amount, currency) !== undefined
  }
}

/** A question that was refused leaves the attempt as unknown as it was. */
const asQuestion = (told: Told): Told =>
  told.outcome === "unknown" ? told : { ...unknown(told.code ?? told.outcome, told.health) }
