/** Holds: placed on a wallet, captured, voided, read. The decider decides; how a closed hold ended, its row says. */
import { Effect } from "effect"
import { partitionKey } from "../../../shared/contract/codec.ts"
import { minor } from "../../../shared/contract/money.ts"
import { topicPartition } from "../../../shared/contract/topics.ts"
import { uuidv5 } from "../../../shared/runtime/ids.ts"
import { toWallet } from "../commands.ts"
import { captureHold, placeHold, voidHold } from "../examples.ts"
import { asPlaced, captureView, Hold, HoldCapture, type HoldRecord, holdView } from "../holds/hold.ts"
import { fingerprint, keyScope } from "../idempotency.ts"
import { mismatch } from "../owners.ts"
import { problem } from "../problem.ts"
import { body, CaptureRequest, HoldRequest, VoidRequest } from "../requests.ts"
import { iso } from "../resources.ts"
import { type Answer, type ApiFailure, json } from "../responses.ts"
import { ID, type Route, route } from "../route.ts"
import { holdFound, holdReads } from "./hold-reads.ts"
import type { Parts } from "./parts.ts"
import { existing, LEASE_MS, messageOf } from "./wallets.ts"

export const holdRoutes = (parts: Parts): ReadonlyArray<Route> => [
  place(parts),
  ...holdReads(parts),
  capture(parts),
  undo(parts)
]

const PLACE = "/api/v1/wallets/{id}/holds"
const CAPTURE = "/api/v1/holds/{id}/capture"
const VOID = "/api/v1/holds/{id}/void"

const partition = (tenant: string, userId: string): number =>
  topicPartition("wallet-events", partitionKey(tenant, userId))

const place = ({ commands, ids, idempotency, owners, store, turns }: Parts): Route =>
  route({
    method: "POST",
    path: PLACE,
    operation: "placeHold",
    summary: "Set money aside for a merchant: it stays the wallet's and cannot be spent",
    scope: "wallets:write",
    parameters: [ID],
    body: body(HoldRequest, { example: placeHold.asks }),
    key: "required",
    answers: { 201: { says: "The hold", schema: Hold, example: placeHold.answers } },
    problems: ["WALLET_NOT_FOUND", "CURRENCY_MISMATCH", "INSUFFICIENT_FUNDS", "HOLD_LIMIT_EXCEEDED", "WALLET_LOCKED"],
    handle: Effect.fnUntraced(function* (request) {
      const { now, principal } = request
      const owner = yield* owners.of(principal.tenant, request.id)
      const { amount, currency, merchant_id, expires_at } = request.body
      if (currency !== owner.currency) return yield* Effect.fail(mismatch(owner.currency, currency))
      const id = ids.next(now)
      const until = expires_at === undefined ? {} : { expires_at }
      const data = { wallet_id: request.id, hold_id: id, merchant_id, amount: minor(amount), currency, ...until }
      const message = toWallet(request, id, owner.userId, { type: "HoldFunds", data })
      const placed = (holdId: string) =>
        Effect.map(existing(store.eventOf(partition(principal.tenant, owner.userId), holdId, "FundsHeld")), (event) =>
          answer(201, asPlaced(messageOf(event), event.version, owner.userId))
        )
      return yield* idempotency.once({
        scope: keyScope(request, PLACE),
        fingerprint: fingerprint(request.id, request.body),
        resource: { name: "hold_id", id },
        now,
        leaseMs: LEASE_MS,
        inTurn: turns.of(message.partitionkey),
        submit: (rows) => commands.wallet({ message, rows }),
        first: () => placed(id),
        again: placed
      })
    })
  })

const answer = (status: number, hold: HoldRecord): Answer =>
  json(status, holdView(hold), { location: `/api/v1/holds/${hold.id}`, etag: `"${hold.version}"` })

