/**
 * One stream from its first event on: what its rows, postings, snapshot and remembered state must be at each version.
 * Pure. It stops at the first event that is missing or cannot be read, because what would follow is a guess.
 */
import { Result } from "effect"
import type { Posting, Projected, Row, Table } from "../../shared/runtime/decider.ts"
import { type Book, type Fold, messageOf } from "./book.ts"
import { asText, canonical, damage, drift, type Found, same } from "./finding.ts"
import type { SnapshotRow, StoredEvent, TextRow } from "./store.ts"

export interface ExpectedRow extends Projected {
  readonly cells: ReadonlyArray<string>
  /** Every version of the row, latest last; of long streams the latest. */
  readonly history: ReadonlyArray<{ readonly version: number; readonly row: Row }>
}

export interface ExpectedPosting extends Posting {
  readonly stream: string
  readonly version: number
  readonly time: number
}

/** What other streams and tables know: a row that shows what accounts hold. */
export type Accounts = (projected: Projected) => ReadonlyMap<string, bigint> | undefined

interface Beside {
  readonly snapshot: SnapshotRow | undefined
  readonly remembered: { readonly version: number; readonly state: unknown } | undefined
  readonly accounts: Accounts
}

const HISTORY_MAX = 50
/** Without its state, which is compared on its own. */
export const SNAPSHOTS: Table = {
  name: "journal.snapshots",
  columns: { tp: "smallint", stream: "text", version: "int" },
  key: ["tp", "stream"],
  write: "replace"
}
export const MEMORY = "memory"

export class Replay {
  readonly stream: string
  readonly tp: number
  readonly book: Book
  readonly findings: Array<Found> = []
  version = 0
  time = 0
  partitionkey = ""
  /** Nothing more can be told of this stream. */
  halted = false
  /** What the first events made is not known. */
  partial = false
  /** False until the snapshot's own version has passed. */
  snapshotIsRight = false
  readonly beside: Beside
  private readonly fold: Fold
  private readonly byKey = new Map<string, { table: Table; history: Array<{ version: number; row: Row }> }>()
  private postings: Array<ExpectedPosting> = []
  /** Undefined: what they held before is not known. */
  private accounts: ReadonlyMap<string, bigint> | undefined = new Map()
  private broken = false

  constructor(book: Book, tp: number, stream: string, beside: Beside) {
    this.book = book
    this.tp = tp
    this.stream = stream
    this.beside = beside
    this.fold = book.fold()
  }

  /**
   * Goes on from the snapshot, which is then taken for right: a stream of a million events cannot be folded every
   * minute. What the events before it made is not judged.
   */
  startAtSnapshot(fromVersion: number): void {
    const { snapshot } = this.beside
    if (snapshot === undefined || snapshot.schema !== this.book.schema || snapshot.version < fromVersion) return
    const stored = parsed(snapshot.state)
    try {
      this.fold.restore(stored)
    } catch {
      return // It is not even a state: the fold from the first event tells so.
    }
    this.version = snapshot.version
    this.accounts = undefined
    this.partial = true
  }

  take(event: StoredEvent): void {
    if (this.halted) return
    const version = this.version + 1
    if (event.version !== version) {
      const detail = `version ${version} is missing: ${event.version} follows ${this.version}; restore it from a backup`
      this.halt(damage("stream", "version_hole", { stream: this.stream, version, detail }))
      return
    }
    const read = messageOf(event)
    if (Result.isFailure(read)) {
      this.unreadable(version, read.failure)
      return
    }
    const message = read.success
    try {
      const { rows, postings } = this.fold.take(message, version)
      this.version = version
      this.time = message.time
      this.partitionkey = message.partitionkey
      for (const row of rows) this.project(row)
      for (const posting of postings)
        this.postings.push({ ...posting, stream: this.stream, version, time: message.time })
      this.balance(rows, postings)
      this.compareSnapshot()
      this.compareMemory()
    } catch (error) {
      this.unreadable(version, `${event.type} ${event.id} cannot be folded: ${String(error)}`)
    }
  }

  /** The postings since the last time they were asked for: a long stream is compared piece by piece. */
  drain(): ReadonlyArray<ExpectedPosting> {
    const postings = this.postings
    this.postings = []
    return postings
  }

  /** Nothing more is in the store. True where memory is ahead of what was read: look again before judging it. */
  close(): boolean {
    const { snapshot, remembered } = this.beside
    if (this.halted) return false
    if (snapshot !== undefined && snapshot.schema === this.book.schema && snapshot.version > this.version)
      this.findings.push(this.snapshotDrift(snapshot.version, `it is of version ${snapshot.version}`))
    return remembered !== undefined && remembered.version > this.version
  }

  memoryIsAhead(): Found {
    const about = `version ${this.beside.remembered?.version} is remembered, ${this.version} is stored`
    return this.memoryDrift(about)
  }

