/** A statement's text, case by case. */
import { expect, test } from "bun:test"
import { FORMATS, type FormatName } from "./formats.ts"
import type { Entry, Frame } from "./statement.ts"

const frame: Frame = {
  wallet_id: "w",
  currency: "USD",
  from: "2026-11-01T00:00:00.000Z",
  to: "2026-12-01T00:00:00.000Z",
  opening: 5n,
  closing: 3n
}
const entry = (amount: bigint, description: string): Entry => ({
  id: "e",
  version: 2,
  time: "2026-11-02T00:00:00.000Z",
  kind: "payment",
  amount,
  balance: 5n + amount,
  reference: "p",
  description
})
const written = (name: FormatName, pieces: ReadonlyArray<ReadonlyArray<Entry>>) => {
  const format = FORMATS[name]
  let first = true
  const text = pieces.map((entries) => {
    const piece = format.entries(entries, first, frame)
    if (entries.length > 0) first = false
    return piece
  })
  return format.head(frame) + text.join("") + format.end(frame)
}

const PIECES = [
  [],
  [[]],
  [[entry(-1n, "")], [entry(-1n, "")]],
  [[entry(-1n, "")], [], [entry(-1n, "")]],
  [[], [entry(1n, "")]]
]
for (const pieces of PIECES)
  test(`JSON in pieces of ${pieces.map(({ length }) => length).join(", ") || "nothing"} is JSON`, () => {
    const told = JSON.parse(written("json", pieces)) as { readonly entries: ReadonlyArray<unknown> }
    expect(told).toMatchObject({ opening: 5, closing: 3 })
    expect(told.entries.length).toBe(pieces.flat().length)
  })

const CELLS: ReadonlyArray<readonly [string, string]> = [
  ["plain", "plain"],
  ["=1+1", "'=1+1"],
  ["+1", "'+1"],
  ["-1", "'-1"],
  ["@A1", "'@A1"],
  ["\t=1", "'\t=1"],
  ["＝1", "'＝1"],
  ['a "b"', '"a ""b"""'],
  ["a,b", '"a,b"'],
  ["=a,b", `"'=a,b"`],
  ["a\r\nb", '"a\r\nb"']
]
for (const [text, cell] of CELLS)
  test(`CSV cell ${JSON.stringify(text)}`, () => {
    const line = `2026-11-02T00:00:00.000Z,payment,-2,USD,3,p,${cell},2,e\r\n`
    expect(written("csv", [[entry(-2n, text)]])).toContain(line)
  })
