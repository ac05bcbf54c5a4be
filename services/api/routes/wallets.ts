/** Wallets: opened, topped up, locked, read. */
import { Deferred, Effect, Result } from "effect"
import { decode, partitionKey } from "../../../shared/contract/codec.ts"
import type { Message } from "../../../shared/contract/envelope.ts"
import { minor } from "../../../shared/contract/money.ts"
import { topicPartition } from "../../../shared/contract/topics.ts"
import { type NotAccepted, RowTaken } from "../../../shared/runtime/commands.ts"
import type { Outcome } from "../../../shared/runtime/journal/fold.ts"
import { toWallet } from "../commands.ts"
import { creditWallet, openWallet } from "../examples.ts"
import { fingerprint, keyScope } from "../idempotency.ts"
import { mismatch } from "../owners.ts"
import { problem } from "../problem.ts"
import type { EventRecord, WalletRecord } from "../records.ts"
import { body, CreditRequest, LockRequest, WalletRequest } from "../requests.ts"
import { Credit, creditView, Wallet, walletView } from "../resources.ts"
import { type ApiFailure, json, refused } from "../responses.ts"
import { type ApiRequest, ID, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"
import { statementRoute } from "./statement.ts"
import { walletReads } from "./wallet-reads.ts"

/** Wallets and credits are answered as soon as they are committed; only then may a twin look for them. */
export const LEASE_MS = 5_000

export const walletRoutes = (parts: Parts): ReadonlyArray<Route> => [
  open(parts),
  ...walletReads(parts),
  statementRoute(parts),
  credit(parts),
  lock(parts, "lock", "LockWallet"),
  lock(parts, "unlock", "UnlockWallet")
]

const path = (id: string): string => `/api/v1/wallets/${id}`

const open = ({ commands, ids, idempotency, store }: Parts): Route => {
  const alone = oneAtATime()
  return route({
    method: "POST",
    path: "/api/v1/wallets",
    operation: "openWallet",
    summary: "Open a wallet: one per user and currency",
    scope: "wallets:write",
    body: body(WalletRequest, { example: openWallet.asks }),
    key: "optional",
    answers: { 201: { says: "The wallet", schema: Wallet, example: openWallet.answers } },
    problems: ["WALLET_EXISTS"],
    handle: (request) => {
      const { now, principal } = request
      const { tenant } = principal
      const { user_id, currency, metadata } = request.body
      const id = ids.next(now)
      const data = { wallet_id: id, user_id, currency, ...(metadata === undefined ? {} : { metadata }) }
      const message = toWallet(request, id, user_id, { type: "CreateWallet", data })
      const stored = (walletId: string) =>
        Effect.map(existing(store.wallet(tenant, walletId)), (wallet) =>
          json(201, walletView(asOpened(wallet)), { location: path(walletId), etag: '"1"' })
        )
      return idempotency.once({
        scope: keyScope(request, "/api/v1/wallets"),
        fingerprint: fingerprint(undefined, request.body),
        resource: { name: "wallet_id", id },
        now,
        leaseMs: LEASE_MS,
        submit: (rows) =>
          alone(`${tenant} ${user_id} ${currency}`, commands.wallet({ message, rows })).pipe(
            Effect.catchTag("NotAccepted", (failure) => twinOr(failure, store.walletOf(tenant, user_id, currency), id))
          ),
        first: () => stored(id),
        taken: (taken) =>
          taken.constraint.includes("owners")
            ? Effect.flatMap(store.walletOf(tenant, user_id, currency), (wallet) =>
                Effect.fail(problem("WALLET_EXISTS", { details: { wallet_id: wallet?.id, user_id, currency } }))
              )
            : Effect.fail(taken),
        again: stored
      })
    }
  })
}

const TWIN_WITHIN_MS = 1_000

/** Twins that met in one commit all the same: the second learns whose wallet stands, or else is told to come back. */
const twinOr = (
  failure: NotAccepted,
  find: Effect.Effect<WalletRecord | undefined, ApiFailure>,
  id: string
): Effect.Effect<never, RowTaken | NotAccepted> =>
  find.pipe(
    Effect.timeout(TWIN_WITHIN_MS),
    Effect.catch(() => Effect.succeed(undefined)),
    Effect.flatMap((twin) =>
      Effect.fail(twin === undefined || twin.id === id ? failure : new RowTaken({ constraint: "owners" }))
    )
  )

/** Twins of one user must not meet in one commit, where the second row would be a defect: they go in turn. */
const oneAtATime = () => {
  const running = new Map<string, Deferred.Deferred<void>>()
  const inTurn = <A, E>(owner: string, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const other = running.get(owner)
      if (other !== undefined) return Effect.andThen(Deferred.await(other), inTurn(owner, self))
      const done = Deferred.makeUnsafe<void>()
      running.set(owner, done)
      return Effect.ensuring(
        self,
        Effect.sync(() => {
          running.delete(owner)
          Deferred.doneUnsafe(done, Effect.void)
        })
      )
    })
  return inTurn
}

