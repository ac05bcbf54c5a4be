/** A report against our ledger: a table of cases, and what holds for any drift. */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { type Booked, type Reported, reconcile } from "./match.ts"

const P = "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01"
const theirs = (over: Partial<Reported> = {}): Reported => ({
  line: 2,
  kind: "charge",
  references: ["ch_1", "pi_1"],
  payment_id: P,
  amount: 1_000n,
  currency: "USD",
  at: 0,
  ...over
})
const ours = (over: Partial<Booked> = {}): Booked => ({
  kind: "charge",
  reference: "pi_1",
  payment_id: P,
  amount: 1_000n,
  currency: "USD",
  at: 0,
  due: true,
  ...over
})
const refund = (reference: string, amount: bigint) => theirs({ kind: "refund", references: [reference], amount })
const given = (reference: string | null, amount: bigint) => ours({ kind: "refund", reference, amount })

const cases: ReadonlyArray<
  readonly [string, ReadonlyArray<Reported>, ReadonlyArray<Booked>, number, ReadonlyArray<string>]
> = [
  ["the same on both sides", [theirs()], [ours()], 1, []],
  ["found by its payment, though its reference is another", [theirs()], [ours({ reference: "x" })], 1, []],
  ["a charge that nobody knows", [theirs()], [], 0, ["missing_here"]],
  ["a charge that names no payment", [theirs({ payment_id: null })], [], 0, ["missing_here"]],
  ["a row that is not there", [], [ours()], 0, ["missing_there"]],
  ["not there, but not due either", [], [ours({ due: false })], 0, []],
  ["another amount", [theirs({ amount: 900n })], [ours()], 0, ["amount_differs"]],
  ["another currency", [theirs({ currency: "EUR" })], [ours()], 0, ["currency_differs"]],
  ["the same row twice", [theirs(), theirs({ line: 3 })], [ours()], 1, ["duplicate"]],
  [
    "charged twice: two charges of one payment",
    [theirs(), theirs({ line: 3, references: ["ch_2", "pi_2"] })],
    [ours()],
    1,
    ["duplicate"]
  ],
  [
    "a refund of the charge's amount is not the charge",
    [theirs()],
    [ours({ kind: "refund" })],
    0,
    ["missing_here", "missing_there"]
  ],
  [
    "two refunds of one payment, in any order",
    [refund("re_2", 600n), refund("re_1", 400n)],
    [given("re_1", 400n), given("re_2", 600n)],
    2,
    []
  ],
  ["a refund made at the provider's desk", [refund("re_1", 1n)], [], 0, ["missing_here"]],
  ["a refund whose reference we never learnt", [refund("re_9", 5n)], [given(null, 5n)], 1, []]
]
test.each(cases)("%s", (_, reported, booked, matched, findings) => {
  const { matched: pairs, exceptions } = reconcile(reported, booked)
  expect(pairs).toHaveLength(matched)
  expect(exceptions.map(({ finding }) => finding as string).sort()).toEqual([...findings].sort())
})

const payment = fc.record({
  charge: fc.bigInt({ min: 1n, max: 9n }),
  refunds: fc.array(fc.bigInt({ min: 1n, max: 9n }), { maxLength: 3 }),
  drift: fc.constantFrom("none", "unknown", "absent", "amount", "currency", "twice")
})

/** Our books of those payments, and a report of them that has drifted; refunds stay as they are. */
const worldOf = (payments: ReadonlyArray<typeof payment extends fc.Arbitrary<infer A> ? A : never>) => {
  const booked: Array<Booked> = []
  const reported: Array<Reported> = []
  for (const [i, { charge, refunds, drift }] of payments.entries()) {
    const payment_id = `p${i}`
    if (drift !== "unknown") booked.push(ours({ payment_id, amount: charge, reference: `pi_${i}` }))
    const amount = drift === "amount" ? charge + 1n : charge
    const currency = drift === "currency" ? "EUR" : "USD"
    const row = theirs({ payment_id, amount, currency, references: [`ch_${i}`, `pi_${i}`] })
    if (drift !== "absent") reported.push(row)
    if (drift === "twice") reported.push({ ...row, line: 9 })
    for (const [n, amount] of refunds.entries()) {
      const reference = `re_${i}_${n}`
      booked.push(ours({ kind: "refund", payment_id, amount, reference }))
      reported.push(theirs({ kind: "refund", payment_id, amount, references: [reference] }))
    }
  }
  return { booked, reported }
}

const FOUND = {
  unknown: "missing_here",
  absent: "missing_there",
  amount: "amount_differs",
  currency: "currency_differs",
  twice: "duplicate"
} as const

test("any drift is found as what it is, nothing else is, and every row and movement is in one place", () => {
  const shuffled = fc.array(payment, { maxLength: 12 }).chain((payments) =>
    fc.tuple(
      fc.constant(payments),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })).map((s) => s)
    )
  )
  fc.assert(
    fc.property(shuffled, ([payments, order]) => {
      const { booked, reported } = worldOf(payments)
      const mixed = reported
        .map((row) => ({ row, place: order.next().value as number }))
        .sort((a, b) => a.place - b.place)
        .map(({ row }) => row)
      const { matched, exceptions } = reconcile(mixed, booked)
      const expected = payments.flatMap(({ drift }) => (drift === "none" ? [] : [FOUND[drift]]))
      expect(exceptions.map(({ finding }) => finding as string).sort()).toEqual([...expected].sort())
      const rows = [...matched, ...exceptions].flatMap(({ reported }) => reported ?? [])
      expect(new Set(rows).size).toBe(rows.length)
      expect(rows.length).toBe(reported.length)
      const movements = [...matched, ...exceptions].flatMap(({ booked }) => booked ?? [])
      expect(new Set(movements).size).toBe(movements.length)
      expect(movements.length).toBe(booked.length)
    })
  )
})
