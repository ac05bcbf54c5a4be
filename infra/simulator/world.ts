/**
 * Everything the outside world remembers, as tables of small immutable records.
 *
 * A record is replaced, never changed in place: an idempotency key can therefore hold the very record it answered with
 * and replay it unchanged for ever. All changes of one request are one line of the journal, so they are found again
 * together or not at all.
 */
import { Journal } from "./journal.ts"

export type Row = { readonly id: string }

export class Table<T extends Row> {
  readonly rows = new Map<string, T>()
  private readonly name: string
  private readonly record: (fragment: string) => void
  private readonly revive: (row: T) => T

  constructor(name: string, record: (fragment: string) => void, revive: (row: T) => T) {
    this.name = name
    this.record = record
    this.revive = revive
  }

  get(id: string): T | undefined {
    return this.rows.get(id)
  }

  put(row: T): T {
    const revived = this.revive(row)
    this.rows.set(row.id, revived)
    this.record(`["${this.name}",${JSON.stringify(row)}]`)
    return revived
  }

  delete(id: string): void {
    if (this.rows.delete(id)) this.record(`["${this.name}",${JSON.stringify(id)}]`)
  }

  /** From the journal, on start. */
  restore(entry: T | string): void {
    if (typeof entry === "string") this.rows.delete(entry)
    else this.rows.set(entry.id, this.revive(entry))
  }
}

export class World {
  readonly journal: Journal
  private readonly tables = new Map<string, Table<Row>>()
  private pending: Array<string> = []

  constructor(dataDir: string | undefined) {
    this.journal = new Journal(dataDir)
  }

  /** `revive` completes a record with what is not written (looked up in other tables, which must be declared first). */
  table<T extends Row>(name: string, revive: (row: T) => T = (row) => row): Table<T> {
    const table = new Table<T>(name, (fragment) => this.record(fragment), revive)
    this.tables.set(name, table as unknown as Table<Row>)
    return table
  }

  /** Called once, when every table is declared. */
  open(onWire: (line: string) => void): void {
    this.journal.open((line) => {
      for (const [name, entry] of JSON.parse(line) as Array<[string, Row | string]>)
        this.tables.get(name)?.restore(entry)
    }, onWire)
  }

  /** Closes the line of the request that is being answered. */
  seal(): void {
    if (this.pending.length === 0) return
    this.journal.appendState(`[${this.pending.join(",")}]\n`)
    this.pending = []
  }

  private record(fragment: string): void {
    if (this.journal.durable) this.pending.push(fragment)
  }
}
