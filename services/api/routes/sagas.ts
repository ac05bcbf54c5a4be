/** Sagas for operators: which are open, why they wait, and the two words that move one: resume, compensate. */
import { Effect } from "effect"
import { partitionKey } from "../../../shared/contract/codec.ts"
import type { SagaCommand } from "../../../shared/contract/saga.ts"
import { topicPartition } from "../../../shared/contract/topics.ts"
import { isUuid, uuidv5 } from "../../../shared/runtime/ids.ts"
import { type Asked, toSaga } from "../commands.ts"
import { operate } from "../operate.ts"
import { resumed, sagaOne, sagas } from "../ops/examples.ts"
import type { SagaRecord } from "../ops/records.ts"
import { Operated } from "../ops/resources.ts"
import { SAGA_STATUSES, Saga, SagaDetails, sagaDetails, sagaFacts, sagaView } from "../ops/saga-view.ts"
import { paged, pageOf } from "../pagination.ts"
import { invalidField, type Problem, problem } from "../problem.ts"
import { body, ReasonRequest } from "../requests.ts"
import { page } from "../resources.ts"
import { json, refused } from "../responses.ts"
import { type ApiRequest, CURSOR, ID, isProblemOf, LIMIT, type Parameter, type Route, route } from "../route.ts"
import { closing } from "./closing.ts"
import type { Parts } from "./parts.ts"

const PATH = "/api/v1/ops/sagas"

export const sagaRoutes = (parts: Parts): ReadonlyArray<Route> => [
  many(parts),
  one(parts),
  moved(parts, "resume", "ResumeSaga", "Send a saga's step again, or ask the provider: after the cause is gone"),
  moved(parts, "compensate", "CompensateSaga", "End a payment and give the money back, once no provider can take it")
]

const flag = (name: string, description: string): Parameter => ({
  name,
  in: "query",
  description,
  schema: { type: "boolean" }
})
const FILTERS = ["PENDING", ...SAGA_STATUSES] as const
const STATUS: Parameter = {
  name: "status",
  in: "query",
  description: "In this status; STUCK is short for stuck=true; PENDING none is, because it ends in its first commit",
  schema: { type: "string", enum: [...FILTERS, "STUCK"] }
}

const flagOf = (query: URLSearchParams, name: string): boolean | undefined | Problem => {
  const text = query.get(name)
  if (text === null) return undefined
  return text === "true" ? true : text === "false" ? false : invalidField(name, "must be true or false")
}

interface Filter {
  readonly status: string | undefined
  readonly stuck: boolean | undefined
  readonly parked: boolean | undefined
}

const filterOf = (query: URLSearchParams): Filter | Problem => {
  const [stuck, parked] = [flagOf(query, "stuck"), flagOf(query, "parked")]
  if (typeof stuck === "object") return stuck
  if (typeof parked === "object") return parked
  const status = query.get("status")?.toUpperCase()
  if (status === "STUCK") return { status: undefined, stuck: true, parked }
  if (status !== undefined && !FILTERS.some((known) => known === status))
    return invalidField("status", `must be one of ${FILTERS.join(", ")}, STUCK`)
  return { status, stuck, parked }
}

const many = ({ ops }: Parts): Route =>
  route({
    method: "GET",
    path: PATH,
    operation: "listSagas",
    summary: "Sagas, newest first: where each stands, why it waits, what was tried",
    scope: "ops:read",
    parameters: [
      STATUS,
      flag("stuck", "Open for longer than a payment may take"),
      flag("parked", "Gave up after all recoveries"),
      LIMIT,
      CURSOR
    ],
    answers: { 200: { says: "A page of sagas", schema: page(Saga, "SagaPage"), example: sagas } },
    problems: [],
    handle: Effect.fnUntraced(function* ({ now, principal, query }) {
      const filter = filterOf(query)
      if (isProblemOf(filter)) return yield* Effect.fail(filter)
      const asked = pageOf(query, `sagas ${JSON.stringify(filter)}`)
      if (isProblemOf(asked)) return yield* Effect.fail(asked)
      const { after, limit } = asked
      if (after !== undefined && !isUuid(after))
        return yield* Effect.fail(invalidField("cursor", "is not one of this list: begin again without it"))
      const found = yield* ops.sagas({ tenant: principal.tenant, ...filter, after, limit: limit + 1 })
      return json(
        200,
        paged(
          found,
          asked,
          ({ id }) => id,
          (saga) => sagaView(saga, now)
        )
      )
    })
  })

