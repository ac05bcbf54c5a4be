/** PayPal, Orders v2 and Payments v2, as a provider of the simulator. */
import { paypalToIso } from "../currency.ts"
import type { Drawn, Op } from "../faults.ts"
import { debugId } from "../ids.ts"
import { type Answer, type Call, header, type Outside, type Plan, type Provider } from "../provider.ts"
import { inner, type Json, parseBody, singleStep } from "./body.ts"
import { findKey, keyId, pruneKeys, storeKey } from "./keys.ts"
import { checkToken, controlTokens, issueToken } from "./oauth.ts"
import { approveOrder, createOrder, finishOrder } from "./orders.ts"
import { captureAuthorization, refundCapture, reverse, settle, settleRefund, voidAuthorization } from "./payments.ts"
import { inProgress, malformed, notFound, Problem, rateLimited, serverError, unprocessable } from "./problem.ts"
import { makeStore, type Store } from "./records.ts"
import { renderAny } from "./render.ts"
import { findRoute, type Route } from "./routes.ts"
import { CERT_PATH, Signing, VERIFY_PATH } from "./signing.ts"

const execute = (store: Store, route: Route, body: Json, call: Call, fault: Drawn | undefined): string => {
  switch (route.name) {
    case "order.create":
      return createOrder(store, body, requestIdOf(call), fault).id
    case "order.authorize":
      return finishOrder(store, route.id, "AUTHORIZE", body, fault).id
    case "order.capture":
      return finishOrder(store, route.id, "CAPTURE", body, fault).id
    case "authorization.capture":
      return captureAuthorization(store, route.id, body, fault).id
    case "authorization.void":
      return voidAuthorization(store, route.id).id
    case "capture.refund":
      return refundCapture(store, route.id, body, fault).id
    default:
      return route.id
  }
}

const requestIdOf = (call: Call): string | undefined =>
  call.method === "POST" ? header(call.headers, "paypal-request-id") : undefined

/** The sandbox's own negative testing: `PayPal-Mock-Response: {"mock_application_codes":"INSTRUMENT_DECLINED"}`. */
const refuseIfMocked = (call: Call): void => {
  const mock = header(call.headers, "paypal-mock-response")
  const code = mock === undefined ? undefined : /"mock_application_codes"\s*:\s*"([A-Z_]+)"/.exec(mock)?.[1]
  if (code !== undefined) throw unprocessable(code, "Requested by PayPal-Mock-Response.")
}

/** A body that is no JSON is refused when it is run; to plan with, it is empty. */
const bodyOrEmpty = (call: Call): Json => {
  try {
    return parseBody(call.body)
  } catch {
    return {}
  }
}

const paymentOf = (store: Store, route: Route, body: Json): string | undefined => {
  if (route.name === "order.create") {
    const custom = unitOf(body)?.["custom_id"]
    return typeof custom === "string" ? custom : undefined
  }
  const { orders, authorizations, captures, refunds } = store
  const { id } = route
  return (orders.get(id) ?? authorizations.get(id) ?? captures.get(id) ?? refunds.get(id))?.custom_id
}

const unitOf = (body: Json): Json | undefined => {
  const units = body["purchase_units"]
  return inner({ unit: Array.isArray(units) ? units[0] : undefined }, "unit")
}

const amountOf = (body: Json): number | undefined => {
  const { value, currency_code: currency } = inner(unitOf(body), "amount") ?? {}
  const amount = typeof value === "string" && typeof currency === "string" ? paypalToIso(currency, value) : undefined
  return typeof amount === "number" ? amount : undefined
}

const opsOf = (route: Route | undefined, body: Json): ReadonlyArray<Op> => {
  if (route === undefined) return ["read"]
  const charges = route.name === "order.create" && body["intent"] === "CAPTURE" && singleStep(body)
  return charges ? ["charge", "create"] : [route.op]
}

/** What a caller gets who only needs to know that it worked. */
const respond = (store: Store, route: Route, id: string, call: Call, status: number): Answer => {
  const whole = route.name === "read" || (header(call.headers, "prefer") ?? "").includes("return=representation")
  if (route.name === "authorization.void" && !whole) return answer(204, undefined)
  const shown = renderAny(store, id, whole)
  if (shown === undefined) throw notFound()
  return answer(route.name === "authorization.void" ? 200 : status, shown)
}

