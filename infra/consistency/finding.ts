/** What a check finds, with what is needed to look again and to mend it. */
import type { Inconsistency, Kind } from "../../shared/runtime/consistency.ts"
import type { Row, Table } from "../../shared/runtime/decider.ts"

/** Which check finds it again. */
export type Pass = "stream" | "row" | "posting" | "sums" | "provider"

/** A change to what is derived. */
export type Change =
  | { readonly _tag: "Write"; readonly table: Table; readonly row: Row }
  | { readonly _tag: "Remove"; readonly table: Table; readonly key: ReadonlyArray<string> }
  /** Of the stream as it is now. */
  | { readonly _tag: "Snapshot" }
  | { readonly _tag: "Evict" }

export interface Found extends Inconsistency {
  readonly pass: Pass
  readonly change: Change | undefined
  /** Values of the row's key, in its order. */
  readonly cells: ReadonlyArray<string>
}

interface About {
  readonly stream: string
  readonly detail: string
  readonly version?: number | null
  readonly expected?: string | null
  readonly found?: string | null
}

/** Damage: nothing that a replay can mend. */
export const damage = (pass: Pass, kind: Kind, about: About): Found => ({
  pass,
  kind,
  version: null,
  table: null,
  key: null,
  cells: [],
  expected: null,
  found: null,
  ...about,
  repairable: false,
  change: undefined
})

export const drift = (
  pass: Pass,
  kind: Kind,
  table: string,
  cells: ReadonlyArray<string>,
  change: Change,
  about: About
): Found => ({
  pass,
  kind,
  table,
  key: cells.join(" "),
  cells,
  version: null,
  expected: null,
  found: null,
  ...about,
  repairable: true,
  change
})

/** The same thing found again has the same identity, whatever its words. */
export const identityOf = ({ kind, stream, table, key }: Inconsistency): string =>
  [kind, stream, table ?? "", key ?? ""].join("\u0000")

/** Nobody reads more than that of a value. */
const SHOWN_MAX = 2_000
const shorten = (text: string): string => (text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text)

/** Of two records only what differs, as JSON of column → value; absent members are null. */
export const difference = (
  expected: Readonly<Record<string, string | null>>,
  found: Readonly<Record<string, string | null>>
): readonly [expected: string, found: string] => {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])].filter(
    (name) => !same(expected[name] ?? null, found[name] ?? null)
  )
  const of = (record: Readonly<Record<string, string | null>>) =>
    shorten(JSON.stringify(Object.fromEntries(names.map((name) => [name, record[name] ?? null]))))
  return [of(expected), of(found)]
}

export const whole = (record: Readonly<Record<string, string | null>>): string => shorten(JSON.stringify(record))

/** Cells as text; two JSON texts are the same whatever the order of their members. */
export const same = (a: string | null, b: string | null): boolean =>
  a === b || (a !== null && b !== null && a[0] === "{" && b[0] === "{" && canonicalJson(a) === canonicalJson(b))

const canonicalJson = (text: string): string => {
  try {
    return canonical(JSON.parse(text))
  } catch {
    return text
  }
}

/** One text for one value: members in order, none that is undefined, bigints as their digits. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === "bigint") return String(member)
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
  }) ?? "null"

/** A row of ours as the store shows it: every cell as text. */
export const asText = (row: Row): Readonly<Record<string, string | null>> =>
  Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, cell === null ? null : String(cell)]))
