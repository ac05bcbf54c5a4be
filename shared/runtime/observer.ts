/** What a processor tells whoever measures it. Called per batch, synchronously; it must not throw. */
import type { Message, Service } from "../contract/envelope.ts"
import type { ErrorClass } from "./deadletter.ts"
import type { Refusal } from "./decider.ts"

export interface Observer {
  readonly committed: (batch: {
    readonly service: Service
    readonly messages: number
    readonly events: ReadonlyArray<Message>
    readonly durationMs: number
  }) => void
  readonly refused: (service: Service, message: Message, refusal: Refusal) => void
  readonly buried: (service: Service, unit: string, errorClass: ErrorClass, error: string) => void
  /** A dead letter, or what waited behind one, was handed over again (`taken` messages), or its letter failed again. */
  readonly redriven: (service: Service, unit: string, result: Redriven) => void
  readonly stalled: (service: Service, detail: string) => void
}

export interface Redriven {
  readonly taken: number
  readonly letter: "redriven" | "discarded" | "failed" | undefined
}

const ignore = () => {}
export const silent: Observer = {
  committed: ignore,
  refused: ignore,
  buried: ignore,
  redriven: ignore,
  stalled: ignore
}

/** Tells each of them. */
export const both = (...observers: ReadonlyArray<Observer>): Observer => ({
  committed: (batch) => {
    for (const observer of observers) observer.committed(batch)
  },
  refused: (...refusal) => {
    for (const observer of observers) observer.refused(...refusal)
  },
  buried: (...letter) => {
    for (const observer of observers) observer.buried(...letter)
  },
  redriven: (...redriven) => {
    for (const observer of observers) observer.redriven(...redriven)
  },
  stalled: (...stall) => {
    for (const observer of observers) observer.stalled(...stall)
  }
})
