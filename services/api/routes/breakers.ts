/** Circuit breakers: which provider is not asked to charge, and why; opened and closed by hand. */
import { Effect } from "effect"
import { Provider } from "../../../shared/contract/gateway.ts"
import { uuidv5 } from "../../../shared/runtime/ids.ts"
import { toBreaker } from "../commands.ts"
import { operate } from "../operate.ts"
import { breakers, forced } from "../ops/examples.ts"
import { Breaker, breakerView, Operated } from "../ops/resources.ts"
import { problem } from "../problem.ts"
import { body, ReasonRequest } from "../requests.ts"
import { page } from "../resources.ts"
import { json, refused } from "../responses.ts"
import { type Parameter, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

const PATH = "/api/v1/ops/circuit-breakers"

export const breakerRoutes = (parts: Parts): ReadonlyArray<Route> => [
  many(parts),
  switched(parts, "open", "open", "Do not ask a provider to charge until an operator closes its breaker"),
  switched(parts, "close", "closed", "Ask a provider again, whatever opened its breaker")
]

const shown = ({ ops }: Parts) =>
  Effect.map(ops.breakers, (found) =>
    Provider.literals.map((name) =>
      breakerView(
        name,
        found.find(({ provider }) => provider === name)
      )
    )
  )

const many = (parts: Parts): Route =>
  route({
    method: "GET",
    path: PATH,
    operation: "listCircuitBreakers",
    summary: "The breaker of each provider, for all tenants",
    scope: "ops:read",
    answers: { 200: { says: "All of them", schema: page(Breaker, "CircuitBreakerPage"), example: breakers } },
    problems: [],
    handle: () => Effect.map(shown(parts), (data) => json(200, { data, next_cursor: null }))
  })

const PROVIDER: Parameter = {
  name: "provider",
  in: "path",
  description: "The provider's name",
  required: true,
  schema: { type: "string", enum: [...Provider.literals] }
}

const breakerOf = (parts: Parts, name: string) =>
  Effect.flatMap(shown(parts), (all) => {
    const found = all.find(({ provider }) => provider === name)
    return found === undefined
      ? Effect.fail(problem("BREAKER_NOT_FOUND", { details: { provider: name } }))
      : Effect.succeed(found)
  })

const facts = ({ state, forced }: typeof Breaker.Type) => ({ state, forced })

const switched = (parts: Parts, verb: "open" | "close", to: "open" | "closed", summary: string): Route =>
  route({
    method: "POST",
    path: `${PATH}/{provider}/${verb}`,
    operation: `${verb}CircuitBreaker`,
    summary,
    scope: "ops:write",
    parameters: [PROVIDER],
    body: body(ReasonRequest, { optional: true, example: forced.asks }),
    answers: {
      200: {
        says: "The breaker, for all payments from now on; repeating it is no mistake",
        schema: Operated(Breaker, "SwitchedCircuitBreaker"),
        example: forced.answers
      }
    },
    problems: ["BREAKER_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const before = yield* breakerOf(parts, request.id)
      const { provider } = before
      const { reason } = request.body
      return yield* operate(parts, request, {
        action: `circuit_breaker.${verb}`,
        target: `breaker-${provider}`,
        before: facts(before),
        perform: Effect.fnUntraced(function* (operator, actionId) {
          const data = { provider, to, reason }
          const message = toBreaker(operator, uuidv5(actionId, "ForceBreaker"), { type: "ForceBreaker", data })
          const outcome = yield* parts.commands.gateway({ message })
          if (outcome._tag === "Refused") return yield* Effect.fail(refused(outcome.refusal))
          const after = yield* breakerOf(parts, provider)
          return { body: after, after: facts(after) }
        })
      })
    })
  })
