/**
 * Many payments in one request: each is made, waited for and answered as if it had come alone, so a bad one spoils
 * no other. There is no all-or-nothing: what a provider has charged cannot be taken back with a neighbour's refusal.
 */
import { Effect, Exit, Result, Schema } from "effect"
import { bulk as example } from "../examples-money.ts"
import { keyOf } from "../idempotency.ts"
import { type Problem, problem } from "../problem.ts"
import { type Body, body, PaymentRequest } from "../requests.ts"
import { Payment, ProblemBody } from "../resources.ts"
import { type Answer, type ApiFailure, problemAnswer, toProblem } from "../responses.ts"
import { type ApiRequest, PREFER, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"
import { PATH as PAYMENTS, paid } from "./payments.ts"

export const PATH = `${PAYMENTS}/bulk`
/** Payments in one request. */
export const BULK_MAX = 500
/** A payment with all its text is some 1,000 bytes. */
const BULK_BODY_MAX_BYTES = 512 * 1024
/** Payments of one request that are worked on at once: it must not stand before everybody else. */
const AT_ONCE_MAX = 32

const Item = Schema.Struct({
  ...PaymentRequest.fields,
  idempotency_key: Schema.optionalKey(
    Schema.String.annotate({
      description: "as the header of a single payment, and of the same scope; absent: the request's key and the index"
    })
  )
}).annotate({ identifier: "BulkPaymentRequest" })
const size = { message: `must hold 1 to ${BULK_MAX} payments` }
const bounds = [Schema.isMinLength(1, size), Schema.isMaxLength(BULK_MAX, size)] as const
const BulkRequest = Schema.Struct({ payments: Schema.Array(Item).check(...bounds) }).annotate({
  identifier: "BulkRequest"
})
const BulkResult = Schema.Struct({
  index: Schema.Int.annotate({ description: "of the payment in the request; results are in that order" }),
  status: Schema.Int.annotate({ description: "what a single payment would have been answered with" }),
  replayed: Schema.optionalKey(Schema.Boolean),
  payment: Schema.optionalKey(Payment),
  problem: Schema.optionalKey(ProblemBody)
}).annotate({ identifier: "BulkResult" })
const Bulk = Schema.Struct({
  completed: Schema.Int,
  pending: Schema.Int.annotate({
    description: "not ended when the wait was over: ask for them, or repeat the request"
  }),
  failed: Schema.Int,
  results: Schema.Array(BulkResult)
}).annotate({ identifier: "Bulk" })

interface Envelope {
  readonly payments: ReadonlyArray<unknown>
}

/** Only the envelope is decoded with the request: its items each have an answer of their own. */
const envelope: Body<Envelope> = {
  ...body(Schema.Struct({ payments: Schema.Array(Schema.Unknown).check(...bounds) }), { example: example.asks }),
  schema: BulkRequest,
  maxBytes: BULK_BODY_MAX_BYTES
}
const item = body(Item)

export const bulkRoute = (parts: Parts): Route =>
  route({
    method: "POST",
    path: PATH,
    operation: "payInBulk",
    summary: `Up to ${BULK_MAX} payments, each with its own key and its own result; repeat the request to resume it`,
    scope: "payments:write",
    parameters: [PREFER],
    body: envelope,
    key: "optional",
    answers: { 207: { says: "One result a payment, in their order", schema: Bulk, example: example.answers } },
    problems: [],
    handle: (request) =>
      Effect.map(
        Effect.forEach(request.body.payments, (one, index) => resultOf(parts, request, one, index), {
          concurrency: AT_ONCE_MAX
        }),
        answered
      )
  })

interface Told {
  readonly status: number
  /** JSON. */
  readonly text: string
}

/** Whatever becomes of one, a defect of ours included, is its own result. */
const resultOf = (parts: Parts, request: ApiRequest<Envelope>, one: unknown, index: number): Effect.Effect<Told> =>
  Effect.map(Effect.exit(single(parts, request, one, index)), (exit) => {
    if (Exit.isSuccess(exit)) {
      const { status, body: text, headers } = exit.value
      return told(index, status, headers, `"payment":${String(text)}`)
    }
    const failure = Exit.findErrorOption(exit)
    const why = failure._tag === "Some" ? toProblem(failure.value) : problem("INTERNAL")
    const { status, body: text } = problemAnswer(why, PATH, request.trace)
    return told(index, status, why.headers, `"problem":${String(text)}`)
  })

const told = (index: number, status: number, headers: Answer["headers"], said: string): Told => {
  const replayed = headers?.["idempotent-replayed"] === undefined ? "" : `"replayed":true,`
  return { status, text: `{"index":${index},"status":${status},${replayed}${said}}` }
}

const single = (
  parts: Parts,
  request: ApiRequest<Envelope>,
  one: unknown,
  index: number
): Effect.Effect<Answer, ApiFailure> => {
  const decoded = item.decode(one)
  if (Result.isFailure(decoded)) return Effect.fail(decoded.failure)
  const { idempotency_key, ...payment } = decoded.success
  if (idempotency_key !== undefined) {
    const key = keyOf(idempotency_key)
    if (typeof key !== "string") return Effect.fail(key ?? noKey)
    return paid(parts, { ...request, key, body: payment })
  }
  if (request.key === undefined) return Effect.fail(noKey)
  return paid(parts, { ...request, key: `${request.key} ${index}`, body: payment }, PATH)
}

const noKey: Problem = problem("IDEMPOTENCY_KEY_REQUIRED", { details: { field: "idempotency_key" } })

const answered = (results: ReadonlyArray<Told>): Answer => {
  const count = (...of: ReadonlyArray<number>) => results.filter(({ status }) => of.includes(status)).length
  const [completed, pending] = [count(201), count(202)]
  const counts = `"completed":${completed},"pending":${pending},"failed":${results.length - completed - pending}`
  return { status: 207, body: `{${counts},"results":[${results.map(({ text }) => text).join(",")}]}` }
}
