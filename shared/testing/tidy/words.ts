// Words and calls that are banned, and where.
import { isTest, isUnder, type Rule, type Violation } from "./rule.ts"
import { codeOf, runs, type Token, tokensOf } from "./tokens.ts"

type Tokens = ReadonlyArray<Token>

/** A violation for each token at which `message` has something to say. */
const refuse = (tokens: Tokens, message: (tokens: Tokens, i: number) => string | undefined): Array<Violation> =>
  tokens.flatMap((token, i) => {
    const said = message(tokens, i)
    return said === undefined ? [] : [{ line: token.line, message: said }]
  })

/** SQL is found in a service's store and in the runtime, whole and in one place. */
export const sqlInStores: Rule = (path, text) => {
  const allowed = path.endsWith("/store.ts") || isUnder(path, "shared/runtime", "infra", "bench") || isTest(path)
  if (allowed) return []
  return refuse(codeOf(text), (tokens, i) => {
    const next = tokens.slice(i + 1).find(({ text }, k) => k >= closingAngle(tokens, i + 1) && text !== ">")
    if (tokens[i]!.text === "sql" && next?.kind === "template" && next.text.startsWith("`"))
      return "SQL outside a store.ts"
    return runs(tokens, i, ".", "unsafe", "(") ? "unsafe SQL outside a store.ts" : undefined
  })
}

/** How many tokens the type arguments that start at `from` take, if there are any. */
const closingAngle = (tokens: Tokens, from: number): number => {
  if (tokens[from]?.text !== "<") return 0
  let depth = 0
  for (let i = from; i < tokens.length; i++) {
    if (tokens[i]!.text === "<") depth++
    if (tokens[i]!.text === ">" && --depth === 0) return i - from
  }
  return 0
}

const isMoney = /amount|balance/i

/** An amount is a bigint from the wire to the database; a number would round it. */
export const exactMoney: Rule = (path, text) => {
  if (!isUnder(path, "services", "shared/contract")) return []
  return refuse(codeOf(text), (tokens, i) => {
    if (tokens[i]!.text === "parseFloat") return "parseFloat: amounts are bigint minor units"
    if (!runs(tokens, i, "Number", "(")) return undefined
    let depth = 0
    for (const { kind, text } of tokens.slice(i + 1)) {
      depth += text === "(" ? 1 : text === ")" ? -1 : 0
      if (kind === "word" && isMoney.test(text)) return `Number(${text}): amounts are bigint minor units`
      if (depth === 0) break
    }
    return undefined
  })
}

const EMPTY_NAMES = new Set(["manager", "helper", "util", "utils", "impl"])
const emptyName = (name: string): string | undefined =>
  name
    .split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/)
    .find((word) => EMPTY_NAMES.has(word.toLowerCase().replace(/(manager|helper)s$/, "$1")))

/** A name says what a thing is in the business. A member of somebody else's object may be called what it likes. */
export const tellingNames: Rule = (path, text) => {
  const inPath = emptyName(path.replace(/\.ts$/, ""))
  const violations = refuse(codeOf(text), (tokens, i) => {
    const { kind, text } = tokens[i]!
    const word = kind === "word" && tokens[i - 1]?.text !== "." ? emptyName(text) : undefined
    return word === undefined ? undefined : `the name ${text} says nothing ("${word}")`
  })
  return inPath === undefined
    ? violations
    : [{ line: 1, message: `the path says nothing ("${inPath}")` }, ...violations]
}

const AMBIENT_CALLS = new Set(["setTimeout", "setInterval", "randomUUID"])

const ambientAt = (tokens: Tokens, i: number): string | undefined => {
  if (runs(tokens, i, "Date", ".", "now")) return "Date.now: ask Effect's Clock"
  if (runs(tokens, i, "new", "Date") && (tokens[i + 2]?.text !== "(" || tokens[i + 3]?.text === ")"))
    return "new Date(): ask Effect's Clock"
  if (runs(tokens, i, "Math", ".", "random")) return "Math.random: ask Effect's Random"
  const { kind, text } = tokens[i]!
  const isMember = tokens[i - 1]?.text === "." && !/^(globalThis|crypto)$/.test(tokens[i - 2]?.text ?? "")
  if (kind === "word" && AMBIENT_CALLS.has(text) && tokens[i + 1]?.text === "(" && !isMember)
    return `${text}: time and ids come from shared/runtime`
  return runs(tokens, i, "console", ".") && !isMember ? "console: log through Effect" : undefined
}

/** Time, chance and output come from services that a simulation can replace. */
export const nothingAmbient: Rule = (path, text) =>
  isUnder(path, "shared/runtime", "infra", "bench") || isTest(path) ? [] : refuse(codeOf(text), ambientAt)

/** Nothing hides from the compiler, and no focused test hides the others. */
export const nothingHidden: Rule = (_path, text) => [
  ...refuse(codeOf(text), (tokens, i) => {
    if (runs(tokens, i, /^(:|as)$/, "any")) return "any hides a type"
    return runs(tokens, i, ".", "only", "(") ? ".only hides the other tests" : undefined
  }),
  ...refuse(tokensOf(text), (tokens, i) =>
    tokens[i]!.kind === "comment" && /@ts-(ignore|nocheck)/.test(tokens[i]!.text)
      ? "a compiler error is hidden"
      : undefined
  )
]

/** `skipIf` with a printed reason remains, for what a machine cannot run; see infra/test.ts. */
export const nothingSkipped: Rule = (_path, text) =>
  refuse(codeOf(text), (tokens, i) =>
    runs(tokens, i, /^(test|it|describe)$/, ".", /^(skip|todo)$/) || runs(tokens, i, /^x(test|it|describe)$/, "(")
      ? "a skipped test"
      : undefined
  )
