/**
 * The payments that met an open breaker, so that they are asked for again at once when one closes. It only makes them
 * quicker: the time of a waiting payment is a timer in the store, and whoever is not in here is woken by that.
 */
import type { Message } from "../../shared/contract/envelope.ts"

/** More than so many wait for their timers; the oldest do. */
export const WAITING_MAX = 10_000

/** By payment: the message that brought it here, because what follows belongs to its tenant and partition. */
export class Waiting {
  private readonly met = new Map<string, Message | undefined>()
  private readonly most: number

  constructor(most = WAITING_MAX) {
    this.most = most
  }

  refused(payment_id: string, cause: Message | undefined): void {
    this.met.delete(payment_id)
    this.met.set(payment_id, cause)
    const [oldest] = this.met.size > this.most ? this.met.keys() : []
    if (oldest !== undefined) this.met.delete(oldest)
  }

  allowed(payment_id: string): void {
    if (this.met.size > 0) this.met.delete(payment_id)
  }

  /** All of them, in the order in which they were refused. */
  drain(): ReadonlyArray<readonly [payment_id: string, cause: Message | undefined]> {
    const all = [...this.met]
    this.met.clear()
    return all
  }
}
