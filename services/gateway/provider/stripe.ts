/**
 * Stripe: create a PaymentIntent, then confirm it. The first call cannot take money and gives a handle by which the
 * second can be read and cancelled, whatever becomes of its answer.
 */
import { Clock, Effect, Redacted } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import type { ProviderCall } from "../calls.ts"
import { currencyOf, fromStripe, toStripe } from "./currency.ts"
import { exchange, persistently, type Reply, safeUrl } from "./http.ts"
import { inner, integer, type Json, list, text } from "./json.ts"
import { type ProviderPort, type Told, unknown } from "./port.ts"
import { declined, failed, needsRead } from "./stripe-errors.ts"
import { refund } from "./stripe-refunds.ts"

export interface StripeSettings {
  readonly url: string
  readonly secret: Redacted.Redacted
  readonly payment_method: string
  readonly timeout_ms: number
  readonly replay_ms: number
}

/** Pinned, so that an upgrade of the account's default changes nothing here. */
const STRIPE_VERSION = "2026-10-28.endive"
const CLOCK_SKEW_MS = 300_000
const LIST_PAGES_MAX = 50

type Form = ReadonlyArray<readonly [string, string]>

export const formOf = (form: Form): string =>
  form.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&")

export const createForm = ({ amount, currency, payment_id, attempt }: ProviderCall, paymentMethod: string): Form => [
  ["amount", String(toStripe(amount, currency))],
  ["currency", currency.toLowerCase()],
  ["payment_method", paymentMethod],
  ["automatic_payment_methods[enabled]", "true"],
  ["automatic_payment_methods[allow_redirects]", "never"],
  ["capture_method", "automatic"],
  ["metadata[payment_id]", payment_id],
  ["metadata[attempt]", String(attempt)]
]

/** Nobody is there to complete a challenge, so one is a decline. */
const CONFIRM: Form = [
  ["off_session", "true"],
  ["error_on_requires_action", "true"]
]
const CANCEL: Form = [["cancellation_reason", "abandoned"]]

const succeeded = (reply: Reply): reply is Reply & { readonly kind: "reply"; readonly body: Json } =>
  reply.kind === "reply" && reply.status >= 200 && reply.status < 300 && reply.body !== undefined

/** What a PaymentIntent says about the money. */
export const intentTold = (intent: Json, call: Pick<ProviderCall, "payment_id" | "handle">): Told => {
  const handle = text(intent, "id")
  if (handle === undefined || (call.handle !== undefined && call.handle !== handle)) return unknown("unreadable_answer")
  const told = (outcome: Told["outcome"], code?: string): Told => ({
    outcome,
    handle,
    health: "ok",
    ...(code !== undefined && { code })
  })
  if (text(inner(intent, "metadata"), "payment_id") !== call.payment_id)
    return { ...unknown("reference_mismatch", "ok"), handle }
  switch (text(intent, "status")) {
    case "succeeded":
      return charged(intent, handle)
    case "canceled":
      return told("fenced", text(intent, "cancellation_reason"))
    case "requires_confirmation":
      return told("not_charged")
    case "requires_payment_method": {
      const error = inner(intent, "last_payment_error")
      return error === undefined ? told("not_charged") : { ...declined(error), handle }
    }
    case "processing":
    case "requires_action":
    case "requires_capture":
      return told("pending", text(intent, "status"))
    default:
      return { ...unknown("unreadable_answer"), handle }
  }
}

/** With amount and currency as Stripe has them: who asked compares them. */
const charged = (intent: Json, handle: string): Told => {
  const currency = currencyOf(text(intent, "currency") ?? "")
  const units = integer(intent, "amount_received") ?? integer(intent, "amount")
  const amount = currency === undefined || units === undefined ? undefined : fromStripe(units, currency)
  const refunded = inner(intent, "latest_charge")?.["refunded"] === true
  return {
    outcome: refunded ? "reversed" : "succeeded",
    handle,
    provider_reference: handle,
    health: "ok",
    ...(amount !== undefined && currency !== undefined && { amount, currency })
  }
}