const sagaFound = ({ ops }: Parts, { id, principal }: Pick<ApiRequest, "id" | "principal">) =>
  Effect.flatMap(isUuid(id) ? ops.saga(principal.tenant, id) : Effect.succeed(undefined), (saga) =>
    saga === undefined ? Effect.fail(problem("SAGA_NOT_FOUND", { details: { saga_id: id } })) : Effect.succeed(saga)
  )

/** The latest events of a saga that are shown; one that waits for weeks asks thousands of times. */
const EVENTS_MAX = 200

const one = (parts: Parts): Route =>
  route({
    method: "GET",
    path: `${PATH}/{id}`,
    operation: "getSaga",
    summary: "A saga with its attempts at providers and its latest events",
    scope: "ops:read",
    parameters: [ID],
    answers: { 200: { says: "The saga", schema: SagaDetails, example: sagaOne } },
    problems: ["SAGA_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const saga = yield* sagaFound(parts, request)
      const key = partitionKey(request.principal.tenant, saga.user_id)
      const stream = { tp: topicPartition("saga-events", key), stream: `saga-${saga.id}` }
      const attempts = yield* parts.ops.attempts(saga.id)
      // Its row may be some steps behind its stream, never more than a saga has.
      const from = Math.max(0, saga.version - EVENTS_MAX / 2)
      const events = yield* parts.store.events(stream, from, EVENTS_MAX)
      return json(200, sagaDetails(saga, attempts, events, request.now))
    })
  })

const moved = (parts: Parts, verb: "resume" | "compensate", type: SagaCommand["type"], summary: string): Route =>
  route({
    method: "POST",
    path: `${PATH}/{id}/${verb}`,
    operation: `${verb}Saga`,
    summary,
    scope: "ops:write",
    parameters: [ID],
    body: body(ReasonRequest, { optional: true, example: resumed.asks }),
    answers: {
      200: {
        says: "It goes on; the saga as it stands now",
        schema: Operated(Saga, "MovedSaga"),
        example: resumed.answers
      }
    },
    problems:
      verb === "resume" ? ["SAGA_NOT_FOUND", "SAGA_ENDED"] : ["SAGA_NOT_FOUND", "SAGA_ENDED", "SAGA_NOT_COMPENSATABLE"],
    handle: Effect.fnUntraced(function* (request) {
      const saga = yield* sagaFound(parts, request)
      return yield* operate(parts, request, {
        action: `saga.${verb}`,
        target: `saga-${saga.id}`,
        before: sagaFacts(saga),
        perform: (operator, actionId) => told(parts, request, operator, actionId, saga, type)
      })
    })
  })

const told = Effect.fnUntraced(function* (
  parts: Parts,
  request: ApiRequest<typeof ReasonRequest.Type>,
  operator: Asked,
  actionId: string,
  saga: SagaRecord,
  type: SagaCommand["type"]
) {
  const data = { payment_id: saga.id, reason: request.body.reason }
  const message = toSaga(operator, uuidv5(actionId, type), saga.user_id, { type, data })
  const closed = type === "CompensateSaga" ? yield* closing(parts, request, saga) : undefined
  const outcome = yield* parts.commands.saga({ message })
  if (outcome._tag === "Refused") return yield* Effect.fail(refused(outcome.refusal))
  if (closed !== undefined) yield* closed(outcome)
  const after = yield* sagaFound(parts, request)
  return { body: sagaView(after, request.now), after: sagaFacts(after) }
})
