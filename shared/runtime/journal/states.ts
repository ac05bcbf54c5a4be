/** States of streams in memory. A state enters only after the commit that made it has answered. */
import { Bounded } from "../bounded.ts"

export class States<A> {
  private readonly entries: Bounded<string, A>
  /** Streams somebody else may have written: read the store before trusting any guess about them. */
  private readonly doubts = new Set<string>()

  /** Between half of `max` and `max` states are kept, those used lately. */
  constructor(max: number) {
    this.entries = new Bounded(max)
  }

  get(stream: string): A | undefined {
    return this.entries.get(stream)
  }

  peek(stream: string): A | undefined {
    return this.entries.peek(stream)
  }

  set(stream: string, state: A): void {
    if (this.doubts.size > 0) this.doubts.delete(stream)
    this.entries.set(stream, state)
  }

  doubt(stream: string): void {
    this.entries.delete(stream)
    this.doubts.add(stream)
  }

  doubted(stream: string): boolean {
    return this.doubts.has(stream)
  }

  clear(): void {
    for (const stream of this.entries.keys()) this.doubts.add(stream)
    this.entries.clear()
  }
}
