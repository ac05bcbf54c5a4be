/** The breakers as a service: in this process's memory here; an implementation that shares them has the same face. */
import { Context, Effect, Layer } from "effect"
import type { Provider } from "../../shared/contract/gateway.ts"
import {
  allow,
  type BreakerRules,
  CLOSED,
  failuresOf,
  type Breaker as Machine,
  type Result,
  record
} from "./breaker.ts"
import type { Transition } from "./calls.ts"

export type Allowed =
  | { readonly allowed: true; readonly transition?: Transition }
  | { readonly allowed: false; readonly retry_at: number }

export class Breaker extends Context.Service<
  Breaker,
  {
    /** Asked before a charge, and only then: reads, fences and reversals pass an open breaker. */
    readonly allow: (provider: Provider, now: number) => Effect.Effect<Allowed>
    /** What a charge's end says about the provider. `failures`: those in a row, after it. */
    readonly record: (
      provider: Provider,
      result: Result,
      now: number
    ) => Effect.Effect<{ readonly failures: number; readonly transition?: Transition }>
    /** An operator's hand: open until `until`, or closed. */
    readonly force: (provider: Provider, to: "open" | "closed", until: number) => Effect.Effect<Transition>
    readonly look: (provider: Provider) => Effect.Effect<Machine>
  }
>()("gateway/Breaker") {
  static readonly memory = (rules: (provider: Provider) => BreakerRules) =>
    Layer.sync(Breaker, () => {
      const machines = new Map<Provider, Machine>()
      const of = (provider: Provider): Machine => machines.get(provider) ?? CLOSED
      return {
        allow: (provider, now) =>
          Effect.sync((): Allowed => {
            const permit = allow(of(provider), now, rules(provider))
            if (!permit.allowed) return permit
            machines.set(provider, permit.breaker)
            return permit.half_opened ? { allowed: true, transition: { to: "half_open", provider } } : { allowed: true }
          }),
        record: (provider, result, now) =>
          Effect.sync(() => {
            const { breaker, transition } = record(of(provider), provider, result, now, rules(provider))
            machines.set(provider, breaker)
            const failures = failuresOf(breaker)
            return transition === undefined ? { failures } : { failures, transition }
          }),
        force: (provider, to, until) =>
          Effect.sync((): Transition => {
            const failures = failuresOf(of(provider))
            machines.set(provider, to === "open" ? { state: "open", failures, until } : CLOSED)
            return to === "open" ? { to, provider, failures, until, reason: "an operator opened it" } : { to, provider }
          }),
        look: (provider) => Effect.sync(() => of(provider))
      }
    })
}