/** Stripe's API as far as it is used here. */
const apiOf = (client: HttpClient.HttpClient, settings: StripeSettings) => {
  const base = safeUrl(settings.url)
  const { timeout_ms } = settings
  const headers = {
    authorization: `Bearer ${Redacted.value(settings.secret)}`,
    "stripe-version": STRIPE_VERSION,
    accept: "application/json"
  }
  const post = (path: string, form: Form, key: string, within: number) =>
    HttpClientRequest.post(`${base}/v1/${path}`).pipe(
      HttpClientRequest.setHeaders({ ...headers, "idempotency-key": key }),
      HttpClientRequest.bodyText(formOf(form), "application/x-www-form-urlencoded"),
      (request) => exchange(client, request, within)
    )
  const get = (path: string) =>
    persistently(timeout_ms, (within) =>
      exchange(client, HttpClientRequest.get(`${base}/v1/${path}`).pipe(HttpClientRequest.setHeaders(headers)), within)
    )
  const create = (call: ProviderCall) => {
    const key = `${call.payment_id}:${call.provider}:${call.attempt}:create`
    const form = createForm(call, settings.payment_method)
    return persistently(timeout_ms, (within) => post("payment_intents", form, key, within))
  }
  return { post, get, create, ...settings }
}
export type StripeApi = ReturnType<typeof apiOf>
type Api = StripeApi

/** The intent as it is now. */
const look = (api: Api, call: ProviderCall, id: string): Effect.Effect<Told> =>
  Effect.map(api.get(`payment_intents/${id}?expand[0]=latest_charge`), (reply) =>
    succeeded(reply) ? intentTold(reply.body, { ...call, handle: id }) : withHandle(asQuestion(failed(reply)), id)
  )

/** No intent of this attempt was ever known to anybody, so there is nothing that could be confirmed. */
const NEVER_CREATED: Told = { outcome: "fenced", code: "never_created", health: "ok" }

/** The create failed when it was executed, and Stripe says so again. A replay that cannot be read says nothing. */
const storedError = (reply: Reply): boolean =>
  reply.kind === "reply" &&
  reply.status >= 400 &&
  inner(reply.body, "error") !== undefined &&
  reply.headers["idempotent-replayed"] === "true"

/** The handle, if its answer was lost: the replayed create gives it again and cannot take money. */
const regain = (api: Api, call: ProviderCall): Effect.Effect<string | Told> =>
  Effect.gen(function* () {
    if (call.handle !== undefined) return call.handle
    const now = yield* Clock.currentTimeMillis
    if (now - call.started_at >= api.replay_ms) return yield* search(api, call)
    const reply = yield* api.create(call)
    if (succeeded(reply)) return text(reply.body, "id") ?? unknown("unreadable_answer")
    return storedError(reply) ? NEVER_CREATED : asQuestion(failed(reply))
  })

/** The list (not the search, whose index lags) is consistent with every write before it. */
const search = (api: Api, call: ProviderCall): Effect.Effect<string | Told> =>
  Effect.gen(function* () {
    const since = Math.floor((call.started_at - CLOCK_SKEW_MS) / 1000)
    let after = ""
    for (let page = 0; page < LIST_PAGES_MAX; page++) {
      const reply = yield* api.get(`payment_intents?created[gte]=${since}&limit=100${after}`)
      if (!succeeded(reply)) return asQuestion(failed(reply))
      const intents = list(reply.body, "data")
      const found = intents.find((intent) => {
        const metadata = inner(intent, "metadata")
        return text(metadata, "payment_id") === call.payment_id && text(metadata, "attempt") === String(call.attempt)
      })
      const id = text(found, "id")
      if (id !== undefined) return id
      const last = text(intents.at(-1), "id")
      if (reply.body["has_more"] !== true || last === undefined) return NEVER_CREATED
      after = `&starting_after=${last}`
    }
    return unknown("list_too_long", "neutral")
  })

