/**
 * Walks chains from their first entry to where they ended when the walk began, a page at a time, and names the first
 * entry that is not what it was when it was written. It writes nothing.
 */
import { Clock, Effect } from "effect"
import type { AuditReport, Chain, Flaw, Invalid } from "../../../shared/runtime/audit.ts"
import { transaction } from "../../../shared/runtime/postgres.ts"
import { type Anchor, type Chained, dayOf, entryHash, eventHash, GENESIS, type Head, PLATFORM } from "./entry.ts"
import { type Asked, anchorsOf, CHAINS_MAX, endsOf, monthIsKept, pageOf, positions, type Walked } from "./store.ts"

export interface WalkSettings {
  /** Entries of one page. */
  readonly page: number
  /** Of the time a page took, the pause after it. */
  readonly pauseShare: number
  readonly progress: (entries: number, all: number) => void
  /** Ends of chains that were kept elsewhere. */
  readonly kept?: ReadonlyArray<Anchor>
}

type End = Head & { readonly tenant: string }

/** How far one chain has been walked. */
interface Walk {
  readonly end: End
  readonly kept: ReadonlyArray<Anchor>
  first: number
  /** The last entry that is as it was. */
  last: Head
}

/** tp → how many of its events have an entry, and the first of them. */
type Tally = Map<number, { first: number; count: number }>

const flawed = (flaw: Flaw, tenant: string, seq: number | null, detail: string, of?: Chained): Invalid => ({
  tenant,
  seq,
  flaw,
  stream: of?.stream ?? null,
  version: of?.version ?? null,
  type: of?.type ?? null,
  detail
})

/** What is wrong with this entry after `last`, if anything; `page` is what stands around it. */
export const flawOf = (last: Head, row: Walked, page: ReadonlyArray<Walked>): Invalid | undefined => {
  const { tenant, seq, stream, version } = row
  const said = (flaw: Flaw, detail: string) => flawed(flaw, tenant, seq, detail, row)
  const expected = last.seq + 1
  if (seq !== expected || entryHash(last.hash, row) !== row.hash) return misplaced(last, row, page)
  const event = `event ${row.event_id} (version ${version} of ${stream})`
  if (row.e_id === null) return said("event_missing", `${event} is not in the log`)
  return eventHash(eventOf(row)) === row.event_sha256
    ? undefined
    : said("event_changed", `${event} is not what was recorded`)
}

const misplaced = (last: Head, row: Walked, page: ReadonlyArray<Walked>): Invalid => {
  const { tenant, seq } = row
  const expected = last.seq + 1
  if (seq < expected) return flawed("row_extra", tenant, seq, `there is a second entry ${seq}`, row)
  const due = page.find((other) => entryHash(last.hash, { ...other, seq: expected }) === other.hash)
  if (due !== undefined)
    return due.seq === seq && seq === expected
      ? flawed("row_extra", tenant, seq, `there is a second entry ${seq}`, row)
      : flawed("order", tenant, expected, `what stands as entry ${due.seq} was written as ${expected}`, due)
  return seq > expected
    ? flawed("row_missing", tenant, expected, `entry ${expected} is missing`)
    : flawed("row_changed", tenant, seq, "its hash is not that of the entry before it and of itself", row)
}

const eventOf = (row: Walked) => ({
  id: row.e_id ?? "",
  stream: row.e_stream,
  version: row.e_version,
  type: row.e_type,
  cause: row.e_cause,
  n: row.e_n,
  body: row.e_body
})

/**
 * Where a chain begins: at its first entry, or behind months that were taken off. Those end with a day, and so with an
 * anchor; what else is missing at the beginning is missing.
 */
const beginning = Effect.fnUntraced(function* (tenant: string, first: Walked) {
  if (first.seq === 1) return GENESIS
  const [anchor] = yield* anchorsOf(tenant, first.seq - 1, first.seq - 1)
  const month = anchor?.day.slice(0, 7)
  if (anchor === undefined || month === undefined || month === dayOf(first.at).slice(0, 7)) return undefined
  return (yield* monthIsKept(month)) ? undefined : { seq: anchor.seq, hash: anchor.hash, at: 0 }
})

/** An anchor, or the end of a chain that was kept elsewhere, against what was walked just now. */
const anchored = (anchors: ReadonlyArray<Anchor>, hashes: ReadonlyMap<number, string>): Invalid | undefined => {
  const other = anchors.find(({ seq, hash }) => hashes.has(seq) && hashes.get(seq) !== hash)
  if (other === undefined) return undefined
  const { tenant, day, seq } = other
  return flawed("anchor_differs", tenant, seq, `entry ${seq} is not the one of ${day}: the chain was written anew`)
}

const count = (tally: Tally, { tp, off }: Walked): void => {
  const known = tally.get(tp)
  if (known === undefined) tally.set(tp, { first: off, count: 1 })
  else {
    known.count++
    known.first = Math.min(known.first, off)
  }
}

