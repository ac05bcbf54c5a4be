// What the tables of faults share: the adapters behind their effects, and a simulator of their own.
import { Clock, ConfigProvider, Effect, ManagedRuntime } from "effect"
import { type Spawned, spawnSimulator } from "../../../infra/simulator/spawn.ts"
import type { Operation, Provider } from "../../../shared/contract/gateway.ts"
import type { Breaker } from "../breakers.ts"
import type { Answered, ProviderCall } from "../calls.ts"
import { gateway } from "../index.ts"
import { AMOUNT, USD } from "../testing.ts"
import type { Providers } from "./registry.ts"

export const TIMEOUT_MS = 400

/** A fault is armed per provider, so an operation's tables for both may run side by side at one simulator. */
export interface Outside {
  readonly simulator: Spawned
  readonly runtime: ManagedRuntime.ManagedRuntime<Breaker | Providers, never>
  readonly perform: ReturnType<typeof gateway.perform>
}

export const open = async (timeout_ms = TIMEOUT_MS): Promise<Outside> => {
  const simulator = await spawnSimulator()
  const environment = ConfigProvider.fromEnvRecord({ GATEWAY_TIMEOUT_MS: `${timeout_ms}` })
  const settings = await Effect.runPromise(
    gateway.settings(simulator.url).pipe(Effect.provide(ConfigProvider.layer(environment)))
  )
  // The breaker is not what is tested here: one that never opens.
  const breaker = (provider: Provider) => ({ ...settings.breaker(provider), consecutive: 1e9, calls_min: 1e9 })
  const runtime = ManagedRuntime.make(gateway.layers({ ...settings, breaker }))
  return { simulator, runtime, perform: gateway.perform(settings) }
}

export const callOf = (
  payment_id: string,
  provider: Provider,
  operation: Operation,
  handle?: string
): ProviderCall => ({
  payment_id,
  provider,
  attempt: 1,
  try: 1,
  operation,
  amount: AMOUNT,
  currency: USD,
  idempotency_key: `${payment_id}:${provider}:1:${operation}`,
  started_at: Effect.runSync(Clock.currentTimeMillis),
  ...(handle !== undefined && { handle })
})

export const asking =
  ({ runtime, perform }: Outside) =>
  async (call: ProviderCall): Promise<Answered> => {
    const [first] = await runtime.runPromise(perform(call))
    if (first?.command.type !== "RecordAnswer") throw new Error("no answer")
    return first.command.data
  }

export const say = ({ outcome, reason }: Answered) => (reason === undefined ? outcome : `${outcome} ${reason}`)
