/**
 * JSON as this API reads and writes it. Amounts are `bigint` inside and JSON integers outside, so both directions are
 * exact: no amount ever passes through a fraction.
 */

/** Deeper than any request needs; a parser's recursion never meets what a stranger nested. */
const DEPTH_MAX = 8

export type Parsed = { readonly value: unknown; readonly refused?: undefined } | { readonly refused: string }

const utf8 = new TextDecoder("utf-8", { fatal: true })

export const parse = (bytes: Uint8Array): Parsed => {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return { refused: "the body is not UTF-8" }
  }
  const shape = scan(text)
  if (shape.depth > DEPTH_MAX) return { refused: `the body nests more than ${DEPTH_MAX} deep` }
  try {
    const value: unknown = shape.fractions ? JSON.parse(text, integersOnly) : JSON.parse(text)
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return { refused: "the body is not a JSON object" }
    }
    return { value }
  } catch {
    return { refused: "the body is not JSON" }
  }
}

/**
 * `1e3` and `1.0` are integers to JSON.parse and mistakes in an amount (CASES P60), so a number that is not written in
 * digits alone becomes NaN, which no field accepts. Only bodies that hold such a number pay for the reviver.
 */
const integersOnly = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" && !/^-?\d+$/.test(context?.source ?? "") ? Number.NaN : value

const QUOTE = 34
const BACKSLASH = 92
const OPEN = new Set([91, 123])
const CLOSE = new Set([93, 125])
const FRACTION = new Set([46, 69, 101]) // . E e
const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** One pass outside of strings: how deep it nests, and whether a number has a fraction or an exponent. */
const scan = (text: string): { readonly depth: number; readonly fractions: boolean } => {
  let depth = 0
  let deepest = 0
  let fractions = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i++
      while (i < text.length && text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1
    } else if (OPEN.has(code)) {
      depth++
      if (depth > deepest) deepest = depth
    } else if (CLOSE.has(code)) depth--
    else if (FRACTION.has(code) && isDigit(text.charCodeAt(i - 1))) fractions = true
  }
  return { depth: deepest, fractions }
}

/** Members that are undefined are left out; a bigint is written as an integer. */
export const write = (value: unknown): string => writeWith(value, Object.keys)

/** The same value gives the same text, whatever order its members came in: what a fingerprint is made of. */
export const canonical = (value: unknown): string => writeWith(value, (object) => Object.keys(object).sort())

const writeWith = (value: unknown, keys: (object: object) => ReadonlyArray<string>): string => {
  if (typeof value === "bigint") return value.toString()
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  if (Array.isArray(value)) return `[${value.map((item) => writeWith(item, keys)).join(",")}]`
  let text = ""
  for (const key of keys(value)) {
    const member = (value as Readonly<Record<string, unknown>>)[key]
    if (member === undefined) continue
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${writeWith(member, keys)}`
  }
  return `{${text}}`
}
