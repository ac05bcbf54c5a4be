/**
 * One entry of a tenant's audit trail, and what chains it: both the writer and the verifier compute hashes here, and
 * nowhere else. Pure; README.md of the service says it in words.
 */
import { hash } from "node:crypto"
import { tenantOf } from "../../../shared/contract/codec.ts"

/** A row of `journal.events` as it is stored. */
export interface StoredEvent {
  readonly tp: number
  readonly off: number
  readonly id: string
  readonly stream: string
  readonly version: number
  readonly type: string
  readonly cause: string
  readonly n: number
  readonly body: string
}

/** Who, what, when, and which event says what changed. */
export interface Entry {
  readonly tenant: string
  readonly seq: number
  /** ms; when it was recorded. Never runs backwards within one chain. */
  readonly at: number
  /** ms; when it happened. */
  readonly time: number
  readonly tp: number
  readonly off: number
  readonly event_id: string
  readonly stream: string
  readonly version: number
  readonly type: string
  readonly actor: string
  /** Hex. */
  readonly event_sha256: string
}

/** An entry with its hash (hex). */
export interface Chained extends Entry {
  readonly hash: string
}

/** Where a chain ends. */
export interface Head {
  readonly seq: number
  readonly hash: string
  /** ms. */
  readonly at: number
}

/** Before the first entry. */
export const GENESIS: Head = { seq: 0, hash: "0".repeat(64), at: 0 }

/** The chain of what belongs to no tenant, such as a provider's breaker. */
export const PLATFORM = "the platform"

const sha256 = (text: string): string => hash("sha256", text, "hex")

/** Of the row, not only of its body: who moves an event to another stream or type has changed it as well. */
export const eventHash = ({ id, stream, version, type, cause, n, body }: Omit<StoredEvent, "tp" | "off">): string =>
  sha256(`${id}\n${stream}\n${version}\n${type}\n${cause}\n${n}\n${body}`)

/** Canonical JSON (RFC 8785): names in their order, no blanks; numbers are integers. */
export const canonical = (entry: Entry): string =>
  JSON.stringify({
    actor: entry.actor,
    at: entry.at,
    event_id: entry.event_id,
    event_sha256: entry.event_sha256,
    off: entry.off,
    seq: entry.seq,
    stream: entry.stream,
    tenant: entry.tenant,
    time: entry.time,
    tp: entry.tp,
    type: entry.type,
    version: entry.version
  })

/** `previous` is the hash (hex) of the entry before it. */
export const entryHash = (previous: string, entry: Entry): string => sha256(`${previous}\n${canonical(entry)}`)

interface Said {
  readonly tenant: string
  readonly actor: string
  readonly time: number
}

/** A body nobody can read is recorded all the same: the trail of all the others must not stop at it. */
const UNREADABLE: Said = { tenant: PLATFORM, actor: "unknown", time: 0 }

const saidIn = (body: string): Said => {
  try {
    const { partitionkey, actor, time } = JSON.parse(body) as { readonly [name: string]: unknown }
    const at = Date.parse(String(time))
    if (typeof partitionkey !== "string" || typeof actor !== "string" || actor === "" || Number.isNaN(at))
      return UNREADABLE
    return { tenant: tenantOf(partitionkey) || PLATFORM, actor, time: at }
  } catch {
    return UNREADABLE
  }
}

/** An event on its way into a chain: all of its entry but its place there. */
export type Unplaced = Omit<Entry, "seq" | "at">

export const unplaced = (event: StoredEvent): Unplaced => {
  const { tp, off, id: event_id, stream, version, type } = event
  return { ...saidIn(event.body), tp, off, event_id, stream, version, type, event_sha256: eventHash(event) }
}

/** The next entry of a chain, recorded at `now` (ms). */
export const chained = (head: Head, event: Unplaced, now: number): Chained => {
  const entry = { ...event, seq: head.seq + 1, at: Math.max(head.at, now) }
  return { ...entry, hash: entryHash(head.hash, entry) }
}

/** The UTC day of a moment (ms), as `YYYY-MM-DD`. */
export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** Where a chain ended on a day. */
export interface Anchor {
  readonly tenant: string
  readonly day: string
  readonly seq: number
  readonly hash: string
}

/** What stood at the end of an earlier day, when the chain goes on at `at` (ms). */
export const anchorBefore = (tenant: string, head: Head, at: number): ReadonlyArray<Anchor> =>
  head.seq > 0 && dayOf(head.at) < dayOf(at) ? [{ tenant, day: dayOf(head.at), seq: head.seq, hash: head.hash }] : []
