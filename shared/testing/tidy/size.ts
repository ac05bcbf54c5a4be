// How long files, functions and lines may be. What does not fit is usually two things.
import { functionsOf } from "./functions.ts"
import type { Rule } from "./rule.ts"

export const FILE_LINES_MAX = 300
export const FUNCTION_LINES_MAX = 70
export const LINE_COLUMNS_MAX = 120
export const MAIN_LINES_MAX = 40

const linesOf = (text: string) => text.replace(/\n$/, "").split("\n")

export const fileLines: Rule = (_path, text) => {
  const lines = linesOf(text).length
  return lines > FILE_LINES_MAX ? [{ line: lines, message: `${lines} lines, at most ${FILE_LINES_MAX}` }] : []
}

export const functionLines: Rule = (_path, text) =>
  functionsOf(text)
    .map(({ line, endLine }) => ({ line, lines: endLine - line + 1 }))
    .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
    .map(({ line, lines }) => ({ line, message: `a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}` }))

export const lineColumns: Rule = (_path, text) =>
  linesOf(text).flatMap((content, i) => {
    const columns = [...content].length
    return columns > LINE_COLUMNS_MAX
      ? [{ line: i + 1, message: `${columns} columns, at most ${LINE_COLUMNS_MAX}` }]
      : []
  })

/** A service's main file only wires: configuration, layers, run. */
export const mainLines: Rule = (path, text) => {
  const lines = linesOf(text).length
  return /^services\/[^/]+\/main\.ts$/.test(path) && lines > MAIN_LINES_MAX
    ? [{ line: lines, message: `${lines} lines, at most ${MAIN_LINES_MAX}: wiring only` }]
    : []
}
