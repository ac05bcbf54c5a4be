// Source text as tokens, by TypeScript's own scanner (version 7 has no parser that JavaScript could call in-process).
// Rules that look at tokens cannot be fooled by a string, a template or a comment that merely mentions what is banned.
import { SyntaxKind } from "typescript/unstable/ast"
import { createScanner } from "typescript/unstable/ast/scanner"

export type TokenKind = "word" | "string" | "template" | "number" | "pattern" | "mark" | "comment"

export type Token = {
  readonly kind: TokenKind
  readonly text: string
  /** One-based lines of the first and the last character. */
  readonly line: number
  readonly endLine: number
  /** First on its line? */
  readonly first: boolean
}

const kinds = new Map<SyntaxKind, TokenKind>([
  [SyntaxKind.StringLiteral, "string"],
  [SyntaxKind.NoSubstitutionTemplateLiteral, "template"],
  [SyntaxKind.TemplateHead, "template"],
  [SyntaxKind.TemplateMiddle, "template"],
  [SyntaxKind.TemplateTail, "template"],
  [SyntaxKind.NumericLiteral, "number"],
  [SyntaxKind.BigIntLiteral, "number"],
  [SyntaxKind.RegularExpressionLiteral, "pattern"],
  [SyntaxKind.SingleLineCommentTrivia, "comment"],
  [SyntaxKind.MultiLineCommentTrivia, "comment"]
])

const kindOf = (kind: SyntaxKind, text: string): TokenKind =>
  kinds.get(kind) ?? (/^[\w$#]/.test(text) ? "word" : "mark")

/** After these words a slash begins a pattern; after any other word it divides. */
const beforePattern = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "do",
  "else",
  "yield",
  "await",
  "void",
  "delete"
])

/** Can the token be the last one of an expression? */
export const endsExpression = (token: Token | undefined): boolean => {
  if (token === undefined) return false
  if (token.kind === "word") return !beforePattern.has(token.text)
  if (token.kind === "template") return token.text.endsWith("`")
  return token.kind !== "mark" || [")", "]", "}"].includes(token.text)
}

const isSpace = (kind: SyntaxKind) => kind === SyntaxKind.WhitespaceTrivia || kind === SyntaxKind.NewLineTrivia

const scan = (source: string): ReadonlyArray<Token> => {
  const scanner = createScanner(false, undefined, source)
  const tokens: Array<Token> = []
  const braces: Array<"brace" | "template"> = []
  let line = 1
  let first = true
  let previous: Token | undefined
  for (let kind = scanner.scan(); kind !== SyntaxKind.EndOfFile; kind = scanner.scan()) {
    if (kind === SyntaxKind.CloseBraceToken && braces.at(-1) === "template") kind = scanner.reScanTemplateToken(false)
    if ((kind === SyntaxKind.SlashToken || kind === SyntaxKind.SlashEqualsToken) && !endsExpression(previous))
      kind = scanner.reScanSlashToken()
    if (kind === SyntaxKind.TemplateHead) braces.push("template")
    if (kind === SyntaxKind.OpenBraceToken) braces.push("brace")
    if (kind === SyntaxKind.TemplateTail || kind === SyntaxKind.CloseBraceToken) braces.pop()
    const text = scanner.getTokenText()
    const endLine = line + text.split("\n").length - 1
    if (!isSpace(kind)) {
      const token: Token = { kind: kindOf(kind, text), text, line, endLine, first }
      tokens.push(token)
      first = false
      if (token.kind !== "comment") previous = token
    } else if (endLine > line) first = true
    line = endLine
  }
  return tokens
}

const scanned = new Map<string, ReadonlyArray<Token>>()

/** All tokens, comments among them. Every rule asks for the same texts, so each is scanned once. */
export const tokensOf = (source: string): ReadonlyArray<Token> => {
  const known = scanned.get(source) ?? scan(source)
  scanned.set(source, known)
  return known
}

/** The tokens that mean something to the compiler. */
export const codeOf = (source: string): ReadonlyArray<Token> =>
  tokensOf(source).filter(({ kind }) => kind !== "comment")

/** Is this run of token texts found at `from`? A text may be a pattern. */
export const runs = (tokens: ReadonlyArray<Token>, from: number, ...texts: ReadonlyArray<string | RegExp>): boolean =>
  texts.every((wanted, i) => {
    const text = tokens[from + i]?.text
    return text !== undefined && (typeof wanted === "string" ? text === wanted : wanted.test(text))
  })

/** What a string token says, without its quotes. */
export const unquoted = (token: Token): string => token.text.slice(1, -1)
