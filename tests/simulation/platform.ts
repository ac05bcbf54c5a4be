/** The platform as one process composes it, from the real parts; what is the world's own is the store and the ports. */
import { Cause, Clock, Context, Effect, Layer, Random, Scope } from "effect"
import { Breaker } from "../../services/gateway/breakers.ts"
import type { GatewayEffect } from "../../services/gateway/calls.ts"
import { type Addressed, performWith } from "../../services/gateway/effects.ts"
import { gatewayDecider } from "../../services/gateway/gateway.ts"
import { Providers as Ports } from "../../services/gateway/provider/registry.ts"
import { DEFAULTS } from "../../services/gateway/rules.ts"
import { breakerRules } from "../../services/gateway/settings.ts"
import { paymentDecider } from "../../services/payment/decider.ts"
import { sagaDecider } from "../../services/saga/decider.ts"
import { walletDecider } from "../../services/wallet/decider.ts"
import { defaultHoldSettings } from "../../services/wallet/holds.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import type { Provider } from "../../shared/contract/gateway.ts"
import type { Topic } from "../../shared/contract/topics.ts"
import { DeadLetterAsks } from "../../shared/runtime/asks.ts"
import { Bus } from "../../shared/runtime/bus/bus.ts"
import { embeddedBus } from "../../shared/runtime/bus/embedded.ts"
import { CrashPoints } from "../../shared/runtime/crashpoint.ts"
import { JournalStore, type Store } from "../../shared/runtime/journal/store.ts"
import { makeProcessor } from "../../shared/runtime/processor.ts"
import { makeSignal, type Signal } from "../../shared/runtime/signal.ts"
import { makeTimers } from "../../shared/runtime/timers.ts"
import type { Life } from "./life.ts"
import { storeOf } from "./store.ts"
import type { World } from "./world.ts"

const accepts = () => true
const payments = {
  maxPaymentAmount: 10_000_000n,
  maxPaymentAmountOf: new Map<string, bigint>(),
  maxRefundsPerPayment: 3
}

const composedOf = (order: ReadonlyArray<Provider>) => ({
  wallet: walletDecider({ concurrentPaymentWindowMs: 1_000, rememberMs: 301_000, holds: defaultHoldSettings }),
  payment: paymentDecider(payments),
  saga: sagaDecider({
    sagaTimeoutMs: 300_000,
    stepTimeoutMs: 60_000,
    recoveryIntervalMs: 60_000,
    stuckAfterMs: 300_000
  }),
  gateway: gatewayDecider({ ...DEFAULTS, providers: order.map((provider) => ({ provider, accepts })) }),
  /** What a service hears. */
  topics: {
    wallet: ["wallet-commands"],
    payment: ["payment-commands"],
    saga: ["payment-events", "wallet-events", "gateway-events", "saga-commands"],
    gateway: ["gateway-commands"]
  } as Readonly<Record<"wallet" | "payment" | "saga" | "gateway", ReadonlyArray<Topic>>>,
  store: (store: Store): Store => store,
  /** Anew for each start of a platform: what it remembers of calls is gone with the process. */
  perform: () => performWith({ timeout_ms: DEFAULTS.timeout_ms, in_flight: 128, tracing: false }),
  /** Unfinished work is looked for when a process starts. */
  restarts: true
})
/** The parts of which the platform is put together: where a deliberate bug is put in, and nowhere else. */
export type Composition = ReturnType<typeof composedOf>

const compositions = new Map<string, Composition>()
export const composition = (order: ReadonlyArray<Provider>): Composition => {
  const name = order.join()
  const known = compositions.get(name) ?? composedOf(order)
  compositions.set(name, known)
  return known
}

/** Timers are looked for at full tenths of a second, as by a poller. */
const batchMax = 100
const RETRY_MS = 100

const sweeping = (sweep: Effect.Effect<boolean, unknown>, refresh: Effect.Effect<unknown, unknown>, signal: Signal) =>
  Effect.forever(
    Effect.andThen(
      signal.wait,
      Effect.catch(Effect.asVoid(sweep), () =>
        Effect.andThen(Effect.ignore(refresh), Effect.andThen(Effect.sleep(RETRY_MS), Effect.sync(signal.raise)))
      )
    )
  )

/** A defect ends the process in production; no world may bring one about. */
const told = (world: World, name: string, running: Effect.Effect<never>) =>
  Effect.tapCause(running, (cause) =>
    Effect.sync(() => {
      if (!Cause.hasInterruptsOnly(cause)) world.violate("I11", `${name} broke: ${Cause.pretty(cause).slice(0, 300)}`)
    })
  )

const contextOf = (world: World, life: Life) =>
  Context.make(JournalStore, {
    open: () => Effect.succeed(world.composition.store(storeOf(world, life)))
  }).pipe(Context.add(CrashPoints, (label) => world.reaches(life, label)))

/** One life: its processors and timers, until it ends. */
export const live = (world: World, life: Life, first: boolean) =>
  Effect.gen(function* () {
    const parts = world.composition
    const bus = yield* Bus
    const asks = Context.get(yield* Layer.build(DeadLetterAsks.layer), DeadLetterAsks)
    const needs = yield* Effect.context<Breaker | Ports>()
    const call = parts.perform()
    const perform = (effect: GatewayEffect, by: Message) =>
      Effect.map(Effect.provideContext(call(effect, by), needs), (answers: ReadonlyArray<Addressed>) =>
        answers.map(({ subject, command, partitionkey, cause }) => ({ subject, fact: command, partitionkey, cause }))
      )
    const wallet = yield* makeProcessor({ decider: parts.wallet, topics: parts.topics.wallet })
    const payment = yield* makeProcessor({ decider: parts.payment, topics: parts.topics.payment })
    const saga = yield* makeProcessor({ decider: parts.saga, topics: parts.topics.saga })
    const gateway = yield* makeProcessor({ decider: parts.gateway, topics: parts.topics.gateway, perform })
    const timers = yield* makeTimers({ pollMs: RETRY_MS, batchMax })
    const signal = makeSignal()
    if (!first && parts.restarts) yield* Effect.eventually(timers.restart)
    const all = [wallet, payment, saga, gateway]
    for (const { run, service } of all) yield* Effect.forkScoped(told(world, service, run))
    yield* Effect.forkScoped(told(world, "timers", sweeping(timers.sweep, bus.refresh, signal)))
    signal.raise()
    const idle = () => all.every((each) => each.idle())
    return { wallet, payment, saga, gateway, asks, bus, life, tick: signal.raise, idle }
  }).pipe(
    Effect.provide([embeddedBus, Breaker.memory(breakerRules(undefined)), Ports.ports(world.providers.ports)]),
    Effect.provideContext(contextOf(world, life)),
    Effect.provideService(Scope.Scope, life.scope)
  )
export type Platform = Effect.Success<ReturnType<typeof live>>

/** What everything in a world runs with. */
export const surroundings = (world: World) =>
  Context.make(Clock.Clock, world.time.clock).pipe(
    Context.add(Random.Random, {
      nextDoubleUnsafe: world.random,
      nextIntUnsafe: () => Math.floor(world.random() * 2 ** 31)
    })
  )
