/** Reading payments: one, many, and the whole story of one. */
import { Effect } from "effect"
import { partitionKey } from "../../../shared/contract/codec.ts"
import { type Topic, topicPartition } from "../../../shared/contract/topics.ts"
import { isUuid } from "../../../shared/runtime/ids.ts"
import { paged, pageOf } from "../pagination.ts"
import { invalidField, problem } from "../problem.ts"
import { eventView, Payment, page, paymentView, Timeline } from "../resources.ts"
import { json } from "../responses.ts"
import {
  type ApiRequest,
  CURSOR,
  ID,
  isProblemOf,
  LIMIT,
  type Parameter,
  type Route,
  route,
  USER_ID
} from "../route.ts"
import { timeOf } from "../times.ts"
import type { Parts } from "./parts.ts"

export const paymentReads = (parts: Parts): ReadonlyArray<Route> => [one(parts), many(parts), timeline(parts)]

const found = Effect.fnUntraced(function* ({ store }: Parts, { principal, id }: ApiRequest) {
  const payment = isUuid(id) ? yield* store.payment(principal.tenant, id) : undefined
  return payment ?? (yield* Effect.fail(problem("PAYMENT_NOT_FOUND", { details: { payment_id: id } })))
})

const one = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/payments/{id}",
    operation: "getPayment",
    summary: "A payment: how it ended, or how far it has come",
    scope: "payments:read",
    parameters: [ID],
    answers: { 200: { says: "The payment", schema: Payment } },
    problems: ["PAYMENT_NOT_FOUND"],
    handle: (request) => Effect.map(found(parts, request), (payment) => json(200, paymentView(payment)))
  })

const moment = (name: string, description: string): Parameter => ({
  name,
  in: "query",
  description,
  schema: { type: "string", format: "date-time" }
})
const STATUS: Parameter = {
  name: "status",
  in: "query",
  description: "As payments show it",
  schema: { type: "string" }
}

const many = ({ store }: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/payments",
    operation: "listPayments",
    summary: "Payments, newest first",
    scope: "payments:read",
    parameters: [
      USER_ID,
      STATUS,
      moment("from", "Made at this moment or later"),
      moment("to", "Made before this moment"),
      LIMIT,
      CURSOR
    ],
    answers: { 200: { says: "A page of payments", schema: page(Payment, "PaymentPage") } },
    problems: [],
    handle: Effect.fnUntraced(function* ({ principal, query }) {
      const user_id = query.get("user_id") ?? undefined
      const status = query.get("status")?.toUpperCase()
      const from = timeOf(query, "from")
      if (typeof from === "object") return yield* Effect.fail(from)
      const to = timeOf(query, "to")
      if (typeof to === "object") return yield* Effect.fail(to)
      const asked = pageOf(query, `payments ${[user_id, status, from, to].join(" ")}`)
      if (isProblemOf(asked)) return yield* Effect.fail(asked)
      const { after, limit } = asked
      if (after !== undefined && !isUuid(after))
        return yield* Effect.fail(invalidField("cursor", "is not one of this list: begin again without it"))
      const { tenant } = principal
      const payments = yield* store.payments({ tenant, user_id, status, from, to, after, limit: limit + 1 })
      return json(
        200,
        paged(payments, asked, ({ id }) => id, paymentView)
      )
    })
  })

/** Where the story of a payment is written down, each a stream of its own. */
const TOLD_IN: ReadonlyArray<readonly [string, Topic]> = [
  ["payment", "payment-events"],
  ["saga", "saga-events"],
  ["gateway", "gateway-events"]
]
/** Of one stream; a payment has some twenty events, one that is redriven for days a few hundred. */
const EVENTS_MAX = 1_000

const timeline = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/payments/{id}/timeline",
    operation: "getTimeline",
    summary: "Every event, saga step and provider attempt of a payment, in order, with times and causes",
    scope: "payments:read",
    parameters: [ID],
    answers: { 200: { says: "The events", schema: Timeline } },
    problems: ["PAYMENT_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const payment = yield* found(parts, request)
      const key = partitionKey(request.principal.tenant, payment.user_id)
      const streams = yield* Effect.forEach(
        TOLD_IN,
        ([name, topic]) =>
          parts.store.events({ tp: topicPartition(topic, key), stream: `${name}-${payment.id}` }, 0, EVENTS_MAX),
        { concurrency: TOLD_IN.length }
      )
      const events = streams.flat().map(eventView)
      // Ids are UUIDv7: within one millisecond they tell the order of making.
      events.sort((a, b) => compare(a.time ?? "", b.time ?? "") || compare(a.id, b.id))
      return json(200, { data: events })
    })
  })

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
