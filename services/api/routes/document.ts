/** The OpenAPI document, made on first use: schemas are printed once, and a platform nobody asks pays nothing. */
import { Effect } from "effect"
import { write } from "../json.ts"
import { type Route, route } from "../route.ts"

export const documentRoute = (make: (self: Route) => unknown): Route => {
  let text: string | undefined
  const self: Route = route({
    method: "GET",
    path: "/openapi.json",
    operation: "openapi",
    summary: "This document",
    answers: { 200: { says: "OpenAPI 3.1" } },
    problems: [],
    handle: () => Effect.sync(() => ({ status: 200, body: (text ??= write(make(self))) }))
  })
  return self
}
