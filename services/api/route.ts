/** A route is data: the app serves it, the OpenAPI document describes it, and a test walks over all of them. */
import type { Effect, Schema } from "effect"
import type { ErrorCode } from "../../shared/contract/errors.ts"
import { topicPartition } from "../../shared/contract/topics.ts"
import type { Principal, Scope } from "./auth.ts"
import type { Problem } from "./problem.ts"
import type { StreamAt } from "./records.ts"
import type { Body } from "./requests.ts"
import type { Answer, ApiFailure } from "./responses.ts"
import type { Trace } from "./trace.ts"

/** Of the query string, of the path, or a header. */
export interface Parameter {
  readonly name: string
  readonly in: "query" | "path" | "header"
  readonly description: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly required?: boolean
}

/** A request that is authenticated, read and decoded. */
export interface ApiRequest<B = unknown> {
  readonly now: number
  readonly trace: Trace
  readonly principal: Principal
  /** `{id}` (or `{provider}`) of the path, in lower case; empty where the path has none. */
  readonly id: string
  readonly query: URLSearchParams
  readonly headers: Headers
  readonly key: string | undefined
  readonly body: B
}

export interface Described {
  readonly says: string
  readonly schema?: Schema.Top
  /** The media type; JSON unless it is named. */
  readonly type?: string
  readonly example?: unknown
  /** Other forms of the same answer: media type → how it looks there. */
  readonly also?: Readonly<Record<string, string>>
}

/** A body that is handed over as the bytes it came as, because those are what is signed. */
export interface Raw {
  readonly maxBytes: number
  readonly says: string
  readonly example: unknown
}

export interface RouteOf<B> {
  readonly method: "GET" | "POST"
  /** As in OpenAPI: `/api/v1/wallets/{id}`. */
  readonly path: string
  readonly operation: string
  readonly summary: string
  /** Absent: everybody may. */
  readonly scope?: Scope
  readonly parameters?: ReadonlyArray<Parameter>
  readonly body?: Body<B>
  /** Instead of `body`; `B` is then the bytes. */
  readonly raw?: Raw
  readonly key?: "required" | "optional"
  readonly answers: Readonly<Record<number, Described>>
  readonly problems: ReadonlyArray<ErrorCode>
  // A method, not a property: a route of one body stands in a list of routes of any body.
  handle(request: ApiRequest<B>): Effect.Effect<Answer, ApiFailure>
}
export type Route = RouteOf<unknown>

/** Infers the body's type for the handler. */
export const route = <B>(of: RouteOf<B>): Route => of as Route

export const walletStream = (id: string, partitionkey: string): StreamAt => ({
  tp: topicPartition("wallet-events", partitionkey),
  stream: `wallet-${id}`
})

export const isProblemOf = <A extends object>(value: A | Problem): value is Problem =>
  (value as { readonly _tag?: string })._tag === "Problem"

export const ID: Parameter = {
  name: "id",
  in: "path",
  description: "UUID",
  required: true,
  schema: { type: "string", format: "uuid" }
}
export const IF_NONE_MATCH: Parameter = {
  name: "If-None-Match",
  in: "header",
  description: "The ETag the client has",
  schema: { type: "string" }
}
export const LIMIT: Parameter = {
  name: "limit",
  in: "query",
  description: "Items a page",
  schema: { type: "integer", minimum: 1, maximum: 200, default: 50 }
}
export const CURSOR: Parameter = {
  name: "cursor",
  in: "query",
  description: "next_cursor of the page before",
  schema: { type: "string" }
}
export const PREFER: Parameter = {
  name: "Prefer",
  in: "header",
  description: "wait=N (seconds, default 2, at most 30) or respond-async",
  schema: { type: "string" }
}
export const USER_ID: Parameter = {
  name: "user_id",
  in: "query",
  description: "Of this user only",
  schema: { type: "string" }
}
