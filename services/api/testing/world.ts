/** An API in memory for unit tests: what is behind its two ports is a fake, all else is the real thing. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { encodeEvent, schemaVersion } from "../../../shared/contract/codec.ts"
import type { Fact, Message } from "../../../shared/contract/envelope.ts"
import { Commands, type NotAccepted, RowTaken, type Submission } from "../../../shared/runtime/commands.ts"
import type { Refusal } from "../../../shared/runtime/decider.ts"
import { Ids, uuidv5 } from "../../../shared/runtime/ids.ts"
import type { Outcome } from "../../../shared/runtime/journal/fold.ts"
import { Webhooks } from "../../../shared/runtime/webhooks.ts"
import { Api } from "../app.ts"
import { hashOf, SCOPES } from "../auth.ts"
import { Letters } from "../letters/records.ts"
import { OpsStore } from "../ops/records.ts"
import { Readiness } from "../readiness.ts"
import {
  type ApiKeyRecord,
  type EventRecord,
  hasEnded,
  type KeyRecord,
  type PaymentRecord,
  Store,
  type WalletRecord,
  WITH_PROVIDER
} from "../records.ts"
import { holdAfter, holdReads, type OwnedHold } from "./holds.ts"
import { LettersWorld } from "./letters.ts"
import { MoneyWorld, mine, type Owned } from "./money.ts"
import { OpsWorld } from "./ops.ts"
import { RefundWorld } from "./refunds.ts"

export const KEY = "test-key-of-the-default-tenant"
export const OTHER_KEY = "test-key-of-another-tenant"
export const READ_KEY = "test-key-that-only-reads"

type Told = { readonly [name: string]: unknown }

/** What a test may look at, prepare, and make fail. */
export class World {
  readonly wallets = new Map<string, Owned<WalletRecord>>()
  readonly holds = new Map<string, OwnedHold>()
  readonly payments = new Map<string, Owned<PaymentRecord>>()
  readonly events: Array<EventRecord & { readonly tp?: number }> = []
  readonly operators = new OpsWorld()
  readonly refunds = new RefundWorld()
  readonly money = new MoneyWorld()
  readonly letters = new LettersWorld()
  readonly keys = new Map<string, KeyRecord>()
  readonly submitted: Array<Submission> = []
  readonly asked = { ended: 0, unread: 0, apiKey: 0, wallet: 0, idempotencyKey: 0 }
  readonly apiKeys = new Map<string, ApiKeyRecord>([
    [hashOf(KEY), { id: "test", tenant: "default", scopes: SCOPES.join(" ") }],
    [hashOf(OTHER_KEY), { id: "other", tenant: "other", scopes: SCOPES.join(" ") }],
    [hashOf(READ_KEY), { id: "reader", tenant: "default", scopes: "payments:read wallets:read" }]
  ])
  /** How a payment stands right after it was made. */
  outcome: Partial<PaymentRecord> = { status: "COMPLETED", provider: "stripe", provider_reference: "pi_1" }
  refusal: Refusal | undefined
  failure: RowTaken | NotAccepted | undefined
  /** What the gateway says of a provider's call-back. */
  receive: Webhooks["Service"]["receive"] = () => Effect.succeed({ accepted: true })
  /** Holds commands back until it resolves. */
  gate: Promise<void> = Promise.resolve()

  submit = ({ message, rows = [] }: Submission): Effect.Effect<Outcome, RowTaken | NotAccepted> =>
    Effect.gen({ self: this }, function* () {
      this.submitted.push({ message, rows })
      yield* Effect.promise(() => this.gate)
      if (this.failure !== undefined) return yield* Effect.fail(this.failure)
      if (this.refusal !== undefined) return { _tag: "Refused", refusal: this.refusal } as const
      for (const { row } of rows)
        if (this.keys.has(place(row))) return yield* new RowTaken({ constraint: "idempotency_keys_pkey" })
      const outcome = yield* this.apply(message)
      for (const { row } of rows)
        this.keys.set(place(row), {
          fingerprint: String(row["fingerprint"]),
          resource_id: String(row["resource_id"]),
          lease_until: Number(row["lease_until"]),
          created_at: Number(row["created_at"])
        })
      return outcome
    })

