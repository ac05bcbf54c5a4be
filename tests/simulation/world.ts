/**
 * The whole platform in memory under a seeded scheduler and virtual time: the real deciders, journal, bus, processors
 * and timers; only the store and the providers are the world's. A crash ends every fiber and forgets every state; the
 * store and the providers, being outside, remember.
 */
import { Clock, Context, Effect, Exit, Layer, Scheduler, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { ProviderCall, RefundCall } from "../../services/gateway/calls.ts"
import { gatewayDecider } from "../../services/gateway/gateway.ts"
import { DEFAULTS } from "../../services/gateway/rules.ts"
import { paymentDecider } from "../../services/payment/decider.ts"
import { sagaDecider } from "../../services/saga/decider.ts"
import { walletDecider } from "../../services/wallet/decider.ts"
import { defaultHoldSettings } from "../../services/wallet/holds.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import type { Provider } from "../../shared/contract/gateway.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import { DeadLetterAsks } from "../../shared/runtime/asks.ts"
import { embeddedBus } from "../../shared/runtime/bus/embedded.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { Memory, memoryStore } from "../../shared/runtime/journal/memory.ts"
import { makeProcessor } from "../../shared/runtime/processor.ts"
import { makeTimers } from "../../shared/runtime/timers.ts"
import type { Notice } from "./adyen.ts"
import { dealWith, Poison } from "./poison.ts"
import { type Hostility, Providers } from "./provider.ts"
import { hashOf, prng, SeededScheduler } from "./seeded.ts"

export const WALLET_FUNDS = 1_000n
const USER = "ana"
const KEY = `acme/${USER}`
/** Chance that a fiber yields at a step: enough to mix, not so much that nothing gets done. */
const YIELDS = 0.02
const STEP_MS = 250
const HOUR_MS = 3_600_000

export interface Plan {
  readonly payments: number
  readonly amount: bigint
  readonly hostility: Hostility
  /** Chance that a completed payment is refunded: twice at once, each more than half, so that one is refused. */
  readonly refunds: number
  /** Crashes of the whole platform while payments and refunds run. */
  readonly crashes: number
  /** In the order in which they are asked. */
  readonly providers?: ReadonlyArray<Provider>
  /** Chance of a message to break its decider until that is mended, at the end. */
  readonly poison: number
}

export const calm: Hostility = { silence: 0, executed: 0, decline: 0, latencyMs: 50 }

/** Three in ten calls get no answer, half of those were executed; the platform dies three times. */
export const hostile: Plan = {
  payments: 20,
  amount: 90n,
  hostility: { silence: 0.3, executed: 0.5, decline: 0.1, latencyMs: 3_000 },
  refunds: 0.5,
  crashes: 3,
  poison: 0.002
}

/** Rounds after the last payment in which refunds go on being asked for, in a world as hostile as before. */
const REFUND_ROUNDS = 8
/** Of a payment. */
const REFUND_SHARE = [6n, 10n] as const

export interface Report {
  readonly hash: number
  readonly trace: ReadonlyArray<string>
  readonly memory: Memory
  readonly providers: Providers
  readonly virtualMs: number
  readonly open: number
}

const saga = { sagaTimeoutMs: 300_000, stepTimeoutMs: 60_000, recoveryIntervalMs: 60_000, stuckAfterMs: 300_000 }
const accepts = () => true
const ORDER: ReadonlyArray<Provider> = ["stripe", "paypal", "adyen"]

const charging = (providers: Providers, call: ProviderCall) =>
  Effect.map(providers.call(call), (answer) => {
    const { payment_id, provider, try: n } = call
    const tell = ({ attempt, operation, answer }: Omit<Notice, "payment_id">, n: number) => {
      const data = { payment_id, provider, attempt, try: n, operation, breaker_failures: 0, jitter: 0, ...answer }
      return { subject: `gateway-${payment_id}`, fact: { type: "RecordAnswer", data } }
    }
    return [tell({ ...call, answer }, n), ...providers.notices(call).map((notice) => tell(notice, 0))]
  })

const refunding = (providers: Providers, call: RefundCall) =>
  Effect.map(providers.refund(call), (answer) => {
    const { payment_id, refund_id, provider, try: n } = call
    const data = { payment_id, refund_id, provider, try: n, jitter: 0, ...answer }
    return [{ subject: `gateway-${payment_id}`, fact: { type: "RecordRefundAnswer", data } }]
  })

/** One life of the platform: its processors and timers, until it is told to die. */
const live = (providers: Providers, order: ReadonlyArray<Provider>, poison: Poison, first: boolean) =>
  Effect.gen(function* () {
    const wallet = yield* makeProcessor({
      decider: poison.in(
        walletDecider({ concurrentPaymentWindowMs: 1_000, rememberMs: 301_000, holds: defaultHoldSettings })
      ),
      topics: ["wallet-commands"]
    })
    const payment = yield* makeProcessor({
      decider: poison.in(
        paymentDecider({ maxPaymentAmount: 10_000_000n, maxPaymentAmountOf: new Map(), maxRefundsPerPayment: 100 })
      ),
      topics: ["payment-commands"]
    })
    const sagas = yield* makeProcessor({
      decider: poison.in(sagaDecider(saga)),
      topics: ["payment-events", "wallet-events", "gateway-events", "saga-commands"]
    })
    const rules = {
      ...DEFAULTS,
      providers: order.map((provider) => ({ provider, accepts }))
    }
    const gateway = yield* makeProcessor({
      decider: poison.in(gatewayDecider(rules)),
      topics: ["gateway-commands"],
      // No operator plays here, so no breaker is forced.
      perform: (call) => {
        if ("force" in call) return Effect.succeed([])
        return call.operation === "refund" ? refunding(providers, call) : charging(providers, call)
      }
    })
    const timers = yield* makeTimers({ pollMs: STEP_MS, batchMax: 100 })
    if (!first) yield* timers.restart
    for (const each of [wallet, payment, sagas, gateway]) yield* Effect.forkScoped(each.run)
    yield* Effect.forkScoped(timers.run)
    const asks = Context.get(yield* Layer.build(DeadLetterAsks.layer), DeadLetterAsks)
    return { wallet, payment, asks }
  })

const message = (
  id: string,
  type: string,
  subject: string,
  correlationid: string,
  time: number,
  data: object
): Message => ({
  id,
  type,
  subject,
  time,
  tenant: "acme",
  partitionkey: KEY,
  correlationid,
  causationid: id,
  actor: "key:test",
  schema: 1,
  data
})

/** Who asks for refunds of what is completed by then: each payment is thought of once. */
class Refunding {
  private readonly seen = new Set<string>()
  private readonly plan: Plan
  private readonly random: () => number
  private readonly memory: Memory

  constructor(plan: Plan, random: () => number, memory: Memory) {
    this.plan = plan
    this.random = random
    this.memory = memory
  }

  wishes(next: () => string, now: number): ReadonlyArray<Message> {
    const [share, whole] = REFUND_SHARE
    const completed = this.memory.rows("payment.payments").filter((row) => row["status"] === "COMPLETED")
    return completed.flatMap((row) => {
      const payment_id = String(row["id"])
      if (this.seen.has(payment_id)) return []
      this.seen.add(payment_id)
      if (this.random() >= this.plan.refunds) return []
      return [0, 1].map(() => {
        const refund_id = next()
        const data = { payment_id, refund_id, amount: minor((this.plan.amount * share) / whole) }
        return message(refund_id, "RequestRefund", `payment-${payment_id}`, payment_id, now, data)
      })
    })
  }
}

const play = (plan: Plan, random: () => number, memory: Memory, providers: Providers) =>
  Effect.gen(function* () {
    const ids = yield* Ids
    const USD = "USD" as Currency
    const began = yield* Clock.currentTimeMillis
    const walletId = ids.next(began)
    const poison = new Poison(plan.poison)
    let scope = yield* Scope.make()
    const born = (first: boolean) =>
      Effect.provideService(live(providers, plan.providers ?? ORDER, poison, first), Scope.Scope, scope).pipe(
        Effect.provide(embeddedBus)
      )
    let platform = yield* born(true)
    const open = message(ids.next(began), "CreateWallet", `wallet-${walletId}`, walletId, began, {
      wallet_id: walletId,
      user_id: USER,
      currency: USD
    })
    yield* platform.wallet.submit({ message: open })
    const credit = { wallet_id: walletId, credit_id: "c", amount: minor(WALLET_FUNDS), currency: USD, reference: "r" }
    yield* platform.wallet.submit({
      message: message(ids.next(began), "CreditWallet", `wallet-${walletId}`, walletId, began, credit)
    })
    const rounds = plan.payments + (plan.refunds > 0 ? REFUND_ROUNDS : 0)
    const crashAt = new Set(Array.from({ length: plan.crashes }, () => Math.floor(random() * rounds)))
    const refunding = new Refunding(plan, random, memory)
    for (let n = 0; n < rounds; n++) {
      const now = yield* Clock.currentTimeMillis
      for (const asked of refunding.wishes(() => ids.next(now), now))
        yield* Effect.forkDetach(Effect.ignore(platform.payment.submit({ message: asked })))
      const payment_id = ids.next(now)
      const data = {
        payment_id,
        wallet_id: walletId,
        user_id: USER,
        merchant_id: "m",
        amount: minor(plan.amount),
        currency: USD,
        initiated_at: now
      }
      const asked = message(ids.next(now), "InitiatePayment", `payment-${payment_id}`, payment_id, now, data)
      if (n < plan.payments) {
        yield* Effect.forkDetach(Effect.ignore(platform.payment.submit({ message: asked })))
        poison.litter(memory, asked, random)
      }
      yield* TestClock.adjust(Math.floor(random() * STEP_MS * 2))
      if (!crashAt.has(n)) continue
      yield* Scope.close(scope, Exit.void)
      scope = yield* Scope.make()
      platform = yield* born(false)
    }
    providers.hostility = { ...providers.hostility, silence: 0 }
    yield* poison.mend(memory, random)
    yield* dealWith(memory, platform.asks)
    const count = (table: string, status: string) => memory.rows(table).filter((row) => row["status"] === status).length
    const unfinished = () => count("payment.payments", "INITIATED") + count("payment.refunds", "pending")
    // Time that nobody waits in is skipped: the next armed timer is the next moment at which anything can happen.
    for (let step = 0; step < 2_000 && unfinished() > 0; step++) {
      const now = yield* Clock.currentTimeMillis
      const next = Math.min(...[...memory.timers.values()].map(({ due_at }) => due_at), now + HOUR_MS)
      yield* TestClock.adjust(Math.max(STEP_MS, step % 8 === 7 ? next - now : 0))
    }
    yield* TestClock.adjust(STEP_MS * 20)
    yield* dealWith(memory, platform.asks)
    const ended = yield* Clock.currentTimeMillis
    yield* Scope.close(scope, Exit.void)
    return { virtualMs: ended - began, open: unfinished() }
  })

export const simulate = (seed: number, plan: Plan): Promise<Report> => {
  const random = prng(seed)
  const memory = new Memory()
  const providers = new Providers(random, plan.hostility)
  const scheduler = new SeededScheduler(prng(seed ^ 0x9e3779b9), YIELDS)
  return Effect.runPromise(
    play(plan, random, memory, providers).pipe(
      Effect.provide(Layer.mergeAll(memoryStore(memory), Ids.seeded(random))),
      Effect.provide(TestClock.layer()),
      Effect.provideService(Scheduler.Scheduler, scheduler as unknown as Scheduler.Scheduler),
      Effect.map(({ virtualMs, open }) => {
        const trace = [...memory.log].flatMap(([tp, log]) =>
          log.map(({ body, message }) => `${tp} ${message.id} ${body}`)
        )
        return { hash: hashOf(trace), trace, memory, providers, virtualMs, open }
      })
    )
  )
}