const charge = (api: Api, call: ProviderCall): Effect.Effect<Told> =>
  Effect.gen(function* () {
    let handle = call.handle
    if (handle === undefined) {
      const reply = yield* api.create(call)
      handle = succeeded(reply) ? text(reply.body, "id") : undefined
      if (handle === undefined) return notCreated(reply)
    }
    const reply = yield* api.post(`payment_intents/${handle}/confirm`, CONFIRM, call.idempotency_key, api.timeout_ms)
    if (succeeded(reply)) {
      const told = intentTold(reply.body, { ...call, handle })
      return told.outcome === "not_charged" ? { ...unknown("unreadable_answer"), handle } : told
    }
    return needsRead(reply) ? yield* look(api, call, handle) : withHandle(failed(reply), handle)
  })

const fence = (api: Api, call: ProviderCall): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const handle = yield* regain(api, call)
    if (typeof handle !== "string") return handle
    const reply = yield* persistently(api.timeout_ms, (within) =>
      api.post(`payment_intents/${handle}/cancel`, CANCEL, call.idempotency_key, within)
    )
    const told = succeeded(reply)
      ? intentTold(reply.body, { ...call, handle })
      : needsRead(reply)
        ? yield* look(api, call, handle)
        : withHandle(asQuestion(failed(reply)), handle)
    return told.outcome === "not_charged" ? { ...unknown("not_fenced", "ok"), handle } : told
  })

const reverse = (api: Api, call: ProviderCall): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const intent = call.provider_reference ?? call.handle
    if (intent === undefined) return unknown("no_reference", "neutral")
    if (call.try > 1) {
      const reply = yield* api.get(`refunds?payment_intent=${intent}&limit=100`)
      if (!succeeded(reply)) return asQuestion(failed(reply))
      const known = list(reply.body, "data").map(refundTold)
      const done = known.find(({ outcome }) => outcome === "reversed") ?? known.find((r) => r.outcome === "pending")
      if (done !== undefined) return done
    }
    const form: Form = [
      ["payment_intent", intent],
      ["metadata[payment_id]", call.payment_id],
      ["metadata[attempt]", String(call.attempt)]
    ]
    const reply = yield* api.post("refunds", form, call.idempotency_key, api.timeout_ms)
    if (succeeded(reply)) return refundTold(reply.body)
    const told = failed(reply)
    return told.code === "charge_already_refunded" ? { outcome: "reversed", health: "ok" } : asQuestion(told)
  })

export const stripe = (client: HttpClient.HttpClient, settings: StripeSettings): ProviderPort => {
  const api = apiOf(client, settings)
  return {
    provider: "stripe",
    charge: (call) => charge(api, call),
    read: (call) =>
      Effect.flatMap(regain(api, call), (handle) =>
        typeof handle === "string" ? look(api, call, handle) : Effect.succeed(handle)
      ),
    fence: (call) => fence(api, call),
    reverse: (call) => reverse(api, call),
    refund: (call) => refund(api, call),
    accepts: (amount, currency) => settings.payment_method !== "" && toStripe(amount, currency) !== undefined
  }
}

const withHandle = (told: Told, handle: string): Told => ({ ...told, handle })

/** A question that was refused leaves the attempt as unknown as it was. */
const asQuestion = (told: Told): Told =>
  told.outcome === "unknown" ? told : { ...unknown(told.code ?? told.outcome, told.health) }

/** A create cannot take money, so it is never unknown: without an intent nothing was sent that could charge. */
const notCreated = (reply: Reply): Told => {
  const told = succeeded(reply) ? unknown("unreadable_answer") : failed(reply)
  if (told.outcome !== "unknown" || told.reason === "idempotency_error") return told
  const { reason = "unknown", health } = told
  return { outcome: "not_sent", code: reason, health }
}

const refundTold = (refund: Json): Told => {
  const provider_reference = text(refund, "id")
  if (provider_reference === undefined) return unknown("unreadable_answer")
  switch (text(refund, "status")) {
    case "succeeded":
      return { outcome: "reversed", provider_reference, health: "ok" }
    case "pending":
    case "requires_action":
      return { outcome: "pending", health: "ok" }
    default:
      return unknown("refund_failed", "ok")
  }
}
