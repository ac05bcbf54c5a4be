/** CSV as RFC 4180 has it, and as it comes: quotes, CRLF or LF, a byte order mark. Pure. */

export interface CsvRow {
  /** The line it begins on, from 1. */
  readonly line: number
  readonly cells: ReadonlyArray<string>
}

/** Empty lines are left out. A quote that is never closed is an error, told as its line. */
export const csvRows = (text: string): ReadonlyArray<CsvRow> | { readonly unclosed: number } => {
  const rows: Array<CsvRow> = []
  let cells: Array<string> = []
  let begins = 1
  let line = 1
  const end = () => {
    if (cells.length > 1 || cells[0] !== "") rows.push({ line: begins, cells })
    cells = []
  }
  // A cell, and what stands behind it: a comma, the end of the line, or of the text.
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y
  let at = text.startsWith("\ufeff") ? 1 : 0
  while (at <= text.length) {
    cell.lastIndex = at
    const found = cell.exec(text)
    if (found === null) return { unclosed: line }
    const [whole, quoted, bare = "", separator] = found
    cells.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'))
    line += quoted === undefined ? 0 : quoted.split("\n").length - 1
    at += whole.length
    if (separator === ",") continue
    end()
    line++
    begins = line
    if (separator === "") break
  }
  return rows
}
