/** Reading wallets: always the store, never a cache, so that every client reads its own writes (DECISIONS D5). */
import { Effect } from "effect"
import { partitionKey } from "../../../shared/contract/codec.ts"
import { isUuid } from "../../../shared/runtime/ids.ts"
import { balanceAt } from "../history.ts"
import { paged, pageOf } from "../pagination.ts"
import { invalidField, type Problem, problem } from "../problem.ts"
import type { WalletRecord } from "../records.ts"
import { eventView, iso, page, StoredEvent, Wallet, WalletBalance, walletView } from "../resources.ts"
import { json, unchangedOr } from "../responses.ts"
import {
  type ApiRequest,
  CURSOR,
  ID,
  IF_NONE_MATCH,
  isProblemOf,
  LIMIT,
  type Parameter,
  type Route,
  route,
  USER_ID,
  walletStream
} from "../route.ts"
import { timeOf } from "../times.ts"
import type { Parts } from "./parts.ts"

export const walletReads = (parts: Parts): ReadonlyArray<Route> => [
  one(parts),
  many(parts),
  balance(parts),
  events(parts)
]

export const walletFound = Effect.fnUntraced(function* (
  { store }: Pick<Parts, "store">,
  { principal, id }: ApiRequest
) {
  const wallet = isUuid(id) ? yield* store.wallet(principal.tenant, id) : undefined
  return wallet ?? (yield* Effect.fail(problem("WALLET_NOT_FOUND", { details: { wallet_id: id } })))
})

const one = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/wallets/{id}",
    operation: "getWallet",
    summary: "A wallet; its ETag is its version",
    scope: "wallets:read",
    parameters: [ID, IF_NONE_MATCH],
    answers: { 200: { says: "The wallet", schema: Wallet }, 304: { says: "The client's version is the current one" } },
    problems: ["WALLET_NOT_FOUND"],
    handle: (request) =>
      Effect.map(walletFound(parts, request), (wallet) =>
        unchangedOr(request, etagOf(wallet), () => walletView(wallet))
      )
  })

/** A lapse changes what is shown before an event raises the version. */
const etagOf = ({ lapsed, version }: WalletRecord): string =>
  lapsed === 0n ? `"${version}"` : `"${version}-${lapsed}"`

const many = ({ store }: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/wallets",
    operation: "listWallets",
    summary: "Wallets of a user, or of all, oldest first",
    scope: "wallets:read",
    parameters: [USER_ID, LIMIT, CURSOR],
    answers: { 200: { says: "A page of wallets", schema: page(Wallet, "WalletPage") } },
    problems: [],
    handle: Effect.fnUntraced(function* ({ principal, query }) {
      const user_id = query.get("user_id") ?? undefined
      const asked = pageOf(query, `wallets ${user_id ?? ""}`)
      if (isProblemOf(asked)) return yield* Effect.fail(asked)
      if (asked.after !== undefined && !isUuid(asked.after)) return yield* Effect.fail(badCursor)
      const { tenant } = principal
      const wallets = yield* store.wallets({ tenant, user_id, after: asked.after, limit: asked.limit + 1 })
      return json(
        200,
        paged(wallets, asked, ({ id }) => id, walletView)
      )
    })
  })

const badCursor: Problem = invalidField("cursor", "is not one of this list: begin again without it")

const AT: Parameter = {
  name: "at",
  in: "query",
  description: "A moment of the past (RFC 3339); absent: now",
  schema: { type: "string", format: "date-time" }
}

const balance = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/wallets/{id}/balance",
    operation: "getBalance",
    summary: "What the wallet holds, or held",
    scope: "wallets:read",
    parameters: [ID, AT],
    answers: { 200: { says: "The balance at that moment", schema: WalletBalance } },
    problems: ["WALLET_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const at = timeOf(request.query, "at")
      if (typeof at === "object") return yield* Effect.fail(at)
      if (at !== undefined && at > request.now)
        return yield* Effect.fail(invalidField("at", "must not be in the future"))
      const wallet = yield* walletFound(parts, request)
      if (at === undefined) return json(200, balanceView(wallet, wallet, request.now))
      const stream = walletStream(wallet.id, partitionKey(request.principal.tenant, wallet.user_id))
      const then = yield* balanceAt(parts.store, stream, wallet.version, at)
      const lapsed = then.balance === then.available ? 0n : yield* parts.store.lapsedAt(wallet.id, at)
      return json(200, balanceView(wallet, { ...then, available: then.available + lapsed }, at))
    })
  })

const balanceView = (
  { id, currency }: WalletRecord,
  { balance, available, version }: Pick<WalletRecord, "balance" | "available" | "version">,
  time: number
): typeof WalletBalance.Type => {
  const held = balance - available
  return { wallet_id: id, currency, balance, available, held, version, as_of: iso(time) }
}

const events = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/wallets/{id}/events",
    operation: "listWalletEvents",
    summary: "Everything that happened to the wallet, in order",
    scope: "wallets:read",
    parameters: [ID, LIMIT, CURSOR],
    answers: { 200: { says: "A page of events", schema: page(StoredEvent, "EventPage") } },
    problems: ["WALLET_NOT_FOUND"],
    handle: Effect.fnUntraced(function* (request) {
      const asked = pageOf(request.query, `events ${request.id}`)
      if (isProblemOf(asked)) return yield* Effect.fail(asked)
      if (asked.after !== undefined && !/^\d{1,9}$/.test(asked.after)) return yield* Effect.fail(badCursor)
      const wallet = yield* walletFound(parts, request)
      const stream = walletStream(wallet.id, partitionKey(request.principal.tenant, wallet.user_id))
      const stored = yield* parts.store.events(stream, Number(asked.after ?? 0), asked.limit + 1)
      return json(
        200,
        paged(stored, asked, ({ version }) => String(version), eventView)
      )
    })
  })
