/** A map that forgets its least recently used entry: what the edge remembers is bounded. */
export class Bounded<Key, Value> {
  private readonly entries = new Map<Key, Value>()
  private readonly max: number

  constructor(max: number) {
    this.max = max
  }

  get(key: Key): Value | undefined {
    const value = this.entries.get(key)
    if (value === undefined) return undefined
    this.entries.delete(key)
    this.entries.set(key, value)
    return value
  }

  set(key: Key, value: Value): void {
    this.entries.delete(key)
    if (this.entries.size >= this.max) this.entries.delete(this.entries.keys().next().value as Key)
    this.entries.set(key, value)
  }

  delete(key: Key): void {
    this.entries.delete(key)
  }
}
