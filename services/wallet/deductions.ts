/**
 * What a wallet remembers of its payments: enough to undo one, and to see which others were under way at the same time.
 * Two generations keep it bounded whatever the traffic: when the young one is full or old enough, it becomes the old
 * one and the old one is forgotten. What is forgotten is still guarded by the unique cause and the posting key of the
 * store.
 */
import { HashMap, Option } from "effect"
import { type Minor, ZERO } from "../../shared/contract/money.ts"

export type Remembered = {
  readonly amount: Minor
  /** ms; when the deduction was made (or voided). */
  readonly time: number
  readonly version: number
  /** `deducted` the money is in clearing · `refunded` it came back · `voided` it never left and never will. */
  readonly status: "deducted" | "refunded" | "voided"
}

interface Link {
  readonly payment: string
  readonly time: number
  readonly earlier: Link | undefined
}

interface Generation {
  /** ms; time of its first entry. */
  readonly since: number
  readonly payments: HashMap.HashMap<string, Remembered>
  /** Deductions, latest first. */
  readonly latest: Link | undefined
}

export interface Deductions {
  readonly young: Generation
  readonly old: Generation
}

/** Payments a generation holds at most: 2 x 25,000 is ten seconds of the hottest wallet measured. */
const GENERATION_MAX = 25_000

const nothing: Generation = { since: 0, payments: HashMap.empty(), latest: undefined }
export const none: Deductions = { young: nothing, old: nothing }

export const find = ({ young, old }: Deductions, payment: string): Remembered | undefined =>
  Option.getOrUndefined(HashMap.get(young.payments, payment)) ??
  Option.getOrUndefined(HashMap.get(old.payments, payment))

/** `windowMs`: how long at least a payment is remembered, unless GENERATION_MAX newer ones came. */
export const remember = (deductions: Deductions, payment: string, entry: Remembered, windowMs: number): Deductions => {
  const { young, old } = deductions
  const full = HashMap.size(young.payments) >= GENERATION_MAX || young.since + windowMs <= entry.time
  const base = full ? nothing : young
  const fresh = HashMap.isEmpty(base.payments)
  return {
    old: full ? young : old,
    young: {
      since: fresh ? entry.time : base.since,
      payments: HashMap.set(base.payments, payment, entry),
      latest: entry.status === "deducted" ? { payment, time: entry.time, earlier: base.latest } : base.latest
    }
  }
}

/**
 * What other payments took at or after `since` (ms) and have not given back, at most until `enough`; and the latest
 * of them.
 */
export const takenSince = (
  deductions: Deductions,
  since: number,
  enough: Minor
): { readonly total: bigint; readonly latest: string | undefined } => {
  let total: bigint = ZERO
  let latest: string | undefined
  for (const generation of [deductions.young, deductions.old]) {
    for (let link = generation.latest; link !== undefined; link = link.earlier) {
      if (link.time < since || total >= enough) return { total, latest }
      const entry = find(deductions, link.payment)
      if (entry?.status !== "deducted") continue
      total += entry.amount
      latest ??= link.payment
    }
  }
  return { total, latest }
}

export const size = ({ young, old }: Deductions): number => HashMap.size(young.payments) + HashMap.size(old.payments)

/** For snapshots: oldest first. */
export const toEntries = ({ young, old }: Deductions): ReadonlyArray<Remembered & { readonly payment: string }> => {
  const entries = new Map<string, Remembered>()
  for (const { payments } of [old, young]) for (const [payment, entry] of payments) entries.set(payment, entry)
  return [...entries].map(([payment, entry]) => ({ payment, ...entry })).sort((a, b) => a.version - b.version)
}

export const fromEntries = (
  entries: ReadonlyArray<Remembered & { readonly payment: string }>,
  windowMs: number
): Deductions => entries.reduce((all, { payment, ...entry }) => remember(all, payment, entry, windowMs), none)
