/** A statement as text, in pieces: its head, entries as they are read, its end. */
import { write } from "../json.ts"
import type { Entry, Frame } from "./statement.ts"

export interface Format {
  readonly headers: (frame: Frame) => Readonly<Record<string, string>>
  readonly head: (frame: Frame) => string
  /** `first`: nothing was written between the head and these. */
  readonly entries: (entries: ReadonlyArray<Entry>, first: boolean, frame: Frame) => string
  readonly end: (frame: Frame) => string
}

const asJson: Format = {
  headers: () => ({ "content-type": "application/json" }),
  head: ({ closing: _, ...frame }) => `${write(frame).slice(0, -1)},"entries":[`,
  entries: (entries, first) => (first || entries.length === 0 ? "" : ",") + entries.map(write).join(","),
  end: ({ closing }) => `],"closing":${closing}}`
}

const COLUMNS = ["time", "kind", "amount", "currency", "balance", "reference", "description", "version", "id"]

/** RFC 4180: lines end with CR LF; a cell with a comma, a quote or a line break is quoted, quotes are doubled. */
const line = (cells: ReadonlyArray<string | bigint | number>): string => `${cells.map(cell).join(",")}\r\n`

/**
 * A spreadsheet takes text that begins with one of these for a formula and runs it: an apostrophe before it makes it
 * text (OWASP, "CSV Injection"). Numbers are ours, and stay numbers.
 */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/u
const cell = (value: string | bigint | number): string => {
  if (typeof value !== "string") return String(value)
  const safe = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The balances stand in lines of their own, the first and the last, without an amount. */
const balanceLine = (at: string, kind: string, balance: bigint, { currency }: Frame): string =>
  line([at, kind, "", currency, balance, "", "", "", ""])

const asCsv: Format = {
  headers: ({ wallet_id, from, to }) => ({
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": `attachment; filename="statement-${wallet_id}-${day(from)}-${day(to)}.csv"`
  }),
  head: (frame) => line(COLUMNS) + balanceLine(frame.from, "opening", frame.opening, frame),
  entries: (entries, _, { currency }) =>
    entries
      .map(({ time, kind, amount, balance, reference, description, version, id }) =>
        line([time, kind, amount, currency, balance, reference, description, version, id])
      )
      .join(""),
  end: (frame) => balanceLine(frame.to, "closing", frame.closing, frame)
}

const day = (time: string): string => time.slice(0, time.indexOf("T"))

export const FORMATS = { json: asJson, csv: asCsv } as const
export type FormatName = keyof typeof FORMATS
