/**
 * Idempotency-Key (DECISIONS D4): the key's row is committed with the event it stands for, so a request that dies
 * half-way has either both or neither. An unseen key costs no read: the insert itself finds out. Keys in flight and
 * keys lately seen are remembered, so that twins in one process never meet in the store.
 */

import { hash } from "node:crypto"
import { Effect } from "effect"
import { Bounded } from "../../shared/runtime/bounded.ts"
import type { RowTaken, SubmitFailure } from "../../shared/runtime/commands.ts"
import type { Projected } from "../../shared/runtime/decider.ts"
import type { Outcome } from "../../shared/runtime/journal/fold.ts"
import type { Principal } from "./auth.ts"
import { canonical } from "./json.ts"
import { invalidField, type Problem, problem } from "./problem.ts"
import { idempotencyKeysTable, type KeyRecord, type KeyScope, type Store } from "./records.ts"
import { type Answer, type ApiFailure, inUse, refused, toProblem } from "./responses.ts"
import type { InTurn } from "./turns.ts"

const KEY_MAX = 255
const REMEMBERED_MAX = 100_000

/** Bare as most clients send it, or a Structured Fields string as the draft has it (RELIABILITY 4.1). */
export const keyOf = (header: string | null): string | undefined | Problem => {
  const text = header?.trim() ?? ""
  if (text === "") return undefined
  const key = text.startsWith('"') ? unquoted(text) : text
  const fits = key !== undefined && key.length >= 1 && key.length <= KEY_MAX && /^[\x20-\x7e]+$/.test(key)
  return fits ? key : invalidField("Idempotency-Key", `must be 1 to ${KEY_MAX} printable ASCII characters`)
}

