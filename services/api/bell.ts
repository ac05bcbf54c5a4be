/** Where payments end in the API's own process, their ends need not be asked for in vain. */
import type { PaymentEvent } from "../../shared/contract/payment.ts"
import { type Observer, silent } from "../../shared/runtime/observer.ts"

/** Told of every payment that has ended, once its end is committed. */
export interface Bell {
  readonly listen: (ended: (id: string) => void) => void
}

const ENDS: ReadonlySet<string> = new Set<PaymentEvent["type"]>([
  "PaymentCompleted",
  "PaymentFailed",
  "PaymentCancelled"
])

/** The observer belongs to the payment service's processor. */
export const makeBell = (): Bell & { readonly observer: Observer } => {
  const listeners: Array<(id: string) => void> = []
  return {
    listen: (ended) => void listeners.push(ended),
    observer: {
      ...silent,
      committed: ({ service, events }) => {
        if (service !== "payment") return
        for (const { type, correlationid } of events)
          if (ENDS.has(type)) for (const ended of listeners) ended(correlationid)
      }
    }
  }
}
