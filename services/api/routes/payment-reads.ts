/** Reading payments: one, and many. */
import { Effect } from "effect"
import { isUuid } from "../../../shared/runtime/ids.ts"
import { paged, pageOf } from "../pagination.ts"
import { invalidField } from "../problem.ts"
import { Payment, page, paymentView } from "../resources.ts"
import { json } from "../responses.ts"
import { CURSOR, ID, isProblemOf, LIMIT, type Parameter, type Route, route, USER_ID } from "../route.ts"
import { timeOf } from "../times.ts"
import type { Parts } from "./parts.ts"
import { paymentFound, paymentStory } from "./payment-story.ts"

export const paymentReads = (parts: Parts): ReadonlyArray<Route> => [one(parts), many(parts), ...paymentStory(parts)]

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
    handle: (request) => Effect.map(paymentFound(parts, request), (payment) => json(200, paymentView(payment)))
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