/** One page: the flaw it shows, or whether it was the last one. */
const step = Effect.fnUntraced(function* (walk: Walk, tally: Tally, limit: number) {
  const { tenant, seq: end } = walk.end
  const page = (yield* pageOf(tenant, walk.last, limit)).filter(({ seq }) => seq <= end)
  const [first] = page
  if (first === undefined) return { read: 0, flaw: undefined }
  if (walk.first === 0) {
    const from = yield* beginning(tenant, first)
    if (from === undefined) return { read: 0, flaw: flawed("row_missing", tenant, 1, "entry 1 is missing") }
    walk.first = first.seq
    walk.last = from
  }
  const hashes = new Map<number, string>()
  for (const [i, row] of page.entries()) {
    const flaw = flawOf(walk.last, row, page)
    if (flaw !== undefined) return { read: i, flaw }
    walk.last = { seq: row.seq, hash: row.hash, at: row.at }
    hashes.set(row.seq, row.hash)
    count(tally, row)
  }
  const anchors = yield* anchorsOf(tenant, first.seq, walk.last.seq)
  return { read: page.length, flaw: anchored([...anchors, ...walk.kept], hashes) }
})

/** What a chain must be once its last entry was looked at. */
const ending = Effect.fnUntraced(function* ({ end, first, last, kept }: Walk) {
  const { tenant, seq, hash, at } = end
  // All of it may have come off with its months.
  const gone = first === 0 && seq > 0 && !(yield* monthIsKept(dayOf(at).slice(0, 7)))
  if (!gone && last.seq < seq) {
    return flawed("row_missing", tenant, last.seq + 1, `entry ${last.seq + 1} is missing, and all up to ${seq}`)
  }
  if (!gone && last.hash !== hash) {
    return flawed("head_differs", tenant, seq, "the end of the chain is not what was last written")
  }
  const beyond = [...(yield* anchorsOf(tenant, seq + 1, Number.MAX_SAFE_INTEGER)), ...kept].find(
    (anchor) => anchor.seq > seq
  )
  return beyond && flawed("row_missing", tenant, seq + 1, `on ${beyond.day} the chain had ${beyond.seq} entries`)
})

const walked = Effect.fnUntraced(function* (
  walk: Walk,
  tally: Tally,
  settings: WalkSettings,
  before: number,
  all: number
) {
  let entries = 0
  for (;;) {
    const began = yield* Clock.currentTimeMillis
    const { read, flaw } = yield* step(walk, tally, settings.page)
    entries += read
    settings.progress(before + entries, all)
    if (flaw !== undefined) return { entries, flaw }
    if (read === 0 || walk.last.seq >= walk.end.seq) return { entries, flaw: yield* ending(walk) }
    yield* Effect.sleep(((yield* Clock.currentTimeMillis) - began) * settings.pauseShare)
  }
})

/** Offsets are dense: of each partition as many events have an entry as its position says, or one was left out. */
const unrecorded = (places: ReadonlyArray<Place>, tally: Tally, whole: boolean): Invalid | undefined => {
  for (const { tp, next } of places) {
    const { first, count } = tally.get(tp) ?? { first: whole ? 0 : next, count: 0 }
    const missing = next - (whole ? 0 : first) - count
    if (missing !== 0)
      return flawed("event_unrecorded", PLATFORM, null, `${missing} events of log partition ${tp} have no entry`)
  }
  return undefined
}

type Place = Effect.Success<typeof positions>[number]
const ONE_MOMENT = "isolation level repeatable read read only"

/** Absent tenants: every chain there is; then it is also looked whether every event is in one. */
export const verifyTrail = (tenants: ReadonlyArray<string> | undefined, settings: WalkSettings): Asked<AuditReport> =>
  Effect.gen(function* () {
    const started_at = yield* Clock.currentTimeMillis
    const [ends, places] = yield* transaction(Effect.all([endsOf(tenants, CHAINS_MAX), positions]), ONE_MOMENT)
    const all = ends.reduce((sum, { seq }) => sum + seq, 0)
    const waiting = places.reduce((sum, { head, next }) => sum + head - next, 0)
    const tally: Tally = new Map()
    const chains: Array<Chain> = []
    let entries = 0
    let invalid = lost(ends, settings.kept ?? [])
    for (const end of ends) {
      if (invalid !== undefined) break
      const kept = (settings.kept ?? []).filter(({ tenant }) => tenant === end.tenant)
      const walk: Walk = { end, kept, first: 0, last: GENESIS }
      const result = yield* walked(walk, tally, settings, entries, all)
      entries += result.entries
      invalid = result.flaw
      chains.push({ tenant: end.tenant, first: walk.first, last: walk.last.seq, hash: walk.last.hash })
    }
    if (tenants === undefined)
      invalid ??= unrecorded(
        places,
        tally,
        chains.every(({ first }) => first === 1)
      )
    const duration_ms = (yield* Clock.currentTimeMillis) - started_at
    const found = invalid === undefined ? {} : { first_invalid: invalid }
    return { valid: invalid === undefined, entries, chains, waiting, started_at, duration_ms, ...found }
  })

/** A chain of which an end was kept elsewhere, and of which nothing is left. */
const lost = (ends: ReadonlyArray<End>, kept: ReadonlyArray<Anchor>): Invalid | undefined => {
  const gone = kept.find(({ tenant }) => ends.every((end) => end.tenant !== tenant))
  return (
    gone && flawed("row_missing", gone.tenant, 1, `on ${gone.day} the chain had ${gone.seq} entries, now it has none`)
  )
}
