/** Wakes one waiting fiber. Raised while nobody waits, it is remembered once, so no wake-up is lost. */
import { Effect } from "effect"

export interface Signal {
  readonly raise: () => void
  readonly wait: Effect.Effect<void>
}

export const makeSignal = (): Signal => {
  let raised = false
  let waiter: (() => void) | undefined
  const raise = () => {
    const wake = waiter
    waiter = undefined
    if (wake === undefined) raised = true
    else wake()
  }
  const wait = Effect.callback<void>((resume) => {
    if (raised) {
      raised = false
      return resume(Effect.void)
    }
    waiter = () => resume(Effect.void)
    return Effect.sync(() => {
      waiter = undefined
    })
  })
  return { raise, wait }
}
