/**
 * PayPal: an order that authorizes a vaulted source, then the capture of the authorization. Only the capture takes
 * money, and until then the authorization can be voided, which a single-step capture order cannot.
 */
import { Clock, Effect, type Redacted } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import type { ProviderCall } from "../calls.ts"
import { toPaypal } from "./currency.ts"
import { exchange, persistently, type Reply, reasonOf, safeUrl } from "./http.ts"
import { type Json, text } from "./json.ts"
import { failed, needsRead } from "./paypal-errors.ts"
import { refund } from "./paypal-refunds.ts"
import { paypalTokens } from "./paypal-token.ts"
import { authorizationOf, captureTold, orderTold, refundTold } from "./paypal-told.ts"
import { type ProviderPort, type Told, unknown } from "./port.ts"

export interface PaypalSettings {
  readonly url: string
  readonly client_id: string
  readonly secret: Redacted.Redacted
  readonly vault_id: string
  readonly timeout_ms: number
  readonly replay_ms: number
}

export const orderBody = (call: ProviderCall, vault_id: string): Json => {
  const { payment_id, attempt, amount, currency } = call
  const invoice_id = `${payment_id}-${attempt}`
  const value = { currency_code: currency, value: toPaypal(amount, currency) }
  return {
    intent: "AUTHORIZE",
    purchase_units: [{ reference_id: invoice_id, custom_id: payment_id, invoice_id, amount: value }],
    payment_source: { card: { vault_id } }
  }
}

const captureBody = ({ amount, currency }: ProviderCall): Json => ({
  amount: { currency_code: currency, value: toPaypal(amount, currency) },
  final_capture: true
})

type Read = Reply & { readonly kind: "reply"; readonly body: Json }

const succeeded = (reply: Reply): reply is Read =>
  reply.kind === "reply" && reply.status >= 200 && reply.status < 300 && reply.body !== undefined

/** PayPal's API as far as it is used here. */
const apiOf = (client: HttpClient.HttpClient, settings: PaypalSettings) => {
  const url = safeUrl(settings.url)
  const { timeout_ms } = settings
  const tokens = paypalTokens(client, { ...settings, url })

  /** With a token; a refused one is renewed once, and the request goes again under the same request id. */
  const authorized = (request: HttpClientRequest.HttpClientRequest, within: number): Effect.Effect<Reply> => {
    const once = (again: boolean): Effect.Effect<Reply> =>
      Effect.gen(function* () {
        const token = yield* tokens.get
        // Without a token nothing was sent: what became of the token's request is no outcome of this one.
        if (typeof token !== "string") return noToken(token)
        const reply = yield* exchange(client, HttpClientRequest.bearerToken(request, token), within)
        if (again || reply.kind === "silence" || reply.status !== 401) return reply
        yield* tokens.refuse(token)
        return yield* once(true)
      })
    return once(false)
  }
  const post = (path: string, body: Json, key: string, within: number) =>
    authorized(
      HttpClientRequest.post(`${url}/v2/${path}`).pipe(
        HttpClientRequest.setHeaders({ "paypal-request-id": key, prefer: "return=representation" }),
        HttpClientRequest.bodyText(JSON.stringify(body), "application/json")
      ),
      within
    )
  const get = (path: string) =>
    persistently(timeout_ms, (within) => authorized(HttpClientRequest.get(`${url}/v2/${path}`), within))

  /** The order as it is now: by its id, or by the create under its own key, which answers with the latest state. */
  const order = (call: ProviderCall): Effect.Effect<Reply> => {
    if (call.handle !== undefined) return get(`checkout/orders/${call.handle}`)
    const key = `${call.payment_id}:${call.provider}:${call.attempt}:create`
    const body = orderBody(call, settings.vault_id)
    return persistently(timeout_ms, (within) => post("checkout/orders", body, key, within))
  }
  return { post, get, order, ...settings }
}
export type PaypalApi = ReturnType<typeof apiOf>
type Api = PaypalApi

/** Beyond the life of its keys PayPal would take the create for a new order. */
const known = (api: Api, call: ProviderCall): Effect.Effect<Read | Told> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (call.handle === undefined && now - call.started_at >= api.replay_ms) return unknown("no_handle", "neutral")
    const reply = yield* api.order(call)
    return succeeded(reply) ? reply : asQuestion(failed(reply))
  })

