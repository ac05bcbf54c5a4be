/** A payment that has ended has its money where it says: with the merchant and charged once, or back in the wallet. */

import { Effect } from "effect"
import { damage, type Found } from "./finding.ts"
import type { ExpectedRow } from "./replay.ts"
import { type Asked, movedFor } from "./store.ts"

interface Moved {
  readonly n: number
  readonly total: bigint
  readonly currencies: string
}

const NOTHING: Moved = { n: 0, total: 0n, currencies: "" }
const PAID = new Set(["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"])
const UNDONE = new Set(["FAILED", "CANCELLED"])

/** By the ledger: `rows` are payments as their events tell them. */
export const moneyOf = (rows: ReadonlyArray<ExpectedRow>): Asked<ReadonlyArray<Found>> =>
  Effect.gen(function* () {
    const ended = rows.filter(({ row }) => PAID.has(String(row["status"])) || UNDONE.has(String(row["status"])))
    if (ended.length === 0) return []
    const moved = new Map<string, Map<string, Moved>>()
    for (const { payment_id, kind, n, total, currencies } of yield* movedFor(
      ended.map(({ cells }) => cells[0] ?? "")
    )) {
      const kinds = moved.get(payment_id) ?? new Map<string, Moved>()
      moved.set(payment_id, kinds.set(kind, { n, total: BigInt(total), currencies }))
    }
    return ended.flatMap((row) => judge(row, moved.get(row.cells[0] ?? "") ?? new Map()))
  })

const judge = ({ row, history, cells }: ExpectedRow, kinds: ReadonlyMap<string, Moved>): ReadonlyArray<Found> => {
  const of = (kind: string) => kinds.get(kind) ?? NOTHING
  const deducted = of("deduct")
  const back = of("compensation")
  // A charge that came late is on the book until it is given back: until then it is under way, not kept.
  const kept = of("charge").total - of("charge_reversal").total - of("reversing").total
  const charges = of("charge").n - of("charge_reversal").n - of("reversing").n
  const paid = PAID.has(String(row["status"]))
  const amount = paid ? BigInt(String(row["amount"])) : 0n
  const wrong = [
    ...(deducted.total - back.total === amount && (!paid || deducted.n === 1)
      ? []
      : [`the wallet gave ${deducted.total} in ${deducted.n} and got back ${back.total}`]),
    ...(kept === amount && charges === (paid ? 1 : 0) ? [] : [`${charges} charges of ${kept} are kept`]),
    ...[deducted, of("charge")]
      .filter(({ n, currencies }) => n > 0 && currencies !== row["currency"])
      .map(({ currencies }) => `it moved ${currencies}`)
  ]
  if (wrong.length === 0) return []
  const detail = `it is ${row["status"]} over ${row["amount"]} ${row["currency"]}, but ${wrong.join("; ")}`
  const where = "; compare its timeline with its postings and with the provider"
  return [
    damage("stream", "money_incomplete", {
      stream: `payment-${cells[0]}`,
      version: history.at(-1)?.version ?? null,
      expected: String(amount),
      found: String(kept),
      detail: detail + where
    })
  ]
}