const unquoted = (text: string): string | undefined =>
  /^"((?:[^"\\]|\\["\\])*)"$/.exec(text)?.[1]?.replace(/\\(["\\])/g, "$1")

/** SHA-256 of what the client asked for: the canonical body, and which wallet or payment the path names. */
export const fingerprint = (target: string | undefined, body: unknown): string =>
  hash("sha256", canonical([target ?? null, body]), "hex")

/** Undefined where the client gave no key. `route` is the template, so a key means the same on every id. */
export const keyScope = (
  { principal, key }: { readonly principal: Principal; readonly key: string | undefined },
  route: string
): KeyScope | undefined => (key === undefined ? undefined : { tenant: principal.tenant, method: "POST", route, key })

export interface Once {
  /** Absent: the client gave no key, every request is its own. */
  readonly scope: KeyScope | undefined
  readonly fingerprint: string
  /** What the request makes, if it is the first. */
  readonly resource: {
    readonly name: `${"payment" | "wallet" | "credit" | "hold" | "capture" | "refund" | "transfer" | "withdrawal"}_id`
    readonly id: string
  }
  readonly now: number
  /** How long the first request may take to answer. */
  readonly leaseMs: number
  readonly submit: (rows: ReadonlyArray<Projected>) => Effect.Effect<Outcome, SubmitFailure>
  /** When it is this request's turn; twins and repetitions do not queue. */
  readonly inTurn?: InTurn
  /** Answers the first request; `RowTaken`: the row of somebody else's that stood in the way. */
  readonly first: (outcome: Outcome) => Effect.Effect<Answer, ApiFailure>
  readonly taken?: (taken: RowTaken) => Effect.Effect<Answer, ApiFailure>
  /** Answers a repetition from the current state; the first one may still be at work until `leaseUntil`. */
  readonly again: (id: string, leaseUntil: number) => Effect.Effect<Answer, ApiFailure>
}

interface Entry {
  readonly fingerprint: string
  readonly id: string
  readonly leaseUntil: number
}

export interface Idempotency {
  readonly once: (request: Once) => Effect.Effect<Answer, ApiFailure>
}

/** `aloneSince` (ms): whoever held a lease before then is dead, so nobody has to wait for it to run out. */
export const makeIdempotency = (store: Pick<Store["Service"], "idempotencyKey">, aloneSince = 0): Idempotency => {
  const inFlight = new Map<string, Entry>()
  const remembered = new Bounded<string, Entry>(REMEMBERED_MAX)

  const execute = (request: Once, scope: KeyScope, place: string): Effect.Effect<Answer, ApiFailure> => {
    const { fingerprint, resource, now, leaseMs } = request
    const entry: Entry = { fingerprint, id: resource.id, leaseUntil: now + leaseMs }
    inFlight.set(place, entry)
    const first = Effect.flatMap(request.submit([row(scope, entry, now)]), (outcome) => {
      // Only a commit burns the key; from here on it stands, whatever the answer will be (P03).
      if (!appended(outcome)) return refusedNowOr(request, scope, place, outcome)
      remembered.set(place, { ...entry, leaseUntil: 0 })
      return answer(request, outcome)
    })
    return (request.inTurn?.(first) ?? first).pipe(
      Effect.ensuring(Effect.sync(() => inFlight.delete(place))),
      Effect.catchTag("RowTaken", (taken) => lost(request, scope, place, taken))
    )
  }

  /**
   * What is refused writes nothing, so its key's row cannot be found taken: a repetition would be refused by what the
   * first request has done itself (the hold is captured, nothing is left to refund).
   */
  const refusedNowOr = (request: Once, scope: KeyScope, place: string, outcome: Outcome) =>
    Effect.flatMap(store.idempotencyKey(scope), (known) =>
      known === undefined ? answer(request, outcome) : again(request, place, known)
    )

  /** Another process, or this one before its restart, was first. A row of another table hides our own row's fate. */
  const lost = (request: Once, scope: KeyScope, place: string, taken: RowTaken) =>
    Effect.flatMap(store.idempotencyKey(scope), (known) =>
      known === undefined ? (request.taken?.(taken) ?? Effect.fail<ApiFailure>(taken)) : again(request, place, known)
    )

  const again = (request: Once, place: string, known: KeyRecord) => {
    const leaseUntil = known.created_at < aloneSince ? 0 : known.lease_until
    const entry = { fingerprint: known.fingerprint, id: known.resource_id, leaseUntil }
    remembered.set(place, entry)
    return repeat(request, entry)
  }

  return {
    once: (request) => {
      const { scope } = request
      if (scope === undefined) return withoutKey(request)
      const place = `${scope.tenant} ${scope.method} ${scope.route} ${scope.key}`
      const running = inFlight.get(place)
      if (running !== undefined) return Effect.fail(whileRunning(request, running))
      const known = remembered.get(place)
      return known === undefined ? execute(request, scope, place) : repeat(request, known)
    }
  }
}

const withoutKey = (request: Once): Effect.Effect<Answer, ApiFailure> =>
  request.submit([]).pipe(
    Effect.flatMap((outcome) => answer(request, outcome)),
    Effect.catchTag("RowTaken", (taken) => request.taken?.(taken) ?? Effect.fail(taken))
  )

const answer = (request: Once, outcome: Outcome): Effect.Effect<Answer, ApiFailure> =>
  outcome._tag === "Refused" ? Effect.fail(refused(outcome.refusal)) : request.first(outcome)

/** `Skipped`: the same command was applied before the store's answer got lost. */
const appended = (outcome: Outcome): boolean =>
  outcome._tag === "Skipped" || (outcome._tag === "Applied" && outcome.events.length > 0)

const reused = problem("IDEMPOTENCY_KEY_REUSED")

const whileRunning = ({ fingerprint, resource }: Once, running: Entry): Problem =>
  running.fingerprint === fingerprint ? inUse({ [resource.name]: running.id }) : reused

const REPLAYED = { "idempotent-replayed": "true" }

/** A repeated error must be as recognisable as a repeated success (P15). */
const repeat = (request: Once, { fingerprint, id, leaseUntil }: Entry): Effect.Effect<Answer, ApiFailure> => {
  if (fingerprint !== request.fingerprint) return Effect.fail(reused)
  return request.again(id, leaseUntil).pipe(
    Effect.map((again) => ({ ...again, headers: { ...again.headers, ...REPLAYED } })),
    Effect.mapError((failure) => {
      const again = toProblem(failure)
      const isFirstAnswer = again.code !== "IDEMPOTENCY_KEY_IN_USE" && again.code !== "UNAVAILABLE"
      return isFirstAnswer ? { ...again, headers: { ...again.headers, ...REPLAYED } } : again
    })
  )
}

const row = ({ tenant, method, route, key }: KeyScope, entry: Entry, now: number): Projected => ({
  table: idempotencyKeysTable,
  row: {
    tenant,
    method,
    route,
    key,
    fingerprint: entry.fingerprint,
    resource_id: entry.id,
    lease_until: entry.leaseUntil,
    created_at: now
  }
})