  private *applyCreate(message: Message): Generator<Effect.Effect<never, RowTaken>, Outcome> {
    const data = message.data as Readonly<Record<"wallet_id" | "user_id" | "currency", string>>
    const twin = [...this.wallets.values()].find(
      ({ tenant, user_id, currency }) =>
        tenant === message.tenant && user_id === data.user_id && currency === data.currency
    )
    if (twin !== undefined) yield Effect.fail(new RowTaken({ constraint: "owners_pkey" }))
    this.addWallet({ id: data.wallet_id, user_id: data.user_id, currency: data.currency, tenant: message.tenant })
    return this.append(message, { type: "WalletCreated", data })
  }

  private apply(message: Message): Effect.Effect<Outcome, RowTaken> {
    const data = message.data as Told
    switch (message.type) {
      case "CreateWallet": {
        const next = this.applyCreate(message).next()
        return next.done === true ? Effect.succeed(next.value) : next.value
      }
      case "CreditWallet": {
        const wallet = this.wallets.get(String(data["wallet_id"])) as Owned<WalletRecord>
        const balance = wallet.balance + (data["amount"] as bigint)
        this.wallets.set(wallet.id, { ...wallet, balance, available: balance, version: wallet.version + 1 })
        const after = { ...data, balance, available: balance }
        return Effect.sync(() => this.append(message, { type: "WalletCredited", data: after }))
      }
      case "LockWallet":
      case "UnlockWallet": {
        const wallet = this.wallets.get(String(data["wallet_id"])) as Owned<WalletRecord>
        const [status, type] =
          message.type === "LockWallet"
            ? (["locked", "WalletLocked"] as const)
            : (["active", "WalletUnlocked"] as const)
        this.wallets.set(wallet.id, { ...wallet, status, version: wallet.version + 1 })
        return Effect.sync(() => this.append(message, { type, data }))
      }
      case "HoldFunds":
      case "CaptureHold":
      case "VoidHold": {
        const [hold, event] = holdAfter(this.holds.get(String(data["hold_id"])), message)
        this.holds.set(hold.id, hold)
        return Effect.sync(() => this.append(message, event))
      }
      case "InitiatePayment":
        this.addPayment({
          ...(data as Partial<PaymentRecord>),
          id: message.id,
          tenant: message.tenant,
          ...this.outcome
        })
        return Effect.sync(() => this.append(message, { type: "PaymentInitiated", data }))
      case "RequestRefund":
        return Effect.sync(() => this.append(message, this.refunds.request(message)))
      default:
        return Effect.sync(() =>
          this.append(message, this.money.follow(message) ?? { type: "PaymentCancelRequested", data })
        )
    }
  }

  private append(cause: Message, fact: Fact): Outcome {
    const version = this.events.filter(({ stream }) => stream === cause.subject).length + 1
    const event = {
      ...cause,
      ...fact,
      causationid: cause.id,
      id: uuidv5(cause.id, fact.type),
      schema: schemaVersion(fact.type)
    }
    const body = encodeEvent(event)
    const { id, subject: stream } = event
    this.events.push({ id, stream, version, type: fact.type, cause: cause.id, body })
    return { _tag: "Applied", events: [event] }
  }

  addWallet(wallet: Partial<Owned<WalletRecord>> & { readonly id: string }): void {
    this.wallets.set(wallet.id, {
      tenant: "default",
      user_id: "ana",
      currency: "USD",
      balance: 0n,
      available: 0n,
      held: 0n,
      lapsed: 0n,
      status: "active",
      metadata: null,
      version: 1,
      created_at: TIME,
      updated_at: TIME,
      ...wallet
    })
  }

  addPayment(payment: Partial<Owned<PaymentRecord>> & { readonly id: string }): void {
    this.payments.set(payment.id, {
      tenant: "default",
      user_id: "ana",
      wallet_id: WALLET,
      merchant_id: "book-shop",
      amount: 100000n,
      currency: "USD",
      status: "INITIATED",
      provider: null,
      provider_reference: null,
      failure: null,
      refunded_amount: 0n,
      description: null,
      version: 1,
      created_at: TIME,
      completed_at: null,
      updated_at: TIME,
      progress: null,
      reason: null,
      since: null,
      ...payment,
      metadata: null
    })
  }

