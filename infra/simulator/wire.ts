/**
 * Every request the simulator received, in order, with what it answered: the only place where a hidden retry of some
 * client library can be seen. Bounded; the oldest go first.
 */
import { iso } from "./clock.ts"
import type { Fault } from "./faults.ts"
import type { Journal } from "./journal.ts"

export const WIRE_ENTRIES_MAX = 200_000

/** at, provider, method, path, op, idempotency key, body hash, payment id, status (0: never answered), fault */
export type WireEntry = readonly [
  number,
  string,
  string,
  string,
  string,
  string | null,
  string,
  string | null,
  number,
  Fault | null
]

export class Wire {
  private readonly entries: Array<WireEntry> = []
  private oldest = 0
  private readonly journal: Journal

  constructor(journal: Journal) {
    this.journal = journal
  }

  append(entry: WireEntry): void {
    this.keep(entry)
    if (this.journal.durable) this.journal.appendWire(`${JSON.stringify(entry)}\n`)
  }

  restore(line: string): void {
    this.keep(JSON.parse(line) as WireEntry)
  }

  json(): string {
    const lines: Array<string> = []
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[(this.oldest + i) % this.entries.length]
      if (entry === undefined) continue
      const [at, provider, method, path, op, idempotency_key, body_hash, payment_id, status, fault] = entry
      lines.push(
        JSON.stringify({
          at: iso(at),
          provider,
          method,
          path,
          op,
          idempotency_key,
          body_hash,
          ...(payment_id === null ? {} : { payment_id }),
          status,
          ...(fault === null ? {} : { fault })
        })
      )
    }
    return `{"data":[${lines.join(",\n")}]}`
  }

  private keep(entry: WireEntry): void {
    if (this.entries.length < WIRE_ENTRIES_MAX) {
      this.entries.push(entry)
      return
    }
    this.entries[this.oldest] = entry
    this.oldest = (this.oldest + 1) % WIRE_ENTRIES_MAX
  }
}
