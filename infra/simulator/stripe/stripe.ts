/** Stripe, API v1, as a provider of the simulator: authentication, idempotency, faults, and then the endpoint. */
import { stripeToIso } from "../currency.ts"
import type { Drawn, Op } from "../faults.ts"
import { emptyForm, type Form, flatStrings, group, parseForm, text } from "../form.ts"
import { stripeId } from "../ids.ts"
import { type Answer, type Call, header, type Outside, type Plan, type Provider } from "../provider.ts"
import { API_VERSION, stripeSigner } from "./events.ts"
import { listIntents, listRefunds, searchIntents } from "./finds.ts"
import {
  cancelIntent,
  captureIntent,
  confirmIntent,
  createIntent,
  findIntent,
  reverseCharge,
  settleIntent
} from "./intents.ts"
import { findKey, pruneKeys, storeKey } from "./keys.ts"
import { invalid, keyInUse, missing, Problem, rateLimited, serverError, unauthorized } from "./problem.ts"
import { type Asked, type Key, makeStore, type Of, type Shown, type Store } from "./records.ts"
import { createRefund, failRefund, settleRefund } from "./refunds.ts"
import { renderCharge, renderIntent, renderProblem, renderRefund } from "./render.ts"
import { findRoute, type Route, refuseUnknown } from "./routes.ts"

type Result = { readonly body: string; readonly of?: Of }

const wantsCharge = (form: Form): boolean => Object.values(group(form, "expand") ?? {}).includes("latest_charge")

const show = (shown: Shown, form: Form): string =>
  JSON.stringify(
    shown.refund !== undefined
      ? renderRefund(shown.refund)
      : renderIntent(shown.intent!, wantsCharge(form) ? shown.charge : undefined)
  )

const showIntent = (store: Store, id: string, form: Form): Result => {
  const intent = findIntent(store, id)
  const charge = intent.charge === undefined ? undefined : store.charges.get(intent.charge)
  return { body: show({ intent, charge }, form), of: { intent: id } }
}

const execute = (store: Store, route: Route, form: Form, fault: Drawn | undefined, asked: Asked): Result => {
  refuseUnknown(route, form)
  switch (route.name) {
    case "create":
      return showIntent(store, createIntent(store, form, fault, asked).id, form)
    case "confirm":
      return showIntent(store, confirmIntent(store, findIntent(store, route.id), form, fault, asked).id, form)
    case "capture":
      return showIntent(store, captureIntent(store, findIntent(store, route.id), form, fault, asked).id, form)
    case "cancel":
      return showIntent(store, cancelIntent(store, findIntent(store, route.id), form, asked).id, form)
    case "get":
      return showIntent(store, route.id, form)
    case "refund": {
      const refund = createRefund(store, form, fault, asked)
      return { body: JSON.stringify(renderRefund(refund)), of: { refund: refund.id } }
    }
    case "get_refund": {
      const refund = store.refunds.get(route.id)
      if (refund === undefined) throw missing("refund", route.id, "id")
      return { body: JSON.stringify(renderRefund(refund)) }
    }
    case "get_charge": {
      const charge = store.charges.get(route.id)
      if (charge === undefined) throw missing("charge", route.id, "id")
      return { body: JSON.stringify(renderCharge(charge, findIntent(store, charge.intent))) }
    }
    case "list":
      return { body: JSON.stringify(listIntents(store, form)) }
    case "list_refunds":
      return { body: JSON.stringify(listRefunds(store, form)) }
    case "search":
      return { body: JSON.stringify(searchIntents(store, form)) }
  }
}

const refusedBefore = (fault: Drawn | undefined): Problem | undefined => {
  if (fault?.fault === "reject-before") return invalid("The request was refused before it was executed.", fault.code)
  if (fault?.fault === "5xx-before") return serverError(fault.code)
  return undefined
}

const keyOf = (call: Call): string | undefined =>
  call.method === "POST" ? header(call.headers, "idempotency-key") : undefined

/** What must be the same when a key comes again: endpoint and parameters, byte for byte. */
const requestOf = (call: Call): string => `${call.path} ${Bun.hash(call.body).toString(36)}`

/** A call is looked at twice, to plan and to run; its parameters are parsed once. */
const formOf = (): ((call: Call) => Form) => {
  let last: Call | undefined
  let form: Form = emptyForm()
  return (call) => {
    if (call !== last) form = parseForm(call.method === "POST" ? call.body : call.query)
    last = call
    return form
  }
}

