/** Payments: asked for and waited for, cancelled. What they become, the saga decides. */
import { Effect } from "effect"
import { minor } from "../../../shared/contract/money.ts"
import { reach } from "../../../shared/runtime/crashpoint.ts"
import { isUuid, uuidv5 } from "../../../shared/runtime/ids.ts"
import { toPayment } from "../commands.ts"
import * as examples from "../examples.ts"
import { fingerprint, keyScope } from "../idempotency.ts"
import { mismatch } from "../owners.ts"
import { type Preference, preferenceOf } from "../prefer.ts"
import { type Problem, problem } from "../problem.ts"
import { hasEnded, type PaymentRecord, shownStatus } from "../records.ts"
import { body, CancelRequest, PaymentRequest } from "../requests.ts"
import { Payment, paymentView } from "../resources.ts"
import {
  type Answer,
  type ApiFailure,
  inUse,
  isProblem,
  json,
  paymentAnswer,
  refused,
  stillOpen
} from "../responses.ts"
import { type ApiRequest, ID, PREFER, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"
import { paymentReads } from "./payment-reads.ts"
import { refundRoutes } from "./refunds.ts"

/** Beyond the wait: the time in which the first request surely answers or is dead (DECISIONS D4). */
const LEASE_MARGIN_MS = 5_000

export const PATH = "/api/v1/payments"

export const paymentRoutes = (parts: Parts): ReadonlyArray<Route> => [
  pay(parts),
  ...paymentReads(parts),
  cancel(parts),
  ...refundRoutes(parts)
]

const pay = (parts: Parts): Route =>
  route({
    method: "POST",
    path: PATH,
    operation: "pay",
    summary: "Pay out of a wallet; answers when the payment has ended, or with 202 when the wait is over",
    scope: "payments:write",
    parameters: [PREFER],
    body: body(PaymentRequest, { example: examples.pay.asks }),
    key: "required",
    answers: {
      201: { says: "Completed", schema: Payment, example: examples.pay.answers },
      202: { says: "Not ended yet: see Location", schema: Payment, example: examples.pay.waits }
    },
    problems: [
      "WALLET_NOT_FOUND",
      "CURRENCY_MISMATCH",
      "INSUFFICIENT_FUNDS",
      "INSUFFICIENT_FUNDS_CONCURRENT",
      "PAYMENT_DECLINED",
      "PAYMENT_CANCELLED",
      "LIMIT_EXCEEDED",
      "WALLET_LOCKED",
      "GATEWAY_UNAVAILABLE",
      "PAYMENT_TIMED_OUT"
    ],
    handle: (request) => paid(parts, request)
  })

/** `place`: where the key is looked for, if it was not given for this payment alone. */
export const paid = Effect.fnUntraced(function* (
  parts: Parts,
  request: ApiRequest<typeof PaymentRequest.Type>,
  place = PATH
) {
  const { now, principal } = request
  const { wallet_id, amount, currency, merchant_id, description, metadata } = request.body
  const walletId = wallet_id.toLowerCase()
  const owner = yield* parts.owners.of(principal.tenant, walletId)
  if (currency !== owner.currency) return yield* Effect.fail(mismatch(owner.currency, currency))
  const preference = preferenceOf(request.headers.get("prefer"))
  const id = parts.ids.next(now)
  const data = {
    payment_id: id,
    wallet_id: walletId,
    user_id: owner.userId,
    merchant_id,
    amount: minor(amount),
    currency,
    initiated_at: now,
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata })
  }
  const message = toPayment(request, id, owner.userId, { type: "InitiatePayment", data })
  return yield* parts.idempotency.once({
    scope: keyScope(request, place),
    fingerprint: fingerprint(undefined, request.body),
    resource: { name: "payment_id", id },
    now,
    leaseMs: preference.waitMs + LEASE_MARGIN_MS,
    inTurn: parts.turns.of(message.partitionkey),
    submit: (rows) => parts.commands.payment({ message, rows }),
    first: () => Effect.flatMap(reach("api.before-answer"), () => awaited(parts, request, id, preference)),
    again: (known, leaseUntil) => attached(parts, request, known, leaseUntil, preference)
  })
})

