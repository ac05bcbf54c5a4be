/**
 * States of streams in memory, least recently used out first. A state enters only after the commit that made it has
 * answered.
 */
export class States<A> {
  private readonly max: number
  private readonly entries = new Map<string, A>()
  /** Streams somebody else may have written: read the store before trusting any guess about them. */
  private readonly doubts = new Set<string>()

  constructor(max: number) {
    this.max = max
  }

  get(stream: string): A | undefined {
    const state = this.entries.get(stream)
    if (state === undefined) return undefined
    this.entries.delete(stream)
    this.entries.set(stream, state)
    return state
  }

  set(stream: string, state: A): void {
    this.doubts.delete(stream)
    this.entries.delete(stream)
    this.entries.set(stream, state)
    if (this.entries.size <= this.max) return
    const oldest = this.entries.keys().next()
    if (!oldest.done) this.entries.delete(oldest.value)
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