const capture = ({ commands, ids, idempotency, store, turns }: Parts): Route =>
  route({
    method: "POST",
    path: CAPTURE,
    operation: "captureHold",
    summary: "Pay the merchant out of the hold: all that is left, or `amount` of it; `final` releases the rest",
    scope: "wallets:write",
    parameters: [ID],
    body: body(CaptureRequest, { optional: true, example: captureHold.asks }),
    key: "required",
    answers: { 200: { says: "The hold after this capture", schema: HoldCapture, example: captureHold.answers } },
    problems: ["HOLD_NOT_FOUND", "HOLD_CLOSED", "HOLD_EXPIRED", "CAPTURE_EXCEEDS_HOLD"],
    handle: Effect.fnUntraced(function* (request) {
      const { now, principal } = request
      const { id, wallet_id, user_id } = yield* holdFound({ store }, request)
      const { amount, final = amount === undefined } = request.body
      const captureId = ids.next(now)
      const some = amount === undefined ? {} : { amount: minor(amount) }
      const data = { wallet_id, hold_id: id, capture_id: captureId, final, ...some }
      const message = toWallet(request, captureId, user_id, { type: "CaptureHold", data })
      const captured = (capture_id: string) =>
        Effect.map(
          existing(store.eventOf(partition(principal.tenant, user_id), capture_id, "HoldCaptured")),
          (event) => {
            const view = captureView(messageOf(event), event.version, user_id)
            return json(200, view, { etag: `"${view.version}"` })
          }
        )
      const once = idempotency.once({
        scope: keyScope(request, CAPTURE),
        fingerprint: fingerprint(id, request.body),
        resource: { name: "capture_id", id: captureId },
        now,
        leaseMs: LEASE_MS,
        inTurn: turns.of(message.partitionkey),
        submit: (rows) => commands.wallet({ message, rows }),
        first: () => captured(captureId),
        again: captured
      })
      return yield* whereClosed(once, holdFound({ store }, request))
    })
  })

/** Voiding a voided hold changes nothing and is no mistake, so it needs no key: asking twice is one command. */
const undo = ({ commands, idempotency, store }: Parts): Route =>
  route({
    method: "POST",
    path: VOID,
    operation: "voidHold",
    summary: "Give back to the wallet what is left of the hold",
    scope: "wallets:write",
    parameters: [ID],
    body: body(VoidRequest, { optional: true, example: voidHold.asks }),
    key: "optional",
    answers: { 200: { says: "The hold, voided", schema: Hold, example: voidHold.answers } },
    problems: ["HOLD_NOT_FOUND", "HOLD_CLOSED", "HOLD_EXPIRED"],
    handle: Effect.fnUntraced(function* (request) {
      const { now } = request
      const { id, wallet_id, user_id } = yield* holdFound({ store }, request)
      const { reason } = request.body
      const data = { wallet_id, hold_id: id, ...(reason === undefined ? {} : { reason }) }
      const message = toWallet(request, uuidv5(id, "void"), user_id, { type: "VoidHold", data })
      const voided = Effect.map(holdFound({ store }, request), (hold) => answer(200, hold))
      const once = idempotency.once({
        scope: keyScope(request, VOID),
        fingerprint: fingerprint(id, request.body),
        resource: { name: "hold_id", id },
        now,
        leaseMs: LEASE_MS,
        submit: (rows) => commands.wallet({ message, rows }),
        first: () => voided,
        again: () => voided
      })
      return yield* whereClosed(once, holdFound({ store }, request), (hold) =>
        hold.status === "voided" ? Effect.succeed(answer(200, hold)) : closed(hold)
      )
    })
  })

type Answering = Effect.Effect<Answer, ApiFailure>

/** The decider only knows that the hold is not open; its row was committed with the event that closed it. */
const whereClosed = (self: Answering, hold: Effect.Effect<HoldRecord, ApiFailure>, then: Then = closed): Answering =>
  Effect.catch(
    self,
    (failure): Answering =>
      failure._tag === "Problem" && failure.code === "HOLD_CLOSED" ? Effect.flatMap(hold, then) : Effect.fail(failure)
  )
type Then = (hold: HoldRecord) => Answering

const closed: Then = ({ id, status, expires_at }) =>
  Effect.fail(
    status === "expired"
      ? problem("HOLD_EXPIRED", { details: { hold_id: id, status, expires_at: iso(expires_at) } })
      : problem("HOLD_CLOSED", { detail: `the hold is ${status}`, details: { hold_id: id, status } })
  )
