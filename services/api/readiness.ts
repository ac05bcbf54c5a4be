/** What the platform needs in order to take requests. Composition reports, `/ready` and `/health` tell. */
import { Clock, Context, Effect, Layer } from "effect"

/** Requests are taken only while `running`; draining comes before the listener closes (RELIABILITY 4.7). */
export type Phase = "starting" | "running" | "draining"

export interface Dependency {
  readonly up: boolean
  /** False: its loss is told, and requests are taken all the same (a cache). Default true. */
  readonly required?: boolean
  /** For people, without internals: everybody may read it. */
  readonly detail?: string
  /** ms; since when it is up, or down. Kept here, not reported. */
  readonly since?: number
}

export interface Health {
  readonly ready: boolean
  readonly phase: Phase
  readonly dependencies: Readonly<Record<string, Dependency>>
}

export class Readiness extends Context.Service<
  Readiness,
  {
    /** Adds the dependency or replaces what was known of it; synchronous, so that anybody can call it from anywhere. */
    readonly report: (name: string, dependency: Dependency) => void
    readonly enter: (phase: Phase) => void
    readonly phase: () => Phase
    readonly health: () => Health
  }
>()("api/Readiness") {
  static readonly layer = Layer.effect(
    Readiness,
    Effect.map(Clock.Clock, (clock) => {
      const dependencies = new Map<string, Dependency>()
      let phase: Phase = "starting"
      return {
        report: (name, dependency) => {
          const before = dependencies.get(name)
          const since = before?.up === dependency.up ? before.since : clock.currentTimeMillisUnsafe()
          dependencies.set(name, since === undefined ? dependency : { ...dependency, since })
        },
        enter: (next) => {
          // Draining is for ever: a late "running" must not call clients back.
          if (phase !== "draining") phase = next
        },
        phase: () => phase,
        health: () => ({
          ready:
            phase === "running" && [...dependencies.values()].every(({ up, required }) => up || required === false),
          phase,
          dependencies: Object.fromEntries(dependencies)
        })
      }
    })
  )
}
