/** OpenAPI 3.1, from the same schemas that decode requests: what is printed here is what is checked. */
import { JsonSchema, Schema } from "effect"
import { ERRORS, type ErrorCode } from "../../shared/contract/errors.ts"
import { SCOPES } from "./auth.ts"
import { BODY_MAX } from "./body.ts"
import { ProblemBody } from "./resources.ts"
import type { Route } from "./route.ts"

type Json = Readonly<Record<string, unknown>>

export const openApi = (routes: ReadonlyArray<Route>): Json => {
  const shown = new Schemas()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const item = (paths[route.path] ??= {})
    item[route.method.toLowerCase()] = operation(route, shown)
  }
  const problemSchema = shown.of(ProblemBody)
  return {
    openapi: "3.1.0",
    info: {
      title: "Wallet payments",
      version: "1",
      description:
        "Pay out of a wallet. Money is an integer in the currency's minor unit; times are RFC 3339 UTC; errors are " +
        "application/problem+json (RFC 9457)."
    },
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    security: [{ apiKey: [] }],
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", description: `Scopes: ${SCOPES.join(", ")}` }
      },
      schemas: shown.definitions,
      responses: Object.fromEntries(
        [...new Set(routes.flatMap(problemsOf))].map((code) => [code, problemResponse(code, problemSchema)])
      ),
      headers: {
        traceparent: { description: "W3C Trace Context; a valid one of the request is continued", schema: TEXT },
        trace_id: { description: "To be told to whoever looks into it", schema: TEXT }
      }
    }
  }
}

const TEXT = { type: "string" }
const TRACE_HEADERS = {
  traceparent: { $ref: "#/components/headers/traceparent" },
  trace_id: { $ref: "#/components/headers/trace_id" }
}

/** Answers of every route beside its own. */
const problemsOf = ({ scope, body, key, parameters, problems }: Route): ReadonlyArray<ErrorCode> => {
  if (scope === undefined) return problems
  const list = new Set<ErrorCode>([...problems, "UNAUTHENTICATED", "FORBIDDEN", "INTERNAL", "UNAVAILABLE"])
  if (parameters?.some((parameter) => parameter.in === "query") === true) list.add("INVALID_REQUEST")
  if (body !== undefined)
    for (const code of ["INVALID_REQUEST", "INVALID_JSON", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"] as const)
      list.add(code)
  if (key === "required") list.add("IDEMPOTENCY_KEY_REQUIRED")
  if (key !== undefined) list.add("IDEMPOTENCY_KEY_IN_USE").add("IDEMPOTENCY_KEY_REUSED")
  return [...list]
}

const operation = (route: Route, shown: Schemas): Json => ({
  operationId: route.operation,
  summary: route.summary,
  ...(route.scope === undefined ? { security: [] } : { description: `Scope \`${route.scope}\`.` }),
  parameters: [...(route.parameters ?? []), ...keyParameter(route)].map(({ required = false, ...rest }) => ({
    ...rest,
    required
  })),
  ...(route.body === undefined
    ? {}
    : {
        requestBody: {
          required: !route.body.optional,
          description: `At most ${route.body.maxBytes ?? BODY_MAX} bytes; unknown fields are refused.`,
          content: { "application/json": { schema: shown.of(route.body.schema, "error"), example: route.body.example } }
        }
      }),
  ...(route.raw === undefined
    ? {}
    : {
        requestBody: {
          required: true,
          description: `At most ${route.raw.maxBytes} bytes. ${route.raw.says}`,
          content: { "application/json": { schema: { type: "object" }, example: route.raw.example } }
        }
      }),
  responses: responses(route, shown)
})

const keyParameter = ({ key }: Route) =>
  key === undefined
    ? []
    : [
        {
          name: "Idempotency-Key",
          in: "header",
          required: key === "required",
          description:
            "1 to 255 characters, bare or quoted. The same key and body give the first answer again, with " +
            "Idempotent-Replayed: true. Kept for 30 days.",
          schema: { type: "string", minLength: 1, maxLength: 257 }
        }
      ]

const responses = (route: Route, shown: Schemas): Json => {
  const list: Record<string, unknown> = {}
  for (const [status, { says, schema, type = "application/json", example, also = {} }] of Object.entries(route.answers))
    list[status] = {
      description: says,
      headers: TRACE_HEADERS,
      ...(schema === undefined
        ? {}
        : { content: { [type]: { schema: shown.of(schema), example }, ...otherForms(also) } })
    }
  const byStatus = Map.groupBy(problemsOf(route), (code) => ERRORS[code].status)
  const ref = shown.of(ProblemBody)
  for (const [status, codes] of byStatus) {
    const only = codes.length === 1 ? codes[0] : undefined
    list[status] ??=
      only === undefined
        ? { ...problemResponse(codes[0] as ErrorCode, ref), description: codes.join(", ") }
        : { $ref: `#/components/responses/${only}` }
  }
  return list
}

const otherForms = (also: Readonly<Record<string, string>>): Json =>
  Object.fromEntries(Object.entries(also).map(([type, example]) => [type, { schema: TEXT, example }]))

const problemResponse = (code: ErrorCode, schema: Json): Json => ({
  description: `${code}: ${ERRORS[code].title}. ${ERRORS[code].whatToDo}`,
  headers: { ...TRACE_HEADERS, ...(ERRORS[code].retryable ? { "Retry-After": { schema: { type: "integer" } } } : {}) },
  content: { "application/problem+json": { schema } }
})

/** Named schemas are printed once, under their identifier, and referred to. */
class Schemas {
  readonly definitions: Record<string, unknown> = {}

  of(schema: Schema.Top, onExcessProperty: "error" | "ignore" = "ignore"): Json {
    const document = Schema.toJsonSchemaDocument(schema, { onExcessProperty })
    const { schemas, definitions } = JsonSchema.toMultiDocumentOpenApi3_1({
      dialect: document.dialect,
      schemas: [document.schema],
      definitions: document.definitions
    })
    Object.assign(this.definitions, definitions)
    return schemas[0] as Json
  }
}
