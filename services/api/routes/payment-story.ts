/** The story of a payment: read at once, or told as it happens. */
import { Effect } from "effect"
import { isUuid } from "../../../shared/runtime/ids.ts"
import * as examples from "../examples.ts"
import { invalidField, problem } from "../problem.ts"
import { hasEnded, type PaymentRecord, type RefundRecord } from "../records.ts"
import { Timeline, TimelineEvent } from "../resources.ts"
import { type Answer, json } from "../responses.ts"
import { type ApiRequest, ID, type Parameter, type Route, route } from "../route.ts"
import * as sse from "../sse.ts"
import { type Position, positionOf, START, Telling } from "../telling.ts"
import type { Parts } from "./parts.ts"

export const paymentStory = (parts: Parts): ReadonlyArray<Route> => [timeline(parts), stream(parts)]

export const paymentFound = Effect.fnUntraced(function* ({ store }: Parts, { principal, id }: ApiRequest) {
  const payment = isUuid(id) ? yield* store.payment(principal.tenant, id) : undefined
  return payment ?? (yield* Effect.fail(problem("PAYMENT_NOT_FOUND", { details: { payment_id: id } })))
})

/** Of one stream; a payment has some twenty events, one whose outcome stays unknown for days a few thousand. */
const EVENTS_MAX = 10_000

const timeline = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/payments/{id}/timeline",
    operation: "getTimeline",
    summary: "Every event, saga step and provider attempt of a payment, in order, with times and causes",
    scope: "payments:read",
    parameters: [ID],
    answers: { 200: { says: "The events", schema: Timeline, example: examples.timeline.answers } },
    problems: ["PAYMENT_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const telling = new Telling(request.principal.tenant, yield* paymentFound(parts, request))
      const read = Effect.suspend(() => parts.store.unread([telling.unread(START)], EVENTS_MAX))
      const [events = []] = yield* read
      if (!telling.refunds.learn(events)) return json(200, { data: telling.inOrder(events) })
      const [all = []] = yield* read
      return json(200, { data: telling.inOrder(all) })
    })
  })

const LAST_EVENT_ID: Parameter = {
  name: "Last-Event-ID",
  in: "header",
  description: "The id of the last event the client has: what follows it is sent, nothing twice and nothing left out",
  schema: { type: "string" }
}
const LAST_EVENT_ID_QUERY: Parameter = { ...LAST_EVENT_ID, name: "last_event_id", in: "query" }

const stream = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/payments/{id}/stream",
    operation: "streamPayment",
    summary: "The timeline as it happens, as server-sent events, until the end of the payment and of its refunds",
    scope: "payments:read",
    parameters: [ID, LAST_EVENT_ID, LAST_EVENT_ID_QUERY],
    answers: {
      200: {
        says:
          "One event per entry of the timeline (`event`: its type, `data`: the entry, `id`: where to resume), then " +
          "`notification` (what the user was told), then `end` with the payment. A stream that closes without `end` " +
          "is to be resumed.",
        schema: TimelineEvent,
        type: "text/event-stream",
        example: examples.streamPayment.answers
      },
      204: { says: "The client has heard everything, `end` included: it need not come again" }
    },
    problems: ["PAYMENT_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const payment = yield* paymentFound(parts, request)
      const heard = request.headers.get("last-event-id") ?? request.query.get("last_event_id") ?? ""
      const position: Position | undefined = heard === "" ? START : positionOf(sse.withoutEnd(heard))
      if (position === undefined)
        return yield* Effect.fail(invalidField("Last-Event-ID", "is not the id of an event of this stream"))
      const { tenant } = request.principal
      const refunds = heard === "" ? [] : yield* refundsOf(parts, tenant, payment)
      const telling = new Telling(tenant, payment, refunds)
      if (sse.hasHeardAll(heard)) {
        // The end of a payment is the end of its story, unless it was refunded since.
        const [more = []] = refunds.length === 0 ? [] : yield* parts.store.unread([telling.unread(position)], 1)
        if (more.length === 0) return NOTHING_MORE
      }
      const body = parts.streams.open(telling, payment, position)
      if (body === undefined) return yield* Effect.fail(tooMany)
      return { status: 200, body, headers: sse.HEADERS } satisfies Answer
    })
  })

/** More than any setting allows. */
const REFUNDS_MAX = 10_000

const refundsOf = ({ store }: Parts, tenant: string, payment: PaymentRecord) =>
  hasEnded(payment)
    ? store.refunds({ tenant, payment_id: payment.id, limit: REFUNDS_MAX })
    : Effect.succeed<ReadonlyArray<RefundRecord>>([])

const NOTHING_MORE: Answer = { status: 204, body: "" }
const tooMany = problem("UNAVAILABLE", {
  detail: "as many streams are open as there may be",
  headers: { "retry-after": "5" }
})