  commands = (): Commands["Service"] => {
    const { submit, operators } = this
    return { payment: submit, wallet: submit, saga: operators.say, gateway: operators.say, audit: operators.submit }
  }

  store = (): Store["Service"] => ({
    wallet: (tenant, id) =>
      Effect.sync(() => {
        this.asked.wallet++
        return mine(this.wallets.get(id), tenant)
      }),
    walletOf: (tenant, userId, code) =>
      Effect.sync(() =>
        [...this.wallets.values()].find((w) => w.tenant === tenant && w.user_id === userId && w.currency === code)
      ),
    wallets: ({ tenant, user_id, after = "", limit }) =>
      Effect.sync(() =>
        [...this.wallets.values()]
          .filter((w) => w.tenant === tenant && (user_id === undefined || w.user_id === user_id) && w.id > after)
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .slice(0, limit)
      ),
    payment: (tenant, id) => Effect.sync(() => mine(this.payments.get(id), tenant)),
    payments: ({ tenant, limit, after = "~" }) =>
      Effect.sync(() =>
        [...this.payments.values()]
          .filter((p) => p.tenant === tenant && p.id < after)
          .sort((a, b) => (a.id > b.id ? -1 : 1))
          .slice(0, limit)
      ),
    ended: (ids) =>
      Effect.sync(() => {
        this.asked.ended++
        return ids.flatMap((id) => this.payments.get(id) ?? []).filter(hasEnded)
      }),
    atProvider: (ids) =>
      Effect.sync(() => ids.filter((id) => WITH_PROVIDER.some((state) => state === this.payments.get(id)?.progress))),
    ...this.refunds.reads(),
    ...this.money.reads(),
    events: ({ stream }, after, limit) =>
      Effect.sync(() => this.events.filter((e) => e.stream === stream && e.version > after).slice(0, limit)),
    unread: (of, limit) =>
      Effect.sync(() => {
        this.asked.unread++
        return of.map(({ streams, caused }) => [
          ...streams.flatMap(({ stream, after }) =>
            this.events.filter((e) => e.stream === stream && e.version > after).slice(0, limit)
          ),
          ...this.events.filter((e) => caused.causes.includes(e.cause) && e.version > caused.after)
        ])
      }),
    lastEvent: ({ stream }, version, types) =>
      Effect.sync(() =>
        this.events.findLast((e) => e.stream === stream && e.version <= version && types.includes(e.type))
      ),
    eventOf: (_tp, cause, type) =>
      Effect.sync(() => this.events.find((event) => event.cause === cause && event.type === type)),
    ...holdReads(this.holds),
    idempotencyKey: (scope) =>
      Effect.sync(() => {
        this.asked.idempotencyKey++
        return this.keys.get(place({ ...scope }))
      }),
    apiKey: (hash) =>
      Effect.sync(() => {
        this.asked.apiKey++
        return this.apiKeys.get(hash)
      })
  })
}

export const WALLET = "01935d6e-0b2c-7d55-8f10-6a0c51f4be02"
const TIME = Date.parse("2026-11-25T09:30:00.000Z")

const place = (row: Told): string => [row["tenant"], row["method"], row["route"], row["key"]].join(" ")

/** A running app on that world; readiness is entered. */
export const startApi = async (world: World, tracing = false) => {
  const behind = Layer.mergeAll(
    Layer.succeed(Commands, world.commands()),
    Layer.succeed(Webhooks, world),
    Layer.succeed(Store, world.store()),
    Layer.succeed(OpsStore, world.operators.store()),
    Layer.succeed(Letters, world.letters.store()),
    world.operators.checks,
    Ids.layer,
    Readiness.layer
  )
  const runtime = ManagedRuntime.make(Layer.provideMerge(Api.layerFrom({ tracing }), behind))
  const { api, readiness } = await runtime.runPromise(Effect.all({ api: Api, readiness: Readiness }))
  readiness.enter("running")
  const call = async (method: string, path: string, init: RequestInit & { key?: string | null } = {}) => {
    const { key = KEY, headers, ...rest } = init
    const all = new Headers(headers)
    if (key !== null && !all.has("authorization")) all.set("authorization", `Bearer ${key}`)
    return api.fetch(new Request(`http://localhost${path}`, { ...rest, method, headers: all }))
  }
  return { api, readiness, runtime, call, stop: () => runtime.dispose() }
}
