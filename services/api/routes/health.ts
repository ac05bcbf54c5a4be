/** For whoever runs the platform: no authentication, no internals. */
import { Effect } from "effect"
import type { Health as Report } from "../readiness.ts"
import { Health } from "../resources.ts"
import { json } from "../responses.ts"
import { type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

const word = ({ ready, phase }: Report) => (ready ? "ok" : phase === "running" ? "unavailable" : phase)

const dependencies = (health: Report) =>
  Object.fromEntries(
    Object.entries(health.dependencies).map(([name, { up, detail }]) => [name, { status: up ? "up" : "down", detail }])
  )

export const healthRoutes = ({ readiness }: Pick<Parts, "readiness">): ReadonlyArray<Route> => [
  route({
    method: "GET",
    path: "/live",
    operation: "live",
    summary: "The process runs; says nothing about what it depends on",
    answers: { 200: { says: "It runs", schema: Health } },
    problems: [],
    handle: () => Effect.succeed(json(200, { status: "ok" }))
  }),
  route({
    method: "GET",
    path: "/ready",
    operation: "ready",
    summary: "Requests are taken",
    answers: {
      200: { says: "Send requests", schema: Health },
      503: { says: "Starting, draining, or a dependency is down", schema: Health }
    },
    problems: [],
    handle: () =>
      Effect.sync(() => {
        const health = readiness.health()
        return json(health.ready ? 200 : 503, { status: word(health) })
      })
  }),
  route({
    method: "GET",
    path: "/health",
    operation: "health",
    summary: "Each dependency by name",
    answers: {
      200: { says: "All that is required is up", schema: Health },
      503: { says: "Starting, draining, or a dependency is down", schema: Health }
    },
    problems: [],
    handle: () =>
      Effect.sync(() => {
        const health = readiness.health()
        return json(health.ready ? 200 : 503, { status: word(health), dependencies: dependencies(health) })
      })
  })
]
