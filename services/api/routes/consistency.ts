/** Whether what is stored agrees with itself: the last report, a verification now, and a repair of what is derived. */
import { Effect, Fiber, Option } from "effect"
import { type Consistency, type NotVerified, STREAMS_MAX } from "../../../shared/runtime/consistency.ts"
import { operate } from "../operate.ts"
import {
  ConsistencyRepair,
  ConsistencyReport,
  examples,
  RepairRequest,
  repairView,
  reportView,
  VerifyRequest,
  withoutReport
} from "../ops/consistency.ts"
import { problem } from "../problem.ts"
import { body } from "../requests.ts"
import { json } from "../responses.ts"
import { type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

const PATH = "/api/v1/ops/consistency"
/** A verification that takes longer goes on; its report is then to be fetched. */
const WAIT = "25 seconds"

const unavailable = ({ detail }: NotVerified) => problem("UNAVAILABLE", { detail, headers: { "retry-after": "5" } })
const report = { schema: ConsistencyReport, example: examples.report }

export const consistencyRoutes = (parts: Parts): ReadonlyArray<Route> => [
  lastReport(parts.consistency),
  verification(parts.consistency),
  repairing(parts)
]

const lastReport = (consistency: Consistency["Service"]): Route =>
  route({
    method: "GET",
    path: PATH,
    operation: "getConsistency",
    summary: "What the last verification found, periodic ones included",
    scope: "ops:read",
    answers: { 200: { says: "The last report; unverified before the first", ...report } },
    problems: [],
    handle: () =>
      Effect.sync(() => {
        const last = consistency.last()
        return json(200, last === undefined ? withoutReport("unverified") : reportView(last))
      })
  })

const verification = (consistency: Consistency["Service"]): Route =>
  route({
    method: "POST",
    path: `${PATH}/verify`,
    operation: "verifyConsistency",
    summary: "Compares events, rows, snapshots, memories, postings and the providers' ledger, now; changes nothing",
    scope: "ops:read",
    body: body(VerifyRequest, { optional: true, example: examples.verify }),
    answers: {
      200: { says: "What was checked and what was found", ...report },
      202: { says: "It takes longer: its report is at Location once it is done", schema: ConsistencyReport }
    },
    problems: ["UNAVAILABLE"],
    handle: Effect.fnUntraced(function* ({ body: { scope = "full", streams } }) {
      const verify = consistency.verify(streams === undefined ? scope : "streams", streams)
      // Whoever stops waiting stops nothing: the next one would wait for a verification begun anew.
      const running = yield* Effect.forkDetach(verify)
      const done = yield* Effect.timeoutOption(Fiber.join(running), WAIT).pipe(Effect.mapError(unavailable))
      return Option.match(done, {
        onNone: () => json(202, withoutReport("running"), { location: PATH, "retry-after": "5" }),
        onSome: (found) => json(200, reportView(found))
      })
    })
  })

const repairing = (parts: Parts): Route =>
  route({
    method: "POST",
    path: `${PATH}/repair`,
    operation: "repairConsistency",
    summary: "Makes rows, snapshots and memories anew from their events; events and postings are never touched",
    scope: "ops:write",
    body: body(RepairRequest, { optional: true, example: examples.repair }),
    answers: {
      200: {
        says: "What was corrected, what only a person can mend, and the same streams looked at again",
        schema: ConsistencyRepair,
        example: examples.repaired
      }
    },
    problems: ["UNAVAILABLE"],
    handle: (request) => {
      const { reason, streams } = request.body
      const { consistency } = parts
      const [only] = streams ?? []
      return operate(parts, request, {
        action: "consistency.repair",
        target: streams?.length === 1 && only !== undefined ? only : "consistency-read_models",
        parameters: { streams: streams ?? "all that are known to be wrong", streams_max: STREAMS_MAX },
        before: { inconsistencies: consistency.last()?.total ?? null },
        perform: ({ principal, trace }) =>
          consistency.repair({ streams, reason, actor: principal.actor, traceparent: trace.traceparent }).pipe(
            Effect.mapError(unavailable),
            Effect.map((done) => ({
              body: repairView(done),
              after: { corrected: done.corrected.length, inconsistencies: done.report.total }
            }))
          )
      })
    }
  })