/** Waits for the end; a payment that has none by then is answered as it stands. Who would not wait gets 202 always. */
const awaited = (
  parts: Parts,
  { now, principal }: ApiRequest,
  id: string,
  preference: Preference
): Effect.Effect<Answer, ApiFailure> =>
  preference.waitMs === 0
    ? Effect.map(committed(parts, principal.tenant, id), (payment) => stillOpen(payment, preference.applied))
    : Effect.flatMap(parts.wait.ended(id, now + preference.waitMs), (ended) =>
        ended === undefined ? asItStands(parts, principal.tenant, id, preference) : given(ended, preference)
      )

const given = (payment: PaymentRecord, preference: Preference): Effect.Effect<Answer, Problem> => {
  const answer = paymentAnswer(payment, preference.applied)
  return isProblem(answer) ? Effect.fail(answer) : Effect.succeed(answer)
}

const asItStands = (parts: Parts, tenant: string, id: string, preference: Preference) =>
  Effect.flatMap(committed(parts, tenant, id), (payment) => given(payment, preference))

const committed = ({ store }: Parts, tenant: string, id: string) =>
  Effect.flatMap(store.payment(tenant, id), (payment) =>
    payment === undefined ? Effect.die(new Error("committed, and not found")) : Effect.succeed(payment)
  )

/** A repetition: refused only while the first request may still answer, and there is something left to wait for. */
const attached = Effect.fnUntraced(function* (
  parts: Parts,
  request: ApiRequest,
  id: string,
  leaseUntil: number,
  preference: Preference
) {
  const payment = yield* committed(parts, request.principal.tenant, id)
  if (hasEnded(payment)) return yield* given(payment, preference)
  if (leaseUntil > request.now) return yield* Effect.fail(inUse({ payment_id: id }))
  return yield* awaited(parts, request, id, preference)
})

const cancel = (parts: Parts): Route =>
  route({
    method: "POST",
    path: `${PATH}/{id}/cancel`,
    operation: "cancelPayment",
    summary: "Cancel while no provider was asked; repeating it is no mistake",
    scope: "payments:write",
    parameters: [ID, PREFER],
    body: body(CancelRequest, { optional: true, example: examples.cancelPayment.asks }),
    answers: {
      200: { says: "Cancelled, the money is back", schema: Payment, example: examples.cancelPayment.answers },
      202: { says: "Asked for, not decided yet: see Location", schema: Payment, example: examples.cancelPayment.waits }
    },
    problems: ["PAYMENT_NOT_FOUND", "PAYMENT_NOT_CANCELLABLE"],
    handle: (request) => cancelled(parts, request)
  })

const cancelled = Effect.fnUntraced(function* (parts: Parts, request: ApiRequest<typeof CancelRequest.Type>) {
  const { id, now, principal } = request
  const before = isUuid(id) ? yield* parts.store.payment(principal.tenant, id) : undefined
  if (before === undefined) return yield* Effect.fail(problem("PAYMENT_NOT_FOUND", { details: { payment_id: id } }))
  if (hasEnded(before)) return yield* verdict(before)
  const preference = preferenceOf(request.headers.get("prefer"))
  const data = { payment_id: id, reason: request.body.reason ?? "asked for by the client" }
  // One command a payment: a repetition is skipped there, and waits for the same decision here.
  const command = uuidv5(`payment-${id}`, "RequestPaymentCancel")
  const message = toPayment(request, command, before.user_id, { type: "RequestPaymentCancel", data })
  const outcome = yield* parts.commands.payment({ message })
  if (outcome._tag === "Refused") {
    const why = refused(outcome.refusal)
    return yield* Effect.fail({ ...why, details: { ...why.details, payment_id: id } })
  }
  const decided = yield* parts.wait.decided(id, now + preference.waitMs)
  if (decided === undefined) return stillOpen(yield* committed(parts, principal.tenant, id), preference.applied)
  if (decided === "at provider") return yield* tooLate(id, "GATEWAY_PROCESSING")
  return yield* verdict(decided)
})

const verdict = (payment: PaymentRecord): Effect.Effect<Answer, Problem> =>
  payment.status === "CANCELLED"
    ? Effect.succeed(json(200, paymentView(payment)))
    : tooLate(payment.id, shownStatus(payment))

const tooLate = (id: string, status: string): Effect.Effect<never, Problem> =>
  Effect.fail(
    problem("PAYMENT_NOT_CANCELLABLE", {
      detail: `the payment is ${status}`,
      details: { payment_id: id, status }
    })
  )
