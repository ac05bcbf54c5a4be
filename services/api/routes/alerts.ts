/** What an operator looks at first: what is wrong now, and how far behind each service is. */
import { Effect } from "effect"
import { alertsOf } from "../ops/alerts.ts"
import * as examples from "../ops/examples.ts"
import { Alert, Lag, lagView } from "../ops/resources.ts"
import { page } from "../resources.ts"
import { json } from "../responses.ts"
import { type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

const all = (data: ReadonlyArray<unknown>) => json(200, { data, next_cursor: null })

export const alertRoutes = ({ ops, readiness }: Parts): ReadonlyArray<Route> => [
  route({
    method: "GET",
    path: "/api/v1/ops/alerts",
    operation: "listAlerts",
    summary: "What a person has to look at now: since when, and what to do",
    scope: "ops:read",
    answers: {
      200: { says: "Critical ones first; none is good", schema: page(Alert, "AlertPage"), example: examples.alerts }
    },
    problems: [],
    handle: Effect.fnUntraced(function* ({ principal }) {
      const concerns = yield* ops.concerns(principal.tenant)
      return all(alertsOf(concerns, yield* ops.breakers, readiness.health()))
    })
  }),
  route({
    method: "GET",
    path: "/api/v1/ops/lag",
    operation: "listLag",
    summary: "How many records each service has not taken yet, and since when the oldest waits",
    scope: "ops:read",
    answers: { 200: { says: "Every service that listens", schema: page(Lag, "LagPage"), example: examples.lag } },
    problems: [],
    handle: () => Effect.map(ops.lag, (found) => all(found.map(lagView)))
  })
]