/** The answer to the request that opened it, again, whatever has happened to the wallet since. */
const asOpened = (wallet: WalletRecord): WalletRecord => ({
  ...wallet,
  balance: 0n,
  available: 0n,
  held: 0n,
  lapsed: 0n,
  status: "active",
  version: 1,
  updated_at: wallet.created_at
})

/** Its row is committed with the event that the caller knows of. */
export const existing = <A>(self: Effect.Effect<A | undefined, ApiFailure>): Effect.Effect<A, ApiFailure> =>
  Effect.flatMap(self, (found) =>
    found === undefined ? Effect.die(new Error("committed, and not found")) : Effect.succeed(found)
  )

const credit = ({ commands, ids, idempotency, owners, store, turns }: Parts): Route =>
  route({
    method: "POST",
    path: "/api/v1/wallets/{id}/credits",
    operation: "creditWallet",
    summary: "Top up",
    scope: "wallets:write",
    parameters: [ID],
    body: body(CreditRequest, { example: creditWallet.asks }),
    key: "required",
    answers: {
      201: { says: "The credit, and what the wallet holds after it", schema: Credit, example: creditWallet.answers }
    },
    problems: ["WALLET_NOT_FOUND", "CURRENCY_MISMATCH", "BALANCE_LIMIT_EXCEEDED"],
    handle: Effect.fnUntraced(function* (request) {
      const { now, principal } = request
      const owner = yield* owners.of(principal.tenant, request.id)
      const { amount, currency, reference } = request.body
      if (currency !== owner.currency) return yield* Effect.fail(mismatch(owner.currency, currency))
      const id = ids.next(now)
      const data = { wallet_id: request.id, credit_id: id, amount: minor(amount), currency, reference }
      const message = toWallet(request, id, owner.userId, { type: "CreditWallet", data })
      const tp = topicPartition("wallet-events", partitionKey(principal.tenant, owner.userId))
      const stored = (creditId: string) =>
        Effect.map(existing(store.eventOf(tp, creditId, "WalletCredited")), (event) =>
          json(201, creditView(messageOf(event)))
        )
      return yield* idempotency.once({
        scope: keyScope(request, "/api/v1/wallets/{id}/credits"),
        fingerprint: fingerprint(request.id, request.body),
        resource: { name: "credit_id", id },
        now,
        leaseMs: LEASE_MS,
        inTurn: turns.of(message.partitionkey),
        submit: (rows) => commands.wallet({ message, rows }),
        first: (outcome) => {
          const event = recorded(outcome)
          return event === undefined ? stored(id) : Effect.succeed(json(201, creditView(event)))
        },
        again: stored
      })
    })
  })

const recorded = (outcome: Outcome): Message | undefined =>
  outcome._tag === "Applied" ? outcome.events.find(({ type }) => type === "WalletCredited") : undefined

export const messageOf = ({ id, type, stream, cause, body: text }: EventRecord): Message =>
  Result.getOrThrow(decode(text, { id, type, subject: stream, causationid: cause }))

/** Locking a locked wallet changes nothing and is no mistake, so neither of the two needs a key. */
const lock = (parts: Parts, verb: "lock" | "unlock", type: "LockWallet" | "UnlockWallet"): Route =>
  route({
    method: "POST",
    path: `/api/v1/wallets/{id}/${verb}`,
    operation: `${verb}Wallet`,
    summary: verb === "lock" ? "Lock: nothing is paid out of it" : "Lift the lock",
    scope: "wallets:write",
    parameters: [ID],
    body: body(LockRequest),
    answers: { 200: { says: "The wallet", schema: Wallet } },
    problems: ["WALLET_NOT_FOUND"],
    handle: (request) => locked(parts, request, type)
  })

const locked = Effect.fnUntraced(function* (
  { commands, ids, owners, store }: Parts,
  request: ApiRequest<typeof LockRequest.Type>,
  type: "LockWallet" | "UnlockWallet"
) {
  const { id, now, principal } = request
  const owner = yield* owners.of(principal.tenant, id)
  const data = { wallet_id: id, reason: request.body.reason }
  const outcome = yield* commands.wallet({ message: toWallet(request, ids.next(now), owner.userId, { type, data }) })
  if (outcome._tag === "Refused") return yield* Effect.fail(refused(outcome.refusal))
  const wallet = yield* existing(store.wallet(principal.tenant, id))
  return json(200, walletView(wallet), { etag: `"${wallet.version}"` })
})
