/** Adyen, Checkout v72, as a provider of the simulator: authentication, idempotency, faults, and then the endpoint. */
import { adyenToIso, isoToAdyen } from "../currency.ts"
import type { Drawn, Op } from "../faults.ts"
import { type Answer, type Call, header, type Outside, type Plan, type Provider } from "../provider.ts"
import { bodyOrEmpty, capturesItself, inner, type Json, parseBody, text } from "./body.ts"
import { findKey, KEY_LENGTH_MAX, pruneKeys, storeKey } from "./keys.ts"
import { carryOut, failCapture, failRefund, modify, technicalCancel } from "./modifications.ts"
import { authorise, pay, reasonOf } from "./payments.ts"
import { inProgress, invalid, noRoute, Problem, rateLimited, serverError, unauthorized } from "./problem.ts"
import { type Modification, makeStore, type Payment, paymentIdOf, type Store } from "./records.ts"
import { findRoute, owns, type Route } from "./routes.ts"

const money = (currency: string, amount: number) => ({ currency, value: isoToAdyen(currency, amount) })

/** A refusal is no error: 200, with the reason and its code. */
const showPayment = (payment: Payment): object => ({
  pspReference: payment.id,
  resultCode: payment.result,
  amount: money(payment.currency, payment.amount),
  merchantReference: payment.reference,
  paymentMethod: { type: payment.method, brand: "visa" },
  ...(payment.refusal === undefined
    ? {}
    : { refusalReason: reasonOf(payment.refusal), refusalReasonCode: payment.refusal })
})

const showModification = (made: Modification, paymentReference: string | undefined): object => ({
  merchantAccount: made.merchantAccount,
  ...(made.kind === "technicalCancel" ? { paymentReference } : { paymentPspReference: made.payment }),
  pspReference: made.id,
  ...(made.reference === undefined ? {} : { reference: made.reference }),
  status: "received",
  ...(made.amount === undefined || made.currency === undefined ? {} : { amount: money(made.currency, made.amount) })
})

const execute = (store: Store, route: Route, body: Json, fault: Drawn | undefined): readonly [number, object] => {
  switch (route.name) {
    case "payments":
      return [200, showPayment(pay(store, body, fault))]
    case "technicalCancel":
      return [201, showModification(technicalCancel(store, body, fault), text(body, "paymentReference"))]
    default:
      return [201, showModification(modify(store, route.name, route.id, body, fault), undefined)]
  }
}

const paymentOf = (store: Store, route: Route, body: Json): string | undefined => {
  const reference = text(body, route.name === "payments" ? "reference" : "paymentReference")
  if (route.id === "") return reference === undefined ? undefined : paymentIdOf(reference)
  return store.payments.get(route.id)?.payment_id ?? undefined
}

const amountOf = (body: Json): number | undefined => {
  const { value, currency } = inner(body, "amount") ?? {}
  const amount = typeof value === "number" && typeof currency === "string" ? adyenToIso(currency, value) : undefined
  return typeof amount === "number" ? amount : undefined
}

const keyOf = (call: Call): string | undefined =>
  call.method === "POST" ? header(call.headers, "idempotency-key") : undefined

const planOf = (store: Store, call: Call): Plan => {
  const route = findRoute(call.method, call.path)
  const body = bodyOrEmpty(call.body)
  const charges = route?.name === "payments" && capturesItself(body)
  const ops: ReadonlyArray<Op> = charges ? ["charge", "create"] : (route?.ops ?? ["read"])
  const key = keyOf(call)
  return {
    op: ops[0] ?? "read",
    ops,
    // The issuer speaks at the authorisation and nowhere else: a decline of the charge is a decline there.
    ...(route?.name === "payments" && { declines: ["create", "charge"] as const }),
    ...(route?.name === "captures" && { declines: [] }),
    idempotencyKey: key,
    lock: key === undefined ? undefined : `adyen ${key}`,
    paymentId: route === undefined ? undefined : paymentOf(store, route, body),
    amount: () => (route?.name === "payments" ? amountOf(body) : undefined)
  }
}

const answer = (status: number, body: string, more: Answer["headers"] = {}): Answer => ({
  status,
  body,
  headers: { "content-type": "application/json", ...more }
})

/** What was processed under a key says so: 200, 201 and 422. */
const processed = (call: Call, status: number, body: string): Answer => {
  const key = keyOf(call)
  return answer(status, body, key === undefined || status >= 500 ? {} : { "idempotency-key": key })
}

export const makeAdyen = (outside: Outside, hmacKey: string | undefined): Provider => {
  const store = makeStore(outside, hmacKey)

  const failed = (call: Call, problem: Problem): Answer => {
    const body = JSON.stringify(problem.body)
    const key = keyOf(call)
    if (!problem.stored) return answer(problem.status, body, problem.transient ? { "transient-error": "true" } : {})
    if (key !== undefined) storeKey(store, key, problem.status, body)
    return processed(call, problem.status, body)
  }

  const begin = (call: Call, fault: Drawn | undefined, busy: boolean): Answer => {
    if (header(call.headers, "x-api-key") === undefined) throw unauthorized()
    if (fault?.fault === "429") throw rateLimited()
    const key = keyOf(call)
    if (key !== undefined && key.length > KEY_LENGTH_MAX) throw invalid("702", "The idempotency key is too long")
    if (busy) throw inProgress()
    if (fault?.fault === "409") throw inProgress(fault.code ?? "409")
    const route = findRoute(call.method, call.path)
    if (route === undefined) throw noRoute()
    const stored = key === undefined ? undefined : findKey(store, key)
    if (stored !== undefined) return processed(call, stored.status, stored.body)
    if (fault?.fault === "reject-before")
      throw invalid(fault.code ?? "137", "The request was refused before it was executed.")
    if (fault?.fault === "5xx-before") throw serverError(fault.code)
    const [status, shown] = execute(store, route, parseBody(call.body), fault)
    const body = JSON.stringify(shown)
    const broken = fault?.fault === "5xx-after" ? serverError(fault.code) : undefined
    // An answer that asks to come again leaves the truth under the key; any other error is the truth from now on.
    if (key !== undefined && broken?.stored !== true) storeKey(store, key, status, body)
    if (broken !== undefined) throw broken
    return processed(call, status, body)
  }

  return {
    name: "adyen",
    owns,
    plan: (call) => planOf(store, call),
    run: (call, fault, busy) => {
      try {
        return begin(call, fault, busy)
      } catch (problem) {
        if (problem instanceof Problem) return failed(call, problem)
        throw problem
      }
    },
    start: () => pruneKeys(store),
    controls: {},
    later: {
      "adyen.authorise": (id) => authorise(store, id),
      "adyen.modification": (id) => carryOut(store, id),
      "adyen.capture_failed": (id) => failCapture(store, id),
      "adyen.refund_failed": (id) => failRefund(store, id)
    }
  }
}
