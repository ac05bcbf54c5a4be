/** Refunds of a payment: asked for and waited for, read. Whether the provider does it, the refund's saga finds out. */
import { Effect } from "effect"
import { minor } from "../../../shared/contract/money.ts"
import { reach } from "../../../shared/runtime/crashpoint.ts"
import { isUuid } from "../../../shared/runtime/ids.ts"
import { toPayment } from "../commands.ts"
import * as examples from "../examples.ts"
import { fingerprint, keyScope } from "../idempotency.ts"
import { paged, pageOf } from "../pagination.ts"
import { preferenceOf } from "../prefer.ts"
import { invalidField, problem } from "../problem.ts"
import type { RefundRecord } from "../records.ts"
import { body, RefundRequest } from "../requests.ts"
import { page, Refund, refundView } from "../resources.ts"
import { type Answer, type ApiFailure, inUse, json } from "../responses.ts"
import { type ApiRequest, CURSOR, ID, isProblemOf, LIMIT, PREFER, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"
import { paymentFound } from "./payment-story.ts"

/** Beyond the wait: the time in which the first request surely answers or is dead (DECISIONS D4). */
const LEASE_MARGIN_MS = 5_000

const PATH = "/api/v1/payments/{id}/refunds"

export const refundRoutes = (parts: Parts): ReadonlyArray<Route> => [ask(parts), ofPayment(parts), one(parts)]

const ask = (parts: Parts): Route =>
  route({
    method: "POST",
    path: PATH,
    operation: "refundPayment",
    summary: "Give a payment back, whole or in part, at the provider that charged; no amount means all that is left",
    scope: "payments:write",
    parameters: [ID, PREFER],
    body: body(RefundRequest, { optional: true, example: examples.refundPayment.asks }),
    key: "required",
    answers: {
      201: {
        says: "The refund: succeeded (the wallet has the money), failed, or still pending: see Location",
        schema: Refund,
        example: examples.refundPayment.answers
      }
    },
    problems: ["PAYMENT_NOT_FOUND", "PAYMENT_NOT_REFUNDABLE", "REFUND_EXCEEDS_REMAINDER", "REFUND_LIMIT_REACHED"],
    handle: (request) => asked(parts, request)
  })

const asked = Effect.fnUntraced(function* (parts: Parts, request: ApiRequest<typeof RefundRequest.Type>) {
  const { now, principal } = request
  const payment = yield* paymentFound(parts, request)
  const { amount, reason } = request.body
  const id = parts.ids.next(now)
  const data = {
    payment_id: payment.id,
    refund_id: id,
    ...(amount !== undefined && { amount: minor(amount) }),
    ...(reason !== undefined && { reason })
  }
  const message = toPayment(request, id, payment.user_id, { type: "RequestRefund", data })
  const { waitMs } = preferenceOf(request.headers.get("prefer"))
  const awaited = (refund: string) => waited(parts, principal.tenant, refund, now + waitMs)
  return yield* parts.idempotency.once({
    scope: keyScope(request, PATH),
    fingerprint: fingerprint(payment.id, request.body),
    resource: { name: "refund_id", id },
    now,
    leaseMs: waitMs + LEASE_MARGIN_MS,
    submit: (rows) => parts.commands.payment({ message, rows }),
    first: () => Effect.andThen(reach("api.before-answer"), awaited(id)),
    again: (known, leaseUntil) =>
      Effect.flatMap(committed(parts, principal.tenant, known), (refund) => {
        if (refund.status !== "pending") return Effect.succeed(given(refund))
        return leaseUntil > now ? Effect.fail<ApiFailure>(inUse({ refund_id: known })) : awaited(known)
      })
  })
})

/** A refund that has no end by then is answered as it stands: pending is no failure. */
const waited = (parts: Parts, tenant: string, id: string, deadline: number): Effect.Effect<Answer, ApiFailure> =>
  Effect.flatMap(parts.waitForRefund.ended(id, deadline), (ended) =>
    ended === undefined ? Effect.map(committed(parts, tenant, id), given) : Effect.succeed(given(ended))
  )

const given = (refund: RefundRecord): Answer =>
  json(201, refundView(refund), { location: `/api/v1/refunds/${refund.id}` })

const committed = ({ store }: Parts, tenant: string, id: string) =>
  Effect.flatMap(store.refund(tenant, id), (refund) =>
    refund === undefined ? Effect.die(new Error("committed, and not found")) : Effect.succeed(refund)
  )

const ofPayment = (parts: Parts): Route =>
  route({
    method: "GET",
    path: PATH,
    operation: "listRefunds",
    summary: "The refunds of a payment, in the order in which they were asked for",
    scope: "payments:read",
    parameters: [ID, LIMIT, CURSOR],
    answers: { 200: { says: "A page of refunds", schema: page(Refund, "RefundPage") } },
    problems: ["PAYMENT_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const { id: payment_id } = yield* paymentFound(parts, request)
      const wanted = pageOf(request.query, `refunds ${payment_id}`)
      if (isProblemOf(wanted)) return yield* Effect.fail(wanted)
      const { after, limit } = wanted
      if (after !== undefined && !isUuid(after))
        return yield* Effect.fail(invalidField("cursor", "is not one of this list: begin again without it"))
      const { tenant } = request.principal
      const found = yield* parts.store.refunds({ tenant, payment_id, after, limit: limit + 1 })
      return json(
        200,
        paged(found, wanted, ({ id }) => id, refundView)
      )
    })
  })

const one = ({ store }: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/refunds/{id}",
    operation: "getRefund",
    summary: "A refund: done, refused, or how long it has been pending",
    scope: "payments:read",
    parameters: [ID],
    answers: { 200: { says: "The refund", schema: Refund } },
    problems: ["REFUND_NOT_FOUND"],
    handle: Effect.fnUntraced(function* ({ principal, id }) {
      const refund = isUuid(id) ? yield* store.refund(principal.tenant, id) : undefined
      if (refund === undefined) return yield* Effect.fail(problem("REFUND_NOT_FOUND", { details: { refund_id: id } }))
      return json(200, refundView(refund))
    })
  })
