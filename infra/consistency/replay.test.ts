/** One stream, fold by fold: what is called wrong, at which version, and what is not. */
import { expect, test } from "bun:test"
import { Schema } from "effect"
import { walletDecider } from "../../services/wallet/decider.ts"
import { defaultHoldSettings } from "../../services/wallet/holds.ts"
import { encodeEvent } from "../../shared/contract/codec.ts"
import type { Fact, Message } from "../../shared/contract/envelope.ts"
import type { Currency, Minor } from "../../shared/contract/money.ts"
import { bookOf } from "./book.ts"
import { asText } from "./finding.ts"
import { firstWrong, Replay } from "./replay.ts"
import { rowFindings } from "./rows.ts"
import type { SnapshotRow, StoredEvent } from "./store.ts"

const REMEMBER_MS = 1_000
const decider = walletDecider({
  concurrentPaymentWindowMs: 100,
  rememberMs: REMEMBER_MS,
  holds: defaultHoldSettings
})
const book = bookOf(decider, ["wallet-"])
const id = "01935d6e-0b2c-7d55-8f10-6a0c51f4be02"
const stream = `wallet-${id}`
const USD = "USD" as Currency
const START = Date.parse("2026-11-25T09:30:00.000Z")

const stored = (version: number, { type, data }: Fact, time = START + version): StoredEvent => {
  const event: Message = {
    id: `01935d6e-7c3a-7b1e-9a44-${String(version).padStart(12, "0")}`,
    type,
    data,
    subject: stream,
    time,
    tenant: "default",
    partitionkey: "default/ana",
    correlationid: id,
    causationid: id,
    actor: "service:wallet",
    schema: 1
  }
  return { stream, version, id: event.id, type, cause: id, body: encodeEvent(event) }
}

const created = stored(1, { type: "WalletCreated", data: { wallet_id: id, user_id: "ana", currency: USD } })
const after = (balance: bigint) => ({ balance: balance as Minor, available: balance as Minor })
const credited = (version: number, amount: bigint, balance: bigint) =>
  stored(version, {
    type: "WalletCredited",
    data: {
      wallet_id: id,
      credit_id: `credit-${version}`,
      amount: amount as Minor,
      currency: USD,
      reference: "x",
      ...after(balance)
    }
  })
const deducted = (version: number, amount: bigint, balance: bigint, time?: number) =>
  stored(
    version,
    {
      type: "WalletDeducted",
      data: { wallet_id: id, payment_id: `p${version}`, amount: amount as Minor, currency: USD, ...after(balance) }
    },
    time
  )
const usual = [created, credited(2, 100n, 100n), deducted(3, 30n, 70n)]

interface Beside {
  readonly snapshot?: SnapshotRow
  readonly remembered?: { readonly version: number; readonly state: unknown }
  readonly fromSnapshot?: number
}
const accounts = ({ row }: { readonly row: Readonly<Record<string, unknown>> }) =>
  "available" in row ? new Map([[`wallet:${id}`, row["available"] as bigint]]) : undefined

const replay = (events: ReadonlyArray<StoredEvent>, { snapshot, remembered, fromSnapshot }: Beside = {}) => {
  const of = new Replay(book, 64, stream, { snapshot, remembered, accounts })
  if (fromSnapshot !== undefined) of.startAtSnapshot(fromSnapshot)
  for (const event of events) if (event.version > of.version || of.version === 0) of.take(event)
  const ahead = of.close()
  return { of, ahead, found: of.findings.map(({ kind, version }) => `${kind}@${version}`) }
}

/** The state after these events, as a snapshot or a memory keeps it. */
const stateAfter = (events: ReadonlyArray<StoredEvent>) => replay(events).of.encoded() as Record<string, unknown>
const decode = Schema.decodeUnknownSync(decider.snapshot.codec)
const snapshotOf = (version: number, state: object, schema = decider.snapshot.schema): SnapshotRow => ({
  stream,
  version,
  schema,
  state: JSON.stringify(state)
})
const right = stateAfter(usual)
const rich = { ...right, balance: "71" }