const answer = (status: number, body: object | undefined): Answer => ({
  status,
  body: body === undefined ? "" : JSON.stringify(body),
  headers: { "content-type": "application/json", "paypal-debug-id": debugId() }
})

const failed = (problem: Problem): Answer => answer(problem.status, problem.body)

/** What surrounds the call-backs: the certificate they name, and the postback that checks their signature. */
const notification = (store: Store, signing: Signing, call: Call): Answer | undefined => {
  if (call.method === "GET" && call.path === CERT_PATH)
    return { status: 200, body: signing.certificate(), headers: { "content-type": "application/x-pem-file" } }
  if (call.method !== "POST" || call.path !== VERIFY_PATH) return undefined
  checkToken(store, header(call.headers, "authorization"))
  return answer(200, signing.verify(call.body))
}

const planOf = (store: ReturnType<typeof makeStore>, call: Call): Plan => {
  const route = findRoute(call.method, call.path)
  const body = bodyOrEmpty(call)
  const ops = opsOf(route, body)
  const requestId = requestIdOf(call)
  const keyed = route !== undefined && requestId !== undefined && route.op !== "oauth"
  return {
    op: ops[0] ?? "read",
    ops,
    idempotencyKey: requestId,
    lock: keyed ? `paypal ${keyId(route, requestId)}` : undefined,
    paymentId: route === undefined ? undefined : paymentOf(store, route, body),
    amount: () => (route?.name === "order.create" ? amountOf(body) : undefined)
  }
}

export const makePaypal = (outside: Outside, webhookId: string | undefined): Provider => {
  const store = makeStore(outside)
  const signing = new Signing(outside.world, webhookId ?? "")
  if (webhookId !== undefined) outside.webhooks.signedBy("paypal", signing.signer)

  const begin = (call: Call, fault: Drawn | undefined, busy: boolean): Answer => {
    const route = findRoute(call.method, call.path)
    const aside = route === undefined ? notification(store, signing, call) : undefined
    if (aside !== undefined) return aside
    if (route === undefined) throw notFound()
    if (fault?.fault === "429") throw rateLimited()
    if (fault?.fault === "5xx-before") throw serverError(fault.code)
    const authorization = header(call.headers, "authorization")
    if (fault?.fault === "reject-before")
      throw malformed(fault.code ?? "INVALID_PARAMETER_SYNTAX", "The request was refused before it was executed.")
    if (route.name === "oauth") {
      const token = answer(200, issueToken(store, authorization, call.body))
      return fault?.fault === "5xx-after" ? failed(serverError(fault.code)) : token
    }
    checkToken(store, authorization)
    if (busy || fault?.fault === "409") throw inProgress()
    const requestId = requestIdOf(call)
    const key = requestId === undefined || route.name === "read" ? undefined : keyId(route, requestId)
    const before = key === undefined ? undefined : findKey(store, key)
    let done: Answer
    if (before !== undefined) done = respond(store, route, before.of, call, 200)
    else {
      if (route.name !== "read") refuseIfMocked(call)
      const id = execute(store, route, parseBody(call.body), call, fault)
      if (key !== undefined) storeKey(store, key, id)
      done = respond(store, route, id, call, route.name === "read" ? 200 : 201)
    }
    return fault?.fault === "5xx-after" ? failed(serverError(fault.code)) : done
  }

  return {
    name: "paypal",
    owns: (path) => path.startsWith("/v2/") || path.startsWith("/v1/oauth2/") || path.startsWith("/v1/notifications/"),
    plan: (call) => planOf(store, call),
    run: (call, fault, busy) => {
      try {
        return begin(call, fault, busy)
      } catch (problem) {
        if (problem instanceof Problem) return failed(problem)
        throw problem
      }
    },
    start: () => pruneKeys(store),
    controls: {
      oauth: (input) => controlTokens(store, input),
      approve: (input) => approveOrder(store, input)
    },
    later: {
      "paypal.settle": (id) => void settle(store, id),
      "paypal.reverse": (id) => reverse(store, id),
      "paypal.refund_settle": (id) => void settleRefund(store, id)
    }
  }
}
