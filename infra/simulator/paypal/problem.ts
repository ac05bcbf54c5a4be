/** PayPal's error answers: a name, a debug id, and the issue that callers branch on. */
import type { Refusal } from "../currency.ts"
import { debugId } from "../ids.ts"

export type Detail = {
  readonly issue: string
  readonly description: string
  readonly field?: string | undefined
  readonly value?: string | undefined
  readonly location?: string | undefined
}

export class Problem extends Error {
  readonly status: number
  readonly body: object

  constructor(status: number, body: object) {
    super(`paypal ${status}`)
    this.status = status
    this.body = body
  }
}

const problem = (status: number, name: string, message: string, details: ReadonlyArray<Detail>): Problem => {
  const href = `https://developer.paypal.com/api/rest/reference/orders/v2/errors/#${details[0]?.issue ?? name}`
  const links = [{ href, rel: "information_link", method: "GET" }]
  return new Problem(status, { name, message, debug_id: debugId(), details, links })
}

export const malformed = (issue: string, description: string, field?: string): Problem =>
  problem(400, "INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema.", [
    { issue, description, field, location: field === undefined ? undefined : "body" }
  ])

export const unprocessable = (issue: string, description: string, field?: string): Problem =>
  problem(
    422,
    "UNPROCESSABLE_ENTITY",
    "The requested action could not be performed, semantically incorrect, or failed business validation.",
    [{ issue, description, field }]
  )

const SYNTAX = new Set(["INVALID_PARAMETER_SYNTAX"])

export const refusedAmount = ({ code, message }: Refusal, field: string): Problem =>
  SYNTAX.has(code) ? malformed(code, message, field) : unprocessable(code, message, field)

export const notFound = (): Problem =>
  problem(404, "RESOURCE_NOT_FOUND", "The specified resource does not exist.", [
    { issue: "INVALID_RESOURCE_ID", description: "Specified resource ID does not exist. Please check the resource ID." }
  ])

export const inProgress = (): Problem =>
  problem(409, "RESOURCE_CONFLICT", "The server has detected a conflict while processing this request.", [
    {
      issue: "PREVIOUS_REQUEST_IN_PROGRESS",
      description: "A previous request on this resource is currently in progress. Please wait and try again."
    }
  ])

export const rateLimited = (): Problem =>
  problem(429, "RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting.", [])

const SERVER_ERRORS: { readonly [code: string]: string } = {
  "500": "INTERNAL_SERVER_ERROR",
  "502": "BAD_GATEWAY",
  "503": "SERVICE_UNAVAILABLE",
  "504": "GATEWAY_TIMEOUT"
}

export const serverError = (code: string | undefined): Problem => {
  const status = code !== undefined && SERVER_ERRORS[code] !== undefined ? code : "500"
  const name = SERVER_ERRORS[status] ?? "INTERNAL_SERVER_ERROR"
  return problem(Number(status), name, "An internal server error has occurred.", [])
}

/** The token endpoint and the token check speak OAuth's error shape, not the API's. */
export const oauthProblem = (error: string, error_description: string): Problem =>
  new Problem(401, { error, error_description })

export const unauthenticated = (): Problem =>
  problem(401, "AUTHENTICATION_FAILURE", "Authentication failed due to missing authorization header.", [])
