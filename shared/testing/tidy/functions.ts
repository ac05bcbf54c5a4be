// Where functions begin and end, from tokens. Declarations, methods, accessors and arrows are found by their parameter
// list; a body is a pair of braces or, for an arrow, one expression.
import { codeOf, endsExpression, type Token } from "./tokens.ts"

export type Span = { readonly line: number; readonly endLine: number }
type Tokens = ReadonlyArray<Token>

/** For each bracket the index of its partner. The parts of a template are brackets too: "`a${" opens, "}`" closes. */
const pairsOf = (tokens: Tokens): ReadonlyMap<number, number> => {
  const pairs = new Map<number, number>()
  const open: Array<number> = []
  tokens.forEach(({ kind, text }, i) => {
    const template = kind === "template"
    if (template ? text.startsWith("}") : kind === "mark" && /^[)\]}]$/.test(text)) {
      const partner = open.pop()
      if (partner !== undefined) pairs.set(partner, i).set(i, partner)
    }
    if (template ? text.endsWith("${") : kind === "mark" && /^[([{]$/.test(text)) open.push(i)
  })
  return pairs
}

const isOpening = ({ kind, text }: Token) => (kind === "template" ? text.endsWith("${") : /^[([{]$/.test(text))
const control = new Set(["if", "for", "while", "switch", "catch", "with", "await"])

/** The index after a type annotation that starts at `i` (just after the colon), or undefined if it is none. */
const skipType = (tokens: Tokens, pairs: ReadonlyMap<number, number>, start: number): number | undefined => {
  let angles = 0
  for (let i = start; i < tokens.length; i++) {
    const token = tokens[i]!
    const begins = i === start || /^([|&<,?:]|=>)$/.test(tokens[i - 1]!.text) || tokens[i - 1]!.text === "is"
    if (token.text === "<") angles++
    else if (token.text === ">") angles--
    else if (angles === 0 && (token.text === "=>" || (token.text === "{" && !begins))) return i
    else if (isOpening(token)) i = pairs.get(i) ?? tokens.length
    else if (angles === 0 && (/^[;=,)\]}]$/.test(token.text) || control.has(token.text))) return undefined
  }
  return undefined
}

const continuesLine = new Set(["instanceof", "in", "as", "satisfies"])

/** The last token of the expression at `start`. Without semicolons, a line that can begin a statement ends it. */
const endOfExpression = (tokens: Tokens, pairs: ReadonlyMap<number, number>, start: number): number => {
  for (let i = start; i < tokens.length; i++) {
    const token = tokens[i]!
    if (token.kind === "template" ? token.text.startsWith("}") : /^[,;)\]}]$/.test(token.text)) return i - 1
    const starts = (token.kind === "word" && !continuesLine.has(token.text)) || token.text === "@"
    if (i > start && token.first && starts && endsExpression(tokens[i - 1])) return i - 1
    if (isOpening(token)) i = pairs.get(i) ?? tokens.length
  }
  return tokens.length - 1
}

/** A `describe` block is a table of contents, not something that is read as one function. */
const isDescribe = (tokens: Tokens, parameters: number): boolean =>
  tokens[parameters - 1]?.text === "," &&
  tokens.slice(Math.max(0, parameters - 6), parameters).some((t) => t.text === "describe")

export const functionsOf = (source: string): ReadonlyArray<Span> => {
  const tokens = codeOf(source)
  const pairs = pairsOf(tokens)
  const spans: Array<Span> = []
  tokens.forEach((token, i) => {
    const close = token.text === "(" && token.kind === "mark" ? pairs.get(i) : undefined
    if (close === undefined || isDescribe(tokens, i)) return
    const after = tokens[close + 1]?.text === ":" ? skipType(tokens, pairs, close + 2) : close + 1
    if (after === undefined) return
    const arrow = tokens[after]?.text === "=>"
    const body = arrow ? after + 1 : after
    const braced = tokens[body]?.text === "{"
    if (!arrow && (!braced || control.has(tokens[i - 1]?.text ?? ""))) return
    const end = braced ? pairs.get(body) : endOfExpression(tokens, pairs, body)
    if (end !== undefined) spans.push({ line: token.line, endLine: tokens[end]?.endLine ?? token.line })
  })
  return spans
}
