import { expect, test } from "bun:test"
import { anchorBefore, canonical, chained, dayOf, eventHash, GENESIS, PLATFORM, unplaced } from "./entry.ts"

const body = (partitionkey: string) =>
  JSON.stringify({ time: "2026-11-25T09:30:00.123Z", partitionkey, actor: "key:k1", schema: 1, data: {} })
const event = (of: object = {}) => ({
  tp: 65,
  off: 3,
  id: "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01",
  stream: "wallet-w",
  version: 4,
  type: "WalletCredited",
  cause: "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a02",
  n: 0,
  body: body("t/ana"),
  ...of
})
const NOW = Date.parse("2026-11-25T09:30:00.500Z")

test("who, what and when are those of the event", () => {
  expect(unplaced(event())).toEqual({
    tenant: "t",
    actor: "key:k1",
    time: Date.parse("2026-11-25T09:30:00.123Z"),
    tp: 65,
    off: 3,
    event_id: "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01",
    stream: "wallet-w",
    version: 4,
    type: "WalletCredited",
    event_sha256: eventHash(event())
  })
})

const unreadable: ReadonlyArray<readonly [string, string]> = [
  ["no JSON", "{"],
  ["null", "null"],
  ["no partition key", '{"time":"2026-11-25T09:30:00.123Z","actor":"key:k1"}'],
  ["no time", '{"partitionkey":"t/ana","actor":"key:k1","time":"soon"}'],
  ["no actor", '{"partitionkey":"t/ana","actor":"","time":"2026-11-25T09:30:00.123Z"}']
]
test.each(unreadable)("a body that is %s is recorded in the platform's chain", (_, text) => {
  expect(unplaced(event({ body: text }))).toMatchObject({ tenant: PLATFORM, actor: "unknown", time: 0 })
})

test("what belongs to no user's tenant belongs to the platform", () =>
  expect(unplaced(event({ body: body("stripe") }))).toMatchObject({ tenant: PLATFORM, actor: "key:k1" }))

test("canonical JSON: names in their order", () => {
  const entry = chained(GENESIS, unplaced(event()), NOW)
  const { hash: _, ...plain } = entry
  const sorted = Object.fromEntries(Object.entries(plain).sort(([a], [b]) => (a < b ? -1 : 1)))
  expect(canonical(entry)).toBe(JSON.stringify(sorted))
})

test("a chain's times never run backwards", () => {
  const first = chained(GENESIS, unplaced(event()), NOW)
  const second = chained(first, unplaced(event({ version: 5 })), NOW - 10)
  expect([first.seq, second.seq, second.at]).toEqual([1, 2, NOW])
  expect(second.hash).not.toBe(first.hash)
})

test("an anchor stands where a day ended, and only there", () => {
  const head = chained(GENESIS, unplaced(event()), NOW)
  const DAY_MS = 86_400_000
  expect(anchorBefore("t", GENESIS, NOW)).toEqual([])
  expect(anchorBefore("t", head, NOW + 1)).toEqual([])
  expect(anchorBefore("t", head, NOW + DAY_MS)).toEqual([{ tenant: "t", day: dayOf(NOW), seq: 1, hash: head.hash }])
})