  rows(): ReadonlyArray<ExpectedRow> {
    return [...this.byKey.values()].map(({ table, history }) => {
      const { row } = history.at(-1) as { row: Row }
      return { table, row, history, cells: cellsOf(table, row) }
    })
  }

  encoded(): unknown {
    return this.fold.encoded()
  }

  private project({ table, row }: Projected): void {
    const key = `${table.name} ${cellsOf(table, row).join("\u0000")}`
    const known = this.byKey.get(key)
    if (known === undefined) {
      this.byKey.set(key, { table, history: [{ version: this.version, row }] })
      return
    }
    if (table.write === "insert") return
    const last = known.history.at(-1)?.row as Row
    if (table.write === "rank" && Number(last["rank"]) >= Number(row["rank"])) return
    if (known.history.length >= HISTORY_MAX) known.history.shift()
    known.history.push({ version: this.version, row })
  }

  /** What an event says a balance is must be what its own postings make of the one before. */
  private balance(rows: ReadonlyArray<Projected>, postings: ReadonlyArray<Posting>): void {
    for (const projected of rows) {
      const after = this.beside.accounts(projected)
      if (after === undefined) continue
      const moved = new Map<string, bigint>()
      for (const { source, destination, amount } of postings) {
        moved.set(source, (moved.get(source) ?? 0n) - amount)
        moved.set(destination, (moved.get(destination) ?? 0n) + amount)
      }
      for (const [account, amount] of after) {
        const by = moved.get(account)
        if (by === undefined || this.accounts === undefined || this.broken) continue
        const expected = (this.accounts.get(account) ?? 0n) + by
        if (expected === amount) continue
        this.broken = true
        this.findings.push(
          damage("stream", "balance_breaks", {
            stream: this.stream,
            version: this.version,
            expected: String(expected),
            found: String(amount),
            detail: `the event says that ${account} holds ${amount}; with what it moves it is ${expected}`
          })
        )
      }
      this.accounts = after
    }
  }

  private compareSnapshot(): void {
    const { snapshot } = this.beside
    if (snapshot === undefined || snapshot.version !== this.version || snapshot.schema !== this.book.schema) return
    const stored = parsed(snapshot.state)
    this.snapshotIsRight = this.fold.compare(this.fold.encoded(), stored)
    if (!this.snapshotIsRight) this.findings.push(this.snapshotDrift(this.version, "it is not what the events say"))
  }

  private snapshotDrift(version: number, what: string): Found {
    const key = [String(this.tp), this.stream]
    const [expected, found] = [canonical(this.fold.encoded()), this.beside.snapshot?.state ?? null]
    const detail = `the snapshot of ${this.stream} is wrong: ${what}`
    const shown = { expected: clip(expected), found: found === null ? null : clip(found) }
    return drift(
      "stream",
      "snapshot_differs",
      SNAPSHOTS.name,
      key,
      { _tag: "Snapshot" },
      {
        stream: this.stream,
        version,
        detail,
        ...shown
      }
    )
  }

  private compareMemory(): void {
    const { remembered } = this.beside
    if (remembered === undefined || remembered.version !== this.version) return
    const encoded = this.fold.encode(remembered.state)
    if (!this.fold.compare(encoded, this.fold.encoded()))
      this.findings.push(this.memoryDrift("the remembered state is not what the events say", encoded))
  }

  private memoryDrift(detail: string, encoded?: unknown): Found {
    return drift(
      "stream",
      "memory_differs",
      MEMORY,
      [this.stream],
      { _tag: "Evict" },
      {
        stream: this.stream,
        version: this.beside.remembered?.version ?? null,
        expected: clip(canonical(this.fold.encoded())),
        found: encoded === undefined ? null : clip(canonical(encoded)),
        detail
      }
    )
  }

  private unreadable(version: number, why: string): void {
    const detail = `${why}; restore the event from a backup, or run the version that wrote it`
    this.halt(damage("stream", "event_unreadable", { stream: this.stream, version, detail }))
  }

  private halt(found: Found): void {
    this.halted = true
    this.findings.push(found)
  }
}

/** The first version of the row that the store does not show: what came before it may have been right. */
export const firstWrong = ({ history }: ExpectedRow, found: Readonly<Record<string, string | null>>): number => {
  const shown = history.findLastIndex(({ row }) => equal(asText(row), found))
  if (shown >= 0) return (history[shown + 1] ?? history[shown])?.version ?? 0
  const claimed = history.find(({ version }) => String(version) === found["version"])
  return (claimed ?? history.at(-1))?.version ?? 0
}

export const equal = (
  a: Readonly<Record<string, string | null>>,
  b: Readonly<Record<string, string | null>>
): boolean => Object.keys(a).every((name) => same(a[name] ?? null, b[name] ?? null))

export const cellsOf = (table: Table, row: Row | TextRow): ReadonlyArray<string> =>
  table.key.map((column) => String(row[column]))

const SHOWN_MAX = 2_000
const clip = (text: string): string => (text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
