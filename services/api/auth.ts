/**
 * Who asks, by API key. A key is compared by its SHA-256 only: how long the look-up takes says something about a hash
 * that nobody can steer, and an unknown, a malformed and a revoked key get the same answer.
 */
import { hash } from "node:crypto"
import { Effect } from "effect"
import { Bounded } from "../../shared/runtime/bounded.ts"
import { type Problem, problem } from "./problem.ts"
import type { Store, StoreUnavailable } from "./records.ts"
import { putApiKey } from "./store.ts"

export const SCOPES = [
  "payments:write",
  "payments:read",
  "wallets:write",
  "wallets:read",
  "ops:read",
  "ops:write"
] as const
export type Scope = (typeof SCOPES)[number]

export interface Principal {
  readonly tenant: string
  /** As events name it. */
  readonly actor: string
  readonly scopes: ReadonlySet<string>
}

export interface Auth {
  /** Takes the Authorization header; `now` in ms. */
  readonly check: (
    header: string | null,
    scope: Scope,
    now: number
  ) => Effect.Effect<Principal, Problem | StoreUnavailable>
}

/** A revoked key works this much longer at most. */
const CACHED_MS = 5_000
const CACHED_MAX = 10_000

const unauthenticated = problem("UNAUTHENTICATED", { headers: { "www-authenticate": "Bearer" } })
const BEARER = /^bearer +([\x21-\x7e]{1,256})$/i

export const hashOf = (key: string): string => hash("sha256", key, "hex")

export const makeAuth = (store: Pick<Store["Service"], "apiKey">): Auth => {
  const known = new Bounded<string, { readonly principal: Principal; readonly until: number }>(CACHED_MAX)

  const look = (digest: string, now: number) =>
    Effect.flatMap(store.apiKey(digest), (key) => {
      if (key === undefined) return Effect.fail(unauthenticated)
      const { id, tenant, scopes } = key
      const principal: Principal = { tenant, actor: `key:${id}`, scopes: new Set(scopes.split(" ")) }
      known.set(digest, { principal, until: now + CACHED_MS })
      return Effect.succeed(principal)
    })

  const allow = (principal: Principal, scope: Scope) =>
    principal.scopes.has(scope)
      ? Effect.succeed(principal)
      : Effect.fail(problem("FORBIDDEN", { details: { required_scope: scope } }))

  return {
    check: (header, scope, now) => {
      const key = BEARER.exec(header ?? "")?.[1]
      if (key === undefined) return Effect.fail(unauthenticated)
      const digest = hashOf(key)
      const cached = known.get(digest)
      if (cached !== undefined && cached.until > now) return allow(cached.principal, scope)
      return Effect.flatMap(look(digest, now), (principal) => allow(principal, scope))
    }
  }
}

/** The embedded platform's key: all scopes of the tenant `default`. A new value replaces the old one. */
export const ensureDevelopmentKey = (apiKey: string) =>
  putApiKey({
    id: "development",
    tenant: "default",
    name: "Development key of the embedded platform",
    hash: hashOf(apiKey),
    scopes: SCOPES.join(" ")
  })