const cases: Readonly<Record<string, readonly [ReadonlyArray<StoredEvent>, Beside, ReadonlyArray<string>]>> = {
  "all is well": [usual, { snapshot: snapshotOf(3, right), remembered: { version: 3, state: decode(right) } }, []],
  "a missing event": [[created, deducted(3, 30n, 70n)], {}, ["version_hole@2"]],
  "a stream that does not begin at 1": [[credited(2, 100n, 100n)], {}, ["version_hole@1"]],
  "an event of an unknown type": [[created, { ...credited(2, 1n, 1n), type: "Burnt" }], {}, ["event_unreadable@2"]],
  "a body that is no JSON": [[created, { ...credited(2, 1n, 1n), body: "{" }], {}, ["event_unreadable@2"]],
  "what follows a hole is not judged": [
    [created, credited(3, 1n, 5n)],
    { snapshot: snapshotOf(3, rich) },
    ["version_hole@2"]
  ],
  "a balance that does not follow; only the first is told": [
    [created, credited(2, 100n, 101n), deducted(3, 30n, 70n)],
    {},
    ["balance_breaks@2"]
  ],
  "a wrong snapshot": [usual, { snapshot: snapshotOf(3, rich) }, ["snapshot_differs@3"]],
  "an older snapshot is compared at its version": [usual, { snapshot: snapshotOf(2, right) }, ["snapshot_differs@2"]],
  "a snapshot of a version that never was": [usual, { snapshot: snapshotOf(9, right) }, ["snapshot_differs@9"]],
  "a snapshot of another schema is none": [usual, { snapshot: snapshotOf(3, rich, 99) }, []],
  "a wrong memory": [usual, { remembered: { version: 3, state: decode(rich) } }, ["memory_differs@3"]],
  "an older memory is compared at its version": [
    usual,
    { remembered: { version: 2, state: decode(right) } },
    ["memory_differs@2"]
  ],
  "from the snapshot on, what was before is not judged": [
    [created, credited(2, 100n, 999n), deducted(3, 30n, 70n)],
    { snapshot: snapshotOf(2, stateAfter(usual.slice(0, 2))), fromSnapshot: 2 },
    []
  ],
  "a snapshot too old to start from is compared instead": [
    usual,
    { snapshot: snapshotOf(2, rich), fromSnapshot: 3 },
    ["snapshot_differs@2"]
  ]
}

for (const [name, [events, beside, finds]] of Object.entries(cases))
  test(name, () => expect(replay(events, beside).found).toEqual([...finds]))

test("a memory that is ahead of the store is looked at again, then told", () => {
  const { of, ahead, found } = replay(usual, { remembered: { version: 4, state: decode(right) } })
  expect([ahead, found]).toEqual([true, []])
  expect(of.memoryIsAhead()).toMatchObject({ kind: "memory_differs", version: 4, repairable: true })
})

test("deductions that one of the two has forgotten are no drift, those that both remember are compared", () => {
  const late = START + 10 * REMEMBER_MS
  const events = [...usual, deducted(4, 10n, 60n, late), deducted(5, 10n, 50n, late + 2 * REMEMBER_MS)]
  const state = stateAfter(events)
  const [last] = (state["deductions"] as Array<Record<string, unknown>>).slice(-1)
  const longer = { payment: "p0", amount: "5", time: START, version: 1, status: "deducted" }
  const forgetful = { ...state, deductions: [last] }
  const mindful = { ...state, deductions: [longer, last] }
  const wrong = { ...state, deductions: [{ ...last, status: "refunded" }] }
  const finds = [forgetful, mindful, wrong].map((state) => replay(events, { snapshot: snapshotOf(5, state) }).found)
  expect(finds).toEqual([[], [], ["snapshot_differs@5"]])
})

test("a row names the first version it does not show", () => {
  const { of } = replay([...usual, credited(4, 5n, 75n)])
  const [row] = of.rows().filter(({ table }) => table.name === "wallet.wallets")
  if (row === undefined) throw new Error("no row")
  const shows = (version: number) => asText(row.history.find((each) => each.version === version)?.row ?? {})
  const named = [shows(1), shows(2), shows(3), { ...shows(3), balance: "1" }, { ...shows(4), balance: "1" }]
  expect(named.map((found) => firstWrong(row, found))).toEqual([2, 3, 4, 3, 4])
  expect(rowFindings(row.table, [{ ...row, stream }], [shows(4)])).toEqual([])
  expect(rowFindings(row.table, [{ ...row, stream }], [])).toMatchObject([{ kind: "row_missing", version: 1 }])
})
