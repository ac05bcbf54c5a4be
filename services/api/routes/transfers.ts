/** Transfers: one commit on both wallets' streams, so a client hears of a transfer that is done, or of none. */
import { Effect } from "effect"
import { minor } from "../../../shared/contract/money.ts"
import { isUuid, uuidv5 } from "../../../shared/runtime/ids.ts"
import { toWallet } from "../commands.ts"
import { transfer as example } from "../examples-money.ts"
import { fingerprint, keyScope } from "../idempotency.ts"
import { mismatch } from "../owners.ts"
import { invalidField, problem } from "../problem.ts"
import { body, TransferRequest } from "../requests.ts"
import { json } from "../responses.ts"
import { type ApiRequest, ID, type Route, route } from "../route.ts"
import { Transfer, transferView } from "../transfers/transfer.ts"
import type { Parts } from "./parts.ts"
import { existing, LEASE_MS } from "./wallets.ts"

const PATH = "/api/v1/transfers"

export const transferRoutes = (parts: Parts): ReadonlyArray<Route> => [send(parts), one(parts)]

const send = (parts: Parts): Route =>
  route({
    method: "POST",
    path: PATH,
    operation: "transfer",
    summary: "Move money from one wallet to another of the same currency: both change together, or neither does",
    scope: "wallets:write",
    body: body(TransferRequest, { example: example.asks }),
    key: "required",
    answers: { 201: { says: "The transfer, done", schema: Transfer, example: example.answers } },
    problems: [
      "WALLET_NOT_FOUND",
      "CURRENCY_MISMATCH",
      "INSUFFICIENT_FUNDS",
      "BALANCE_LIMIT_EXCEEDED",
      "WALLET_LOCKED"
    ],
    handle: (request) => sent(parts, request)
  })

const sent = Effect.fnUntraced(function* (parts: Parts, request: ApiRequest<typeof TransferRequest.Type>) {
  const { commands, ids, idempotency, owners, store, turns } = parts
  const { now, principal } = request
  const { amount: asked, currency, reference } = request.body
  const source = request.body.source_wallet_id.toLowerCase()
  const destination = request.body.destination_wallet_id.toLowerCase()
  if (source === destination)
    return yield* Effect.fail(invalidField("destination_wallet_id", "must be another wallet than the source"))
  const from = yield* owners.of(principal.tenant, source)
  const to = yield* owners.of(principal.tenant, destination)
  for (const owner of [from, to])
    if (currency !== owner.currency) return yield* Effect.fail(mismatch(owner.currency, currency))
  const id = ids.next(now)
  const amount = minor(asked)
  const data = { transfer_id: id, amount, currency, ...(reference === undefined ? {} : { reference }) }
  const message = toWallet(request, id, from.userId, {
    type: "SendTransfer",
    data: { ...data, wallet_id: source, destination_wallet_id: destination }
  })
  // An id of its own that follows from the transfer's: whoever gives both again gives the same two.
  const joined = toWallet(request, uuidv5(id, "receive"), to.userId, {
    type: "ReceiveTransfer",
    data: { ...data, wallet_id: destination, source_wallet_id: source }
  })
  const stored = (transferId: string) =>
    Effect.map(existing(store.transfer(principal.tenant, transferId)), (transfer) =>
      json(201, transferView(transfer), { location: `${PATH}/${transferId}` })
    )
  return yield* idempotency.once({
    scope: keyScope(request, PATH),
    fingerprint: fingerprint(undefined, request.body),
    resource: { name: "transfer_id", id },
    now,
    leaseMs: LEASE_MS,
    inTurn: turns.of(message.partitionkey),
    submit: (rows) => commands.wallet({ message, joined, rows }),
    first: () => stored(id),
    again: stored
  })
})

const one = ({ store }: Parts): Route =>
  route({
    method: "GET",
    path: `${PATH}/{id}`,
    operation: "getTransfer",
    summary: "A transfer",
    scope: "wallets:read",
    parameters: [ID],
    answers: { 200: { says: "The transfer", schema: Transfer } },
    problems: ["TRANSFER_NOT_FOUND"],
    handle: Effect.fnUntraced(function* ({ principal, id }) {
      const transfer = isUuid(id) ? yield* store.transfer(principal.tenant, id) : undefined
      if (transfer !== undefined) return json(200, transferView(transfer))
      return yield* Effect.fail(problem("TRANSFER_NOT_FOUND", { details: { transfer_id: id } }))
    })
  })
