/**
 * Dead letters: look, and ask for them to be redriven or discarded. The API only asks: the service that owns the unit
 * does it, in order, and this answer comes before that (202); GET says what became of it.
 */
import { Effect } from "effect"
import { askOf } from "../../../shared/runtime/asks.ts"
import { isUuid, uuidv5 } from "../../../shared/runtime/ids.ts"
import type { Asked } from "../commands.ts"
import * as example from "../letters/examples.ts"
import type { LetterRecord } from "../letters/records.ts"
import * as shown from "../letters/resources.ts"
import { type Operated, operate } from "../operate.ts"
import { paged, pageOf } from "../pagination.ts"
import { invalidField, type Problem, problem } from "../problem.ts"
import type { StoreUnavailable } from "../records.ts"
import { body, ReasonRequest } from "../requests.ts"
import { page } from "../resources.ts"
import { type ApiFailure, json } from "../responses.ts"
import { type ApiRequest, CURSOR, ID, isProblemOf, LIMIT, type Parameter, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

export const deadLetterRoutes = (parts: Parts): ReadonlyArray<Route> => [
  many(parts),
  all(parts),
  one(parts),
  asking(parts, "redrive"),
  asking(parts, "discard")
]

const literal = (name: string, description: string, values: ReadonlyArray<string>): Parameter => ({
  name,
  in: "query",
  description,
  schema: { type: "string", enum: values }
})
const FILTERS = {
  service: literal("service", "Of this service only", shown.ServiceName.literals),
  status: literal("status", "Only those; dead includes what is asked for and not done yet", shown.STATUSES),
  error_class: literal("error_class", "Of this class only", shown.ErrorClass.literals),
  order: literal("order", "By when they died; default newest", ["newest", "oldest"])
}
const UNIT: Parameter = {
  name: "unit",
  in: "query",
  description: "What waits, such as wallet-{id}",
  schema: { type: "string" }
}

/** Chosen from a list: another word is a 400 that names the parameter. */
const chosen = (query: URLSearchParams): Record<string, string | undefined> | Problem => {
  const found: Record<string, string | undefined> = {}
  for (const { name, schema } of Object.values(FILTERS)) {
    const text = query.get(name) ?? undefined
    const values = schema["enum"] as ReadonlyArray<string>
    if (text !== undefined && !values.includes(text)) return invalidField(name, `must be one of ${values.join(", ")}`)
    found[name] = text
  }
  return found
}

const many = ({ letters }: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/ops/dead-letters",
    operation: "listDeadLetters",
    summary: "Messages that could not be applied",
    scope: "ops:read",
    parameters: [FILTERS.service, FILTERS.status, FILTERS.error_class, UNIT, FILTERS.order, LIMIT, CURSOR],
    answers: {
      200: {
        says: "A page of dead letters",
        schema: page(shown.DeadLetter, "DeadLetterPage"),
        example: { data: [example.letter], next_cursor: null }
      }
    },
    problems: [],
    handle: Effect.fnUntraced(function* ({ principal, query }) {
      const filter = chosen(query)
      if (isProblemOf(filter)) return yield* Effect.fail(filter)
      const { service, status, error_class } = filter
      const order = filter["order"] === "oldest" ? "oldest" : "newest"
      const unit = query.get("unit") ?? undefined
      if (unit?.includes("\u0000")) return yield* Effect.fail(invalidField("unit", "must hold no NUL"))
      const asked = pageOf(query, `dead-letters ${[service, status, error_class, unit, order].join(" ")}`)
      if (isProblemOf(asked)) return yield* Effect.fail(asked)
      const { after, limit } = asked
      if (after !== undefined && !isUuid(after))
        return yield* Effect.fail(invalidField("cursor", "is not one of this list: begin again without it"))
      const { tenant } = principal
      const wanted = { tenant, service, status, error_class, unit, order, after, limit: limit + 1 } as const
      const found = yield* letters.find(wanted)
      return json(
        200,
        paged(found, asked, ({ id }) => id, shown.letterView)
      )
    })
  })

const NOT_FOUND = problem("DEAD_LETTER_NOT_FOUND")

const found = (
  { letters }: Parts,
  { principal, id }: Pick<ApiRequest, "principal" | "id">
): Effect.Effect<LetterRecord, Problem | StoreUnavailable> =>
  isUuid(id)
    ? Effect.flatMap(letters.one(principal.tenant, id), (letter) =>
        letter === undefined ? Effect.fail(NOT_FOUND) : Effect.succeed(letter)
      )
    : Effect.fail(NOT_FOUND)

const LAST_EVENTS = 20

const one = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/ops/dead-letters/{id}",
    operation: "getDeadLetter",
    summary: "A dead letter: the message, what its error means, every try, what waits behind it",
    scope: "ops:read",
    parameters: [ID],
    answers: { 200: { says: "The dead letter", schema: shown.DeadLetterDetail, example: example.detail } },
    problems: ["DEAD_LETTER_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const letter = yield* found(parts, request)
      const stream = shown.streamOfUnit(letter)
      const events = stream === undefined ? [] : yield* parts.letters.tail(stream, LAST_EVENTS)
      return json(200, shown.detailView(letter, events))
    })
  })

