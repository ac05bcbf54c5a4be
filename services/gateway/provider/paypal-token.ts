/** PayPal's access token: one refresh for all who wait, at 80 % of its life, and a new one when it is refused. */
import { Clock, Effect, Redacted, Semaphore } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { exchange, persistently, type Reply } from "./http.ts"
import { integer, text } from "./json.ts"

interface Token {
  readonly value: string
  readonly refresh_at: number
}

export interface TokenSettings {
  readonly url: string
  readonly client_id: string
  readonly secret: Redacted.Redacted
  readonly timeout_ms: number
}

export interface Tokens {
  /** A token, or the reply that refused one. */
  readonly get: Effect.Effect<string | Reply>
  /** The token was refused: the next `get` fetches a new one, once for all who used it. */
  readonly refuse: (token: string) => Effect.Effect<void>
}

const LIFE_SHARE = 0.8
const LIFE_DEFAULT_S = 300n

export const paypalTokens = (client: HttpClient.HttpClient, settings: TokenSettings): Tokens => {
  const credentials = Buffer.from(`${settings.client_id}:${Redacted.value(settings.secret)}`).toString("base64")
  const request = HttpClientRequest.post(`${settings.url}/v1/oauth2/token`).pipe(
    HttpClientRequest.setHeaders({ authorization: `Basic ${credentials}`, accept: "application/json" }),
    HttpClientRequest.bodyText("grant_type=client_credentials", "application/x-www-form-urlencoded")
  )
  const fetching = Semaphore.makeUnsafe(1)
  let token: Token | undefined
  const valid = (now: number) => (token !== undefined && now < token.refresh_at ? token.value : undefined)

  const fetch: Effect.Effect<string | Reply> = Effect.gen(function* () {
    // Whoever waited here finds the token that the one before has fetched.
    const now = yield* Clock.currentTimeMillis
    const fetched = valid(now)
    if (fetched !== undefined) return fetched
    const reply = yield* persistently(settings.timeout_ms, (within) => exchange(client, request, within))
    const value = reply.kind === "reply" && reply.status === 200 ? text(reply.body, "access_token") : undefined
    if (value === undefined || reply.kind !== "reply") return reply
    const life_s = integer(reply.body, "expires_in") ?? LIFE_DEFAULT_S
    token = { value, refresh_at: now + Number(life_s) * 1000 * LIFE_SHARE }
    return value
  })
  return {
    get: Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const known = valid(now)
      return known === undefined ? fetching.withPermit(fetch) : Effect.succeed(known)
    }),
    refuse: (refused) =>
      Effect.sync(() => {
        if (token?.value === refused) token = undefined
      })
  }
}
