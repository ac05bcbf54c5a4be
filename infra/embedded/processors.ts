/** The stateful services of one process: each a processor of its decider, on the shared store and bus. */
import { type Context, Effect } from "effect"
import type { GatewayEffect, GatewaySettings } from "../../services/gateway/index.ts"
import { gateway } from "../../services/gateway/index.ts"
import { metricsObserver } from "../../services/metrics/metrics.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import { defaultJournalSettings } from "../../shared/runtime/journal/journal.ts"
import { both, type Observer } from "../../shared/runtime/observer.ts"
import { defaultBounds, makeProcessor } from "../../shared/runtime/processor.ts"
import type { Configuration } from "./configuration.ts"
import { decidersOf } from "./deciders.ts"

const CALLS_MAX = 10_000

type Needs = Effect.Services<ReturnType<ReturnType<typeof gateway.perform>>>

export const makeProcessors = Effect.fnUntraced(function* (
  configuration: Configuration,
  gatewaySettings: GatewaySettings,
  observer: Observer
) {
  const deciders = decidersOf(configuration, gatewaySettings)
  const shared = {
    observer: both(metricsObserver, observer),
    bounds: { ...defaultBounds, batchMax: configuration.batchMax },
    journal: { ...defaultJournalSettings, snapshotEvery: configuration.snapshotEvery },
    redrive: { redrivesMax: configuration.deadLetterRedrivesMax, backoffMs: configuration.deadLetterBackoffMs }
  }
  const context = yield* Effect.context<Needs>()
  const call = gateway.perform(gatewaySettings, configuration.tracing)
  // The context as a whole: providing it would merge two dozen services anew for every call.
  const perform = (effect: GatewayEffect, by: Message) =>
    Effect.map(
      Effect.updateContext(call(effect, by), (_: Context.Context<never>) => context),
      (answers) =>
        answers.map(({ subject, command, partitionkey, cause }) => ({ subject, fact: command, partitionkey, cause }))
    )
  // Stores first, then in the order in which a payment meets them (MISSION 10.5).
  const wallet = yield* makeProcessor({
    ...shared,
    decider: deciders.wallet,
    topics: ["wallet-commands"]
  })
  const payment = yield* makeProcessor({
    ...shared,
    decider: deciders.payment,
    topics: ["payment-commands"]
  })
  const saga = yield* makeProcessor({
    ...shared,
    decider: deciders.saga,
    topics: ["payment-events", "wallet-events", "gateway-events", "saga-commands"]
  })
  const gateways = yield* makeProcessor({
    ...shared,
    decider: deciders.gateway,
    topics: ["gateway-commands"],
    // How many calls are under way is the gateway's own bound, per provider; what waits for one keeps nobody else.
    bounds: { ...shared.bounds, effectsMax: CALLS_MAX },
    perform
  })
  const notification = yield* makeProcessor({
    ...shared,
    decider: deciders.notification,
    topics: ["notification-commands"]
  })
  // It hears nothing: operators' actions are submitted, before and after they take effect.
  const audit = yield* makeProcessor({ ...shared, decider: deciders.audit, topics: [] })
  return { wallet, payment, saga, gateway: gateways, notification, audit }
})
export type Processors = Effect.Success<ReturnType<typeof makeProcessors>>