const facts = (letter: LetterRecord) => ({
  status: shown.shownStatus(letter),
  service: letter.service,
  unit: letter.unit,
  error_class: letter.error_class,
  redrives: letter.redrives,
  waiting: letter.waiting
})

const PARTICIPLE = { redrive: "redriving", discard: "discarding" } as const
type Verb = keyof typeof PARTICIPLE

/** In order of dying; each ask has an id that follows from the action's, so that a repeated write is the same ask. */
const asksFor = (letters: ReadonlyArray<LetterRecord>, verb: Verb, operator: Asked, actionId: string, reason: string) =>
  letters.flatMap((letter) => {
    const { principal, trace, now } = operator
    const id = uuidv5(actionId, letter.id)
    const type = verb === "redrive" ? "RedriveUnit" : "DiscardDeadLetter"
    const asking = { id, time: now, actor: principal.actor, traceparent: trace.traceparent, type, reason } as const
    return askOf(letter, asking) ?? []
  })

const asking = (parts: Parts, verb: Verb): Route =>
  route({
    method: "POST",
    path: `/api/v1/ops/dead-letters/{id}/${verb}`,
    operation: `${verb}DeadLetter`,
    summary:
      verb === "redrive"
        ? "Try a dead letter again, and after it what waits behind it"
        : "Give a dead letter up; what waits behind it goes on",
    scope: "ops:write",
    parameters: [ID],
    body: body(ReasonRequest, { optional: true, example: example.reason }),
    answers: {
      202: {
        says: "Asked for: its service does it, in order",
        schema: shown.DeadLetterAsked,
        example: { ...example.asked, status: PARTICIPLE[verb] }
      }
    },
    problems: ["DEAD_LETTER_NOT_FOUND", "DEAD_LETTER_CLOSED"],
    handle: Effect.fnUntraced(function* (request) {
      const letter = yield* found(parts, request)
      const status = shown.shownStatus(letter)
      const { reason } = request.body
      const perform = (operator: Asked, actionId: string): Effect.Effect<Operated, ApiFailure> =>
        status === "dead"
          ? Effect.as(parts.letters.ask(asksFor([letter], verb, operator, actionId, reason)), {
              status: 202,
              body: { id: letter.id, status: PARTICIPLE[verb], waiting: letter.waiting },
              after: { status: PARTICIPLE[verb] }
            })
          : Effect.fail(problem("DEAD_LETTER_CLOSED", { details: { dead_letter_id: letter.id, status } }))
      const target = `dead_letter-${letter.id}`
      return yield* operate(parts, request, { action: `dead_letter.${verb}`, target, before: facts(letter), perform })
    })
  })

const all = (parts: Parts): Route =>
  route({
    method: "POST",
    path: "/api/v1/ops/dead-letters/redrive",
    operation: "redriveDeadLetters",
    summary: "Try dead letters again, oldest first: those named, or those that match",
    scope: "ops:write",
    body: body(shown.RedriveRequest, { optional: true, example: example.redriveAll.asks }),
    answers: { 202: { says: "Asked for", schema: shown.RedriveAsked, example: example.redriveAll.answers } },
    problems: [],
    handle: Effect.fnUntraced(function* (request) {
      const { principal, body } = request
      const { reason, limit = shown.BULK_DEFAULT, ids, ...filter } = body
      const { tenant } = principal
      const named = ids === undefined ? {} : { ids }
      const status = ids === undefined ? { status: "dead" } : {}
      const wanted = { tenant, ...filter, ...named, ...status, order: "oldest", limit: limit + 1 } as const
      const matching = yield* parts.letters.find(wanted)
      const chosen = matching.slice(0, limit)
      const dead = chosen.filter((letter) => shown.shownStatus(letter) === "dead")
      const skipped = [
        ...chosen.flatMap((letter) => {
          const reason = shown.shownStatus(letter)
          return reason === "dead" ? [] : [{ id: letter.id, reason }]
        }),
        ...(ids ?? [])
          .filter((id) => !matching.some((letter) => letter.id === id))
          .map((id) => ({ id, reason: "not_found" as const }))
      ]
      const asked = dead.map(({ id }) => id)
      const more = matching.length > limit
      const perform = (operator: Asked, actionId: string): Effect.Effect<Operated, ApiFailure> =>
        Effect.as(parts.letters.ask(asksFor(dead, "redrive", operator, actionId, reason)), {
          status: 202,
          body: { asked, skipped, more },
          after: { asked: asked.length, skipped: skipped.length, more }
        })
      const parameters = { ...filter, limit, ...(ids === undefined ? {} : { ids: [...ids] }) }
      const before = { dead: asked.length }
      const operation = { action: "dead_letter.redrive_many", target: "dead_letters", parameters, before, perform }
      return yield* operate(parts, request, operation)
    })
  })
