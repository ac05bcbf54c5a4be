/**
 * Withdrawals: asked for by clients, settled or failed by operators. The platform has no payout provider: who moves the
 * money outside says here what became of it.
 */
import { Effect } from "effect"
import { minor } from "../../../shared/contract/money.ts"
import { isUuid, uuidv5 } from "../../../shared/runtime/ids.ts"
import { toWallet } from "../commands.ts"
import { withdrawal as example } from "../examples-money.ts"
import { fingerprint, keyScope } from "../idempotency.ts"
import { operate } from "../operate.ts"
import { Operated } from "../ops/resources.ts"
import { mismatch } from "../owners.ts"
import { paged, pageOf } from "../pagination.ts"
import { invalidField, problem } from "../problem.ts"
import { body, ReasonRequest, WithdrawalRequest } from "../requests.ts"
import { page } from "../resources.ts"
import { json, refused } from "../responses.ts"
import { type ApiRequest, CURSOR, ID, isProblemOf, LIMIT, type Route, route } from "../route.ts"
import { asAsked, Withdrawal, withdrawalView } from "../withdrawals/withdrawal.ts"
import type { Parts } from "./parts.ts"
import { existing, LEASE_MS } from "./wallets.ts"

const PATH = "/api/v1/wallets/{id}/withdrawals"

export const withdrawalRoutes = (parts: Parts): ReadonlyArray<Route> => [
  ask(parts),
  many(parts),
  one(parts),
  end(parts, "settle", "SettleWithdrawal"),
  end(parts, "fail", "FailWithdrawal")
]

const ask = ({ commands, ids, idempotency, owners, store, turns }: Parts): Route =>
  route({
    method: "POST",
    path: PATH,
    operation: "withdraw",
    summary: "Take money out: it leaves the wallet at once and is pending until it was paid out, or comes back",
    scope: "wallets:write",
    parameters: [ID],
    body: body(WithdrawalRequest, { example: example.asks }),
    key: "required",
    answers: { 201: { says: "The withdrawal, under way", schema: Withdrawal, example: example.answers } },
    problems: [
      "WALLET_NOT_FOUND",
      "CURRENCY_MISMATCH",
      "INSUFFICIENT_FUNDS",
      "WITHDRAWAL_LIMIT_EXCEEDED",
      "WALLET_LOCKED"
    ],
    handle: Effect.fnUntraced(function* (request) {
      const { now, principal } = request
      const owner = yield* owners.of(principal.tenant, request.id)
      const { amount, currency, reference } = request.body
      if (currency !== owner.currency) return yield* Effect.fail(mismatch(owner.currency, currency))
      const id = ids.next(now)
      const data = { wallet_id: request.id, withdrawal_id: id, amount: minor(amount), currency, reference }
      const message = toWallet(request, id, owner.userId, { type: "RequestWithdrawal", data })
      const asked = (known: string) =>
        Effect.map(existing(store.withdrawal(principal.tenant, known)), (found) =>
          json(201, withdrawalView(asAsked(found)), { location: `/api/v1/withdrawals/${known}` })
        )
      return yield* idempotency.once({
        scope: keyScope(request, PATH),
        fingerprint: fingerprint(request.id, request.body),
        resource: { name: "withdrawal_id", id },
        now,
        leaseMs: LEASE_MS,
        inTurn: turns.of(message.partitionkey),
        submit: (rows) => commands.wallet({ message, rows }),
        first: () => asked(id),
        again: asked
      })
    })
  })

/** Another tenant's withdrawal is not found. */
const found = Effect.fnUntraced(function* (
  { store }: Pick<Parts, "store">,
  { principal, id }: Pick<ApiRequest, "principal" | "id">
) {
  const withdrawal = isUuid(id) ? yield* store.withdrawal(principal.tenant, id) : undefined
  return withdrawal ?? (yield* Effect.fail(problem("WITHDRAWAL_NOT_FOUND", { details: { withdrawal_id: id } })))
})

const one = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/withdrawals/{id}",
    operation: "getWithdrawal",
    summary: "A withdrawal, and what became of it",
    scope: "wallets:read",
    parameters: [ID],
    answers: { 200: { says: "The withdrawal", schema: Withdrawal } },
    problems: ["WITHDRAWAL_NOT_FOUND"],
    handle: (request) => Effect.map(found(parts, request), (withdrawal) => json(200, withdrawalView(withdrawal)))
  })

const many = ({ owners, store }: Parts): Route =>
  route({
    method: "GET",
    path: PATH,
    operation: "listWithdrawals",
    summary: "Withdrawals of a wallet, newest first",
    scope: "wallets:read",
    parameters: [ID, LIMIT, CURSOR],
    answers: { 200: { says: "A page of withdrawals", schema: page(Withdrawal, "WithdrawalPage") } },
    problems: ["WALLET_NOT_FOUND"],
    handle: Effect.fnUntraced(function* ({ id, principal, query }) {
      const asked = pageOf(query, `withdrawals ${id}`)
      if (isProblemOf(asked)) return yield* Effect.fail(asked)
      const { after, limit } = asked
      if (after !== undefined && !isUuid(after))
        return yield* Effect.fail(invalidField("cursor", "is not one of this list: begin again without it"))
      yield* owners.of(principal.tenant, id)
      const list = yield* store.withdrawals({ tenant: principal.tenant, wallet_id: id, after, limit: limit + 1 })
      return json(
        200,
        paged(list, asked, (withdrawal) => withdrawal.id, withdrawalView)
      )
    })
  })

const end = (parts: Parts, verb: "settle" | "fail", type: "SettleWithdrawal" | "FailWithdrawal"): Route =>
  route({
    method: "POST",
    path: `/api/v1/ops/withdrawals/{id}/${verb}`,
    operation: `${verb}Withdrawal`,
    summary: verb === "settle" ? "Say that it was paid out" : "Say that it was not paid out: the money goes back",
    scope: "ops:write",
    parameters: [ID],
    body: body(ReasonRequest, { optional: true, example: example[verb].asks }),
    answers: {
      200: {
        says: "The withdrawal, ended",
        schema: Operated(Withdrawal, verb === "settle" ? "SettledWithdrawal" : "FailedWithdrawal"),
        example: example[verb].answers
      }
    },
    problems: ["WITHDRAWAL_NOT_FOUND", "WITHDRAWAL_CLOSED"],
    handle: Effect.fnUntraced(function* (request) {
      const { id, wallet_id, user_id, status } = yield* found(parts, request)
      return yield* operate(parts, request, {
        action: `withdrawal.${verb}`,
        target: `withdrawal-${id}`,
        before: { status },
        perform: Effect.fnUntraced(function* (operator, actionId) {
          const data = { wallet_id, withdrawal_id: id, reason: request.body.reason }
          const done = yield* parts.commands.wallet({
            message: toWallet(operator, uuidv5(actionId, type), user_id, { type, data })
          })
          const now = yield* found(parts, request)
          if (done._tag !== "Refused") return { body: withdrawalView(now), after: { status: now.status } }
          const why = refused(done.refusal)
          return yield* Effect.fail({ ...why, details: { ...why.details, status: now.status } })
        })
      })
    })
  })
