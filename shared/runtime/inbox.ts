/**
 * Commands that were handed over in memory and wait for a commit. Partition keys take turns: a user who sends five
 * hundred at once fills what the others leave of a batch, and nobody else waits for him (P56).
 */
import type { Waiting } from "./batch.ts"

export class Inbox {
  /** One queue a key, in the order in which their turn comes; an empty queue is not kept. */
  private readonly queues = new Map<string, Array<Waiting>>()
  private count = 0

  get length(): number {
    return this.count
  }

  push(waiting: Waiting): void {
    const key = keyOf(waiting)
    const queue = this.queues.get(key)
    if (queue === undefined) this.queues.set(key, [waiting])
    else queue.push(waiting)
    this.count++
  }

  /** Before everything else of their keys, in their own order: a commit that was refused gives them back. */
  putBack(returned: ReadonlyArray<Waiting>): void {
    for (const waiting of [...returned].reverse()) {
      const key = keyOf(waiting)
      this.queues.set(key, [waiting, ...(this.queues.get(key) ?? [])])
    }
    this.count += returned.length
  }

  /** Up to `max`, those of one key in their order. */
  take(max: number): ReadonlyArray<Waiting> {
    const taken: Array<Waiting> = []
    while (taken.length < max && this.queues.size > 0) {
      let turns = this.queues.size
      const share = Math.ceil((max - taken.length) / turns)
      // A key that is put back stands behind those that were there, so each is met once a round.
      for (const key of this.queues.keys()) {
        if (turns-- === 0 || taken.length === max) break
        taken.push(...this.takeOf(key, Math.min(share, max - taken.length)))
      }
    }
    this.count -= taken.length
    return taken
  }

  /** The key goes to the end of the line, or out of it. */
  private takeOf(key: string, max: number): ReadonlyArray<Waiting> {
    const queue = this.queues.get(key)
    if (queue === undefined) return []
    this.queues.delete(key)
    if (queue.length <= max) return queue
    const taken = queue.splice(0, max)
    this.queues.set(key, queue)
    return taken
  }
}

const keyOf = ({ submission }: Waiting): string => submission.message.partitionkey
