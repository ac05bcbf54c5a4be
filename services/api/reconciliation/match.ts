/**
 * A provider's report against our ledger, movement by movement, by our reference. Every reported row and every booked
 * movement that is due ends in exactly one place. Pure.
 */

export type Kind = "charge" | "refund"

export interface Movement {
  readonly kind: Kind
  /** Ours, which the provider kept for us; null: it names none. */
  readonly payment_id: string | null
  /** Minor units by ISO 4217, never negative: the kind says which way. */
  readonly amount: bigint
  readonly currency: string
  /** ms. */
  readonly at: number
}

export interface Reported extends Movement {
  /** Of the report: its line, or the place of its object. */
  readonly line: number
  /** The provider's own, the movement's first. */
  readonly references: readonly [string, ...ReadonlyArray<string>]
}

export interface Booked extends Movement {
  readonly payment_id: string
  readonly reference: string | null
  /** The report should have it; others are here because the report names their payment. */
  readonly due: boolean
}

export const FINDINGS = ["missing_here", "missing_there", "amount_differs", "currency_differs", "duplicate"] as const
export type Finding = (typeof FINDINGS)[number]

export interface Exception {
  readonly finding: Finding
  readonly reported: Reported | null
  readonly booked: Booked | null
}

export interface Matched {
  readonly reported: Reported
  readonly booked: Booked
}

export interface Reconciled {
  readonly matched: ReadonlyArray<Matched>
  readonly exceptions: ReadonlyArray<Exception>
}

const groupOf = ({ kind, payment_id }: Movement): string => `${kind} ${payment_id ?? ""}`

const grouped = <A extends Movement>(movements: Iterable<A>): Map<string, Array<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const movement of movements) {
    const group = groups.get(groupOf(movement))
    if (group === undefined) groups.set(groupOf(movement), [movement])
    else group.push(movement)
  }
  return groups
}

export const reconcile = (reported: ReadonlyArray<Reported>, booked: ReadonlyArray<Booked>): Reconciled => {
  const matched: Array<Matched> = []
  const exceptions: Array<Exception> = []
  const once = new Map<string, Reported>()
  for (const row of reported) {
    const key = `${row.kind} ${row.references[0]}`
    if (once.has(key)) exceptions.push({ finding: "duplicate", reported: row, booked: null })
    else once.set(key, row)
  }
  const ours = grouped(booked)
  for (const [name, theirs] of grouped(once.values())) {
    const pairing = paired(theirs, ours.get(name) ?? [])
    for (const [row, movement] of pairing.pairs) {
      const finding = difference(row, movement)
      if (finding === undefined) matched.push({ reported: row, booked: movement })
      else exceptions.push({ finding, reported: row, booked: movement })
    }
    // A payment is charged once: a charge beside the one we know is a second one.
    for (const row of pairing.theirs) {
      const second = row.kind === "charge" && pairing.pairs.length > 0
      exceptions.push({ finding: second ? "duplicate" : "missing_here", reported: row, booked: null })
    }
    ours.set(name, pairing.ours)
  }
  for (const movement of [...ours.values()].flat())
    if (movement.due) exceptions.push({ finding: "missing_there", reported: null, booked: movement })
  return { matched, exceptions }
}

const difference = (row: Reported, movement: Booked): Finding | undefined => {
  if (row.currency !== movement.currency) return "currency_differs"
  return row.amount === movement.amount ? undefined : "amount_differs"
}

type Fits = (row: Reported, movement: Booked) => boolean

/** The surest first: the provider's reference, then equal money, then what is left of the same payment. */
const FITS: ReadonlyArray<Fits> = [
  ({ references }, { reference }) => reference !== null && references.includes(reference),
  (row, movement) => difference(row, movement) === undefined,
  (row) => row.payment_id !== null
]

/** Within one payment and kind. A row without our reference is in a group of nobody's, and pairs with nothing. */
const paired = (rows: ReadonlyArray<Reported>, movements: ReadonlyArray<Booked>) => {
  const pairs: Array<readonly [Reported, Booked]> = []
  let theirs = rows.toSorted((a, b) => (a.references[0] < b.references[0] ? -1 : 1))
  const ours = [...movements]
  for (const fits of FITS)
    theirs = theirs.filter((row) => {
      const at = ours.findIndex((movement) => fits(row, movement))
      const [found] = at < 0 ? [] : ours.splice(at, 1)
      if (found !== undefined) pairs.push([row, found])
      return found === undefined
    })
  return { pairs, theirs, ours }
}