const paymentOf = (store: Store, route: Route, form: Form): string | undefined => {
  if (route.name === "create") return flatStrings(group(form, "metadata"))["payment_id"]
  const charge = text(form, "charge") ?? route.id
  const intent =
    text(form, "payment_intent") ?? store.charges.get(charge)?.intent ?? store.refunds.get(route.id)?.intent
  return store.intents.get(intent ?? route.id)?.metadata["payment_id"]
}

const amountOf = (form: Form): number | undefined => {
  const [amount, currency] = [Number(text(form, "amount")), text(form, "currency")]
  return currency === undefined || !Number.isSafeInteger(amount) ? undefined : stripeToIso(currency, amount)
}

const opsOf = (route: Route | undefined, form: Form): ReadonlyArray<Op> => {
  if (route === undefined) return ["read"]
  if (route.name === "create" && form["confirm"] === "true") return ["charge", "create"]
  return [route.op]
}

const answer = (call: Call, request_id: string, status: number, body: string, more: Answer["headers"]): Answer => {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "request-id": request_id,
    "stripe-version": header(call.headers, "stripe-version") ?? API_VERSION
  }
  const key = keyOf(call)
  if (key !== undefined) headers["idempotency-key"] = key
  return { status, body, headers: Object.assign(headers, more) }
}

const replay = (call: Call, key: Key, form: Form): Answer => {
  const body = key.body ?? show(key.shown ?? {}, form)
  const headers: Record<string, string> = { "idempotent-replayed": "true", "original-request": key.request_id }
  if (key.status >= 500) headers["stripe-should-retry"] = "false"
  return answer(call, stripeId("req"), key.status, body, headers)
}

const planOf = (store: ReturnType<typeof makeStore>, parsed: (call: Call) => Form, call: Call): Plan => {
  const route = findRoute(call.method, call.path)
  const form = parsed(call)
  const ops = opsOf(route, form)
  const key = keyOf(call)
  return {
    op: ops[0] ?? "read",
    ops,
    idempotencyKey: key,
    lock: key === undefined ? undefined : `stripe ${key}`,
    paymentId: route === undefined ? undefined : paymentOf(store, route, form),
    amount: () => (route?.name === "create" ? amountOf(form) : undefined)
  }
}

export const makeStripe = (outside: Outside, webhookSecret: string | undefined): Provider => {
  const store = makeStore(outside)
  const parsed = formOf()
  if (webhookSecret !== undefined) outside.webhooks.signedBy("stripe", stripeSigner(webhookSecret))

  const failed = (call: Call, request_id: string, problem: Problem): Answer => {
    const body = renderProblem(problem, request_id)
    const id = keyOf(call)
    if (id !== undefined && problem.stored)
      storeKey(store, { id, request: requestOf(call), status: problem.status, request_id, body })
    return answer(call, request_id, problem.status, body, problem.headers)
  }

  const begin = (call: Call, request_id: string, fault: Drawn | undefined, busy: boolean): Answer => {
    if (!/^(Bearer|Basic) ./.test(header(call.headers, "authorization") ?? "")) throw unauthorized()
    // The rate limiter stands before the idempotency layer, so its answer is never remembered.
    if (fault?.fault === "429") throw rateLimited(fault.code)
    const id = keyOf(call)
    if (busy || fault?.fault === "409") throw keyInUse(id ?? "")
    const route = findRoute(call.method, call.path)
    if (route === undefined) {
      const message = `Unrecognized request URL (${call.method}: ${call.path}).`
      throw new Problem(404, { type: "invalid_request_error", message })
    }
    const form = parsed(call)
    const stored = id === undefined ? undefined : findKey(store, id, requestOf(call))
    if (stored !== undefined) return replay(call, stored, form)
    const refused = refusedBefore(fault)
    if (refused !== undefined) throw refused
    const result = execute(store, route, form, fault, { request_id, key: id ?? null })
    if (fault?.fault === "5xx-after") throw serverError(fault.code)
    if (id !== undefined && result.of !== undefined)
      storeKey(store, { id, request: requestOf(call), status: 200, request_id, of: result.of })
    return answer(call, request_id, 200, result.body, {})
  }

  return {
    name: "stripe",
    owns: (path) => path.startsWith("/v1/"),
    plan: (call) => planOf(store, parsed, call),
    run: (call, fault, busy) => {
      const request_id = stripeId("req")
      try {
        return begin(call, request_id, fault, busy)
      } catch (problem) {
        if (problem instanceof Problem) return failed(call, request_id, problem)
        throw problem
      }
    },
    start: () => pruneKeys(store),
    controls: {},
    later: {
      "stripe.settle": (id) => settleIntent(store, id),
      "stripe.reverse": (id) => reverseCharge(store, id),
      "stripe.refund_settle": (id) => void settleRefund(store, id),
      "stripe.refund_fail": (id) => void failRefund(store, id)
    }
  }
}
