/** An operator says what became of an attempt that nobody knows of, and on what that word rests. */
import { Clock, Effect } from "effect"
import { uuidv5 } from "../../../shared/runtime/ids.ts"
import { toGateway } from "../commands.ts"
import { operate } from "../operate.ts"
import { resolved } from "../ops/examples.ts"
import { Operated } from "../ops/resources.ts"
import { attemptView } from "../ops/saga-view.ts"
import { shownStatus } from "../records.ts"
import { body, ResolveRequest } from "../requests.ts"
import { Payment, paymentView } from "../resources.ts"
import { refused } from "../responses.ts"
import { ID, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"
import { paymentFound } from "./payment-story.ts"

/** What follows takes some commits, or another provider's answer: the payment is answered as it stands by then. */
const END_WITHIN_MS = 2_000

export const resolveRoutes = (parts: Parts): ReadonlyArray<Route> => [
  route({
    method: "POST",
    path: "/api/v1/ops/payments/{id}/resolve",
    operation: "resolvePayment",
    summary: "Say what became of an unknown attempt: it charged, or it did not and will not",
    scope: "ops:write",
    parameters: [ID],
    body: body(ResolveRequest, { optional: true, example: resolved.asks }),
    answers: {
      200: {
        says: "Taken as the provider's own word; the payment as it stands now",
        schema: Operated(Payment, "ResolvedPayment"),
        example: resolved.answers
      }
    },
    problems: ["PAYMENT_NOT_FOUND", "NOTHING_UNKNOWN"],
    handle: Effect.fnUntraced(function* (request) {
      const payment = yield* paymentFound(parts, request)
      const { id } = payment
      const { outcome, evidence, reason } = request.body
      const facts = Effect.map(parts.ops.attempts(id), (attempts) => ({ attempts: attempts.map(attemptView) }))
      return yield* operate(parts, request, {
        action: "payment.resolve",
        target: `payment-${id}`,
        parameters: { outcome, evidence },
        before: { status: shownStatus(payment), ...(yield* facts) },
        perform: Effect.fnUntraced(function* (operator, actionId) {
          const data = { payment_id: id, outcome, evidence, reason }
          const command = uuidv5(actionId, "ResolveAttempt")
          const message = toGateway(operator, command, payment.user_id, { type: "ResolveAttempt", data })
          const done = yield* parts.commands.gateway({ message })
          if (done._tag === "Refused") return yield* Effect.fail(refused(done.refusal))
          yield* parts.wait.ended(id, (yield* Clock.currentTimeMillis) + END_WITHIN_MS)
          const now = yield* paymentFound(parts, request)
          return { body: paymentView(now), after: { status: shownStatus(now), ...(yield* facts) } }
        })
      })
    })
  })
]