const read = (api: Api, call: ProviderCall): Effect.Effect<Told> =>
  Effect.map(known(api, call), (reply) => ("kind" in reply ? orderTold(reply.body, call) : reply))

const charge = (api: Api, call: ProviderCall): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const reply = yield* api.order(call)
    if (!succeeded(reply)) return failed(reply)
    const told = orderTold(reply.body, call)
    const { handle } = told
    if (told.outcome !== "not_charged" || handle === undefined) return told
    const authorization = text(authorizationOf(reply.body), "id")
    // Nobody is there to approve it, and an order without an authorization cannot be captured by us.
    if (authorization === undefined) return { outcome: "rejected", code: "ORDER_NOT_AUTHORIZED", handle, health: "ok" }
    const path = `payments/authorizations/${authorization}/capture`
    const captured = yield* api.post(path, captureBody(call), call.idempotency_key, api.timeout_ms)
    if (succeeded(captured)) return { ...captureTold(captured.body, call), handle }
    return needsRead(captured) ? yield* read(api, { ...call, handle }) : { ...failed(captured), handle }
  })

const fence = (api: Api, call: ProviderCall): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const reply = yield* known(api, call)
    if (!("kind" in reply)) return reply
    const told = orderTold(reply.body, call)
    const { handle } = told
    if (told.outcome !== "not_charged" || handle === undefined) return told
    const authorization = text(authorizationOf(reply.body), "id")
    if (authorization === undefined) return { ...unknown("no_authorization", "ok"), handle }
    const path = `payments/authorizations/${authorization}/void`
    const voided = yield* persistently(api.timeout_ms, (within) => api.post(path, {}, call.idempotency_key, within))
    if (voided.kind === "reply" && voided.status === 204) return { outcome: "fenced", handle, health: "ok" }
    if (succeeded(voided) && text(voided.body, "status") === "VOIDED")
      return { outcome: "fenced", handle, health: "ok" }
    if (!needsRead(voided)) return { ...asQuestion(failed(voided)), handle }
    const after = yield* read(api, { ...call, handle })
    return after.outcome === "not_charged" ? { ...unknown("not_fenced", "ok"), handle } : after
  })

const reverse = (api: Api, call: ProviderCall): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const capture = call.provider_reference
    if (capture === undefined) return unknown("no_reference", "neutral")
    if (call.try > 1) {
      const reply = yield* api.get(`payments/captures/${capture}`)
      if (!succeeded(reply)) return asQuestion(failed(reply))
      if (text(reply.body, "status") === "REFUNDED") return { outcome: "reversed", health: "ok" }
    }
    const path = `payments/captures/${capture}/refund`
    const reply = yield* api.post(path, {}, call.idempotency_key, api.timeout_ms)
    if (succeeded(reply)) return refundTold(reply.body)
    const told = failed(reply)
    return told.code === "CAPTURE_FULLY_REFUNDED" ? { outcome: "reversed", health: "ok" } : asQuestion(told)
  })

export const paypal = (client: HttpClient.HttpClient, settings: PaypalSettings): ProviderPort => {
  const api = apiOf(client, settings)
  return {
    provider: "paypal",
    charge: (call) => charge(api, call),
    read: (call) => read(api, call),
    fence: (call) => fence(api, call),
    reverse: (call) => reverse(api, call),
    refund: (call) => refund(api, call),
    accepts: (amount, currency) => settings.vault_id !== "" && toPaypal(amount, currency) !== undefined
  }
}

/** Refused credentials are PayPal's answer; whatever else became of the token's request, this one was never sent. */
const noToken = (reply: Reply): Reply =>
  reply.kind === "reply" && (reply.status === 401 || reply.status === 403)
    ? reply
    : { kind: "silence", sent: false, reason: `token_${reasonOf(reply)}` }

/** A question that was refused leaves the attempt as unknown as it was. */
const asQuestion = (told: Told): Told =>
  told.outcome === "unknown" ? told : { ...unknown(told.code ?? told.outcome, told.health) }
