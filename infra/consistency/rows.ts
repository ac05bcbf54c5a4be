/** Rows of a read model against what the events of their streams make of them. Pure. */
import type { Table } from "../../shared/runtime/decider.ts"
import type { Source } from "./desk.ts"
import { asText, difference, drift, type Found, whole } from "./finding.ts"
import { cellsOf, type ExpectedRow, equal, firstWrong } from "./replay.ts"
import type { TextRow } from "./store.ts"

export interface Expected extends ExpectedRow {
  readonly stream: string
}

/** `of`: the rows found are all there are of their streams, so that one too many is seen. */
export const rowFindings = (
  table: Table,
  expected: ReadonlyArray<Expected>,
  found: ReadonlyArray<TextRow>,
  of?: Source
): ReadonlyArray<Found> => {
  const rows = new Map(found.map((row) => [cellsOf(table, row).join("\u0000"), row]))
  const findings: Array<Found> = []
  for (const row of expected) {
    const key = row.cells.join("\u0000")
    const is = rows.get(key)
    rows.delete(key)
    if (is === undefined || !equal(asText(row.row), is)) findings.push(wrongRow(table, row, is))
  }
  if (of !== undefined) for (const row of rows.values()) findings.push(extraRow(of, row, "stream"))
  return findings
}

const wrongRow = (table: Table, expected: Expected, is: TextRow | undefined): Found => {
  const { stream, cells, row, history } = expected
  const change = { _tag: "Write", table: replacing(table), row } as const
  const wanted = asText(row)
  if (is === undefined) {
    const detail = `${table.name} lacks the row`
    const about = { stream, version: history[0]?.version ?? null, expected: whole(wanted), detail }
    return drift("stream", "row_missing", table.name, cells, change, about)
  }
  const [want, has] = difference(wanted, is)
  const detail = `${table.name} does not show what the events say`
  const about = { stream, version: firstWrong(expected, is), expected: want, found: has, detail }
  return drift("stream", "row_differs", table.name, cells, change, about)
}

export const extraRow = ({ table, streamOf }: Source, row: TextRow, pass: "stream" | "row"): Found => {
  const key = cellsOf(table, row)
  const detail = `${table.name} has a row that no event made`
  const about = { stream: streamOf(row), found: whole(row), detail }
  return drift(pass, "row_extra", table.name, key, { _tag: "Remove", table, key }, about)
}

/** A correction writes whatever was there; one object a table, because statements are kept by it. */
const variants = new Map<string, Table>()
const replacing = (table: Table): Table => {
  const known = variants.get(table.name)
  if (known !== undefined) return known
  const made: Table = { ...table, write: "replace" }
  variants.set(table.name, made)
  return made
}
