/**
 * One wire request and what became of it. Effect's client over fetch, because the official SDKs hide retries, wait for
 * ever, or turn a cut answer into an empty success.
 */
import { Cause, Clock, Effect, Exit, Option, Random } from "effect"
import type { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { isJson, type Json } from "./json.ts"

export type Reply =
  /** `body` is undefined where it is no JSON object: a cut, an empty or an HTML answer says nothing about the money. */
  | {
      readonly kind: "reply"
      readonly status: number
      readonly body: Json | undefined
      readonly headers: { readonly [name: string]: string | undefined }
    }
  /** `sent` is false only where no byte of the request can have left us. */
  | { readonly kind: "silence"; readonly reason: string; readonly sent: boolean }

/** The connection was never made. A reset does not qualify, nor does a TLS error: it may belong to a reused socket. */
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"])

const codeOf = (error: unknown, depth = 0): string | undefined => {
  if (typeof error !== "object" || error === null || depth > 4) return undefined
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown }
  return typeof code === "string" ? code : codeOf(cause, depth + 1)
}

const silence = (error: HttpClientError.HttpClientError): Reply => {
  const code = codeOf(error.reason)
  if (code !== undefined && NEVER_SENT.has(code)) return { kind: "silence", reason: "unreachable", sent: false }
  return { kind: "silence", reason: "reset", sent: true }
}

const parse = (body: string): Json | undefined => {
  try {
    const value: unknown = JSON.parse(body)
    return isJson(value) ? value : undefined
  } catch {
    return undefined
  }
}

const read = (client: HttpClient.HttpClient, request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    const answer = yield* Effect.exit(client.execute(request))
    if (Exit.isFailure(answer)) {
      const error = Cause.findErrorOption(answer.cause)
      if (Option.isSome(error)) return silence(error.value)
      return yield* Effect.failCause(answer.cause as Cause.Cause<never>)
    }
    const body = yield* Effect.option(answer.value.text)
    if (Option.isNone(body)) return { kind: "silence", reason: "cut", sent: true } satisfies Reply
    const { status, headers } = answer.value
    return { kind: "reply", status, body: parse(body.value), headers } satisfies Reply
  })

/** Waits at most so long for the whole answer, body included; then the connection is dropped. */
export const exchange = (
  client: HttpClient.HttpClient,
  request: HttpClientRequest.HttpClientRequest,
  timeout_ms: number
): Effect.Effect<Reply> =>
  read(client, request).pipe(
    Effect.timeoutOrElse({
      duration: timeout_ms,
      orElse: () => Effect.succeed<Reply>({ kind: "silence", reason: "timeout", sent: true })
    })
  )

/** Worth asking again: nothing definite was said. */
export const isTransient = (reply: Reply): boolean =>
  reply.kind === "silence" || reply.status >= 500 || reply.status === 429 || reply.status === 409 || isUnreadable(reply)

const isUnreadable = (reply: Reply): boolean =>
  reply.kind === "reply" && reply.body === undefined && reply.status !== 204

/** For calls that cannot take money: 3 tries, 100 ms doubling up to 5 s, jittered (0.8 to 1.2 of it). */
export const TRIES_MAX = 3
const pauseMs = (tries: number, random: number): number =>
  Math.min(100 * 2 ** (tries - 1), 5_000) * (0.8 + 0.4 * random)

/** `Retry-After` in seconds, as ms; a date or anything else is ignored. */
export const retryAfterMs = (reply: Reply): number | undefined => {
  const given = reply.kind === "reply" ? reply.headers["retry-after"] : undefined
  return given !== undefined && /^\d{1,6}$/.test(given) ? Number(given) * 1000 : undefined
}

/** What a throttled request says about the next one. */
export const pace = (reply: Reply): { readonly retry_after_ms?: number } => {
  const retry_after_ms = retryAfterMs(reply)
  return retry_after_ms === undefined ? {} : { retry_after_ms }
}

const TRY_LEAST_MS = 2_000

/** Several tries within `timeout_ms`: each takes a third of it, where that is long enough for an answer. */
export const persistently = (
  timeout_ms: number,
  send: (timeout_ms: number) => Effect.Effect<Reply>,
  again = isTransient
) =>
  Effect.gen(function* () {
    const each = Math.max(timeout_ms / 3, Math.min(timeout_ms, TRY_LEAST_MS))
    const began = yield* Clock.currentTimeMillis
    let reply = yield* send(each)
    for (let tries = 1; tries < TRIES_MAX && again(reply); tries++) {
      const pause = Math.max(pauseMs(tries, yield* Random.next), retryAfterMs(reply) ?? 0)
      // A pause that does not fit into the call's time is not begun.
      if ((yield* Clock.currentTimeMillis) + pause >= began + timeout_ms) break
      yield* Effect.sleep(pause)
      const left = began + timeout_ms - (yield* Clock.currentTimeMillis)
      if (left <= 0) break
      reply = yield* send(Math.min(each, left))
    }
    return reply
  })

export const reasonOf = (reply: Reply): string => {
  if (reply.kind === "silence") return reply.reason
  return reply.status >= 200 && reply.status < 300 ? "unreadable_answer" : `http_${reply.status}`
}

/** Money and credentials travel over TLS; only a provider on this machine may be spoken to without. */
export const safeUrl = (url: string): string => {
  const { protocol, hostname } = new URL(url)
  const local = hostname === "127.0.0.1" || hostname === "localhost" || hostname === "[::1]"
  if (protocol !== "https:" && !(protocol === "http:" && local)) throw new Error(`${hostname} needs https`)
  return url.replace(/\/+$/, "")
}
