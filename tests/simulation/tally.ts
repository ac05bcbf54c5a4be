/** Counts of what happened in a world: faults by kind, and things that must happen sometimes. */
export class Tally {
  readonly counts = new Map<string, number>()

  add(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0
  }

  total(): number {
    let sum = 0
    for (const count of this.counts.values()) sum += count
    return sum
  }

  join(counts: Iterable<readonly [string, number]>): void {
    for (const [name, count] of counts) this.add(name, count)
  }
}
