/** Whether the audit trail is whole: a walk along it now, and what the last one found. */
import { Effect, Fiber, Option } from "effect"
import type { NotWalked } from "../../../shared/runtime/audit.ts"
import { example, TrailReport, trailView, withoutReport } from "../ops/trail.ts"
import { problem } from "../problem.ts"
import { json } from "../responses.ts"
import { type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

const PATH = "/api/v1/ops/audit/verify"
/** A walk that takes longer goes on; its report is then to be fetched. */
const WAIT = "25 seconds"

const unavailable = ({ detail }: NotWalked) => problem("UNAVAILABLE", { detail, headers: { "retry-after": "5" } })
const report = { schema: TrailReport, example }

export const trailRoutes = ({ trail }: Pick<Parts, "trail">): ReadonlyArray<Route> => [
  route({
    method: "GET",
    path: PATH,
    operation: "getAuditReport",
    summary: "What the last walk along the tenant's audit trail found",
    scope: "ops:read",
    answers: { 200: { says: "The last report; unverified before the first", ...report } },
    problems: [],
    handle: ({ principal }) =>
      Effect.sync(() => {
        const last = trail.last(principal.tenant)
        return json(200, last === undefined ? withoutReport("unverified") : trailView(last))
      })
  }),
  route({
    method: "POST",
    path: PATH,
    operation: "verifyAudit",
    summary: "Walks the tenant's audit trail from its first entry to its last, and names the first that is not valid",
    scope: "ops:read",
    answers: {
      200: { says: "How many entries were looked at, and the first that is invalid", ...report },
      202: { says: "It takes longer: its report is at Location once it is done", schema: TrailReport }
    },
    problems: ["UNAVAILABLE"],
    handle: Effect.fnUntraced(function* ({ principal }) {
      // Whoever stops waiting stops nothing: others may have joined.
      const running = yield* Effect.forkDetach(trail.verify(principal.tenant))
      const done = yield* Effect.timeoutOption(Fiber.join(running), WAIT).pipe(Effect.mapError(unavailable))
      return Option.match(done, {
        onNone: () => json(202, withoutReport("running"), { location: PATH, "retry-after": "5" }),
        onSome: (found) => json(200, trailView(found))
      })
    })
  })
]
