/** Tells a story in a terminal: beats in, lines out. Pure; nothing is wider than `WIDTH`. */
import { type Currency, format } from "../../shared/contract/money.ts"
import { type Beat, holds, type Movement, type Story } from "./story.ts"
import { type Row, rowsOf } from "./timeline.ts"

export const WIDTH = 100

export interface Paint {
  readonly strong: (text: string) => string
  readonly quiet: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly name: (text: string) => string
}

const as = (text: string) => text
export const PLAIN: Paint = { strong: as, quiet: as, good: as, bad: as, name: as }
const code = (number: number) => (text: string) => `\u001b[${number}m${text}\u001b[0m`
export const COLOURED: Paint = { strong: code(1), quiet: code(2), good: code(32), bad: code(31), name: code(36) }

const INDENT = "  "
/** Where everything but the prose begins: the names stand in front of it. */
const NAMES = 10
/** An answer of at most so many characters stands in one line with its status and time. */
const SHORT = 60

export const opening = (timeoutMs: number): ReadonlyArray<string> =>
  wrapped(
    "Five scenarios, over HTTP, on a platform of their own: Postgres, the services, simulated Stripe and PayPal. " +
      `Times are short so that they can be watched: a provider has ${timeoutMs / 1000} s to answer instead of 30 s. ` +
      "Each scenario ends with what must be so.",
    WIDTH
  )

export const title = ({ number, title }: Pick<Story, "number" | "title">, paint: Paint): ReadonlyArray<string> => {
  const text = `Scenario ${number} · ${title}`
  return ["", paint.strong(text), paint.quiet("─".repeat(text.length))]
}

/** `before`: the beat that was told last, for there is a blank line where the subject changes. */
export const tell = (beat: Beat, paint: Paint, before?: Beat): ReadonlyArray<string> => {
  const lines = linesOf(beat, paint)
  const part = (kind: Beat["kind"] | undefined) => PARTS[kind ?? "says"]
  return before === undefined || part(beat.kind) !== part(before.kind) ? ["", ...lines] : lines
}

const PARTS: Readonly<Record<Beat["kind"], string>> = {
  says: "prose",
  asks: "exchange",
  answers: "exchange",
  silence: "exchange",
  timeline: "timeline",
  balance: "books",
  ledger: "books",
  told: "books",
  fact: "facts"
}

const linesOf = (beat: Beat, paint: Paint): ReadonlyArray<string> => {
  switch (beat.kind) {
    case "says":
      return wrapped(beat.text, WIDTH - INDENT.length).map((line) => INDENT + line)
    case "asks":
      return asked(beat, paint)
    case "answers": {
      const colour = beat.status < 300 ? paint.good : paint.bad
      const took = `after ${Math.round(beat.tookMs)} ms`
      const lines = wrapped(beat.text, WIDTH - INDENT.length - NAMES)
      const status = colour(String(beat.status))
      const [short] = lines.length === 1 && beat.text.length <= SHORT ? lines : []
      if (short !== undefined) return [line("answer", `${status} ${short}, ${paint.quiet(took)}`, paint)]
      return [line("answer", `${status} ${paint.quiet(took)}`, paint), ...lines.map(under)]
    }
    case "silence":
      return [line("answer", paint.bad(beat.text), paint)]
    case "timeline":
      return table(rowsOf(beat.events), beat.usual, paint)
    case "balance": {
      const [before, after] = [money(beat.before, beat.currency), money(beat.after, beat.currency)]
      const said = beat.before === beat.after ? `${before}, as before` : `${before} before, ${after} after`
      return [line("wallet", `${beat.who}: ${said}`, paint)]
    }
    case "ledger":
      return booked(beat.movements).map((text, i) => (i === 0 ? line(beat.of, text, paint) : under(text)))
    case "told": {
      const lines = wrapped(`${beat.who} reads: ${beat.title}. ${beat.message}`, WIDTH - INDENT.length - NAMES)
      return lines.map((text, i) => (i === 0 ? line("message", text, paint) : under(text)))
    }
    case "fact": {
      const mark = beat.holds ? paint.good("✓") : paint.bad("✗")
      const colour = beat.holds ? paint.good : paint.bad
      const lines = wrapped(`${beat.says}: ${beat.seen}`, WIDTH - INDENT.length - 2)
      if (lines.length === 1) return [`${INDENT}${mark} ${beat.says}: ${colour(beat.seen)}`]
      return lines.map((text, i) => `${INDENT}${i === 0 ? mark : " "} ${text}`)
    }
  }
}

/** A whole story at once, as it is told beat by beat while it is played. */
export const toldWhole = (story: Story, paint: Paint = PLAIN): ReadonlyArray<string> => [
  ...title(story, paint),
  ...story.beats.flatMap((beat, i) => tell(beat, paint, story.beats[i - 1]))
]

export const ending = (stories: ReadonlyArray<Story>, tookMs: number, paint: Paint): ReadonlyArray<string> => {
  const facts = stories.flatMap(({ beats }) => beats).filter(({ kind }) => kind === "fact").length
  const wrong = stories.filter((story) => !holds(story)).map(({ number }) => number)
  const took = `${(tookMs / 1000).toFixed(1)} s`
  const many = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`
  const count = `${many(facts, "fact")} checked in ${many(stories.length, "scenario")}`
  const verdict =
    wrong.length === 0
      ? paint.good("all of them so")
      : paint.bad(`NOT so in scenario ${wrong.join(", ")}: see the lines with ✗`)
  return ["", `${count}, ${took}: ${verdict}`]
}

const asked = ({ who, request, about }: Extract<Beat, { readonly kind: "asks" }>, paint: Paint) => {
  const room = WIDTH - INDENT.length - NAMES
  const fits = request.length + 2 + about.length <= room
  if (fits) return [line(who, `${request}  ${paint.quiet(about)}`, paint)]
  return [line(who, request, paint), ...wrapped(about, room).map((text) => under(paint.quiet(text)))]
}

const line = (name: string, text: string, paint: Paint): string => INDENT + paint.name(name.padEnd(NAMES)) + text
const under = (text: string): string => INDENT + " ".repeat(NAMES) + text

export const money = (amount: number, currency = "USD"): string => format(BigInt(amount), currency as Currency)

const booked = (movements: ReadonlyArray<Movement>): ReadonlyArray<string> =>
  movements.length === 0
    ? ["nothing in any provider's book"]
    : movements.map(
        ({ provider, kind, amount, currency, reference }) =>
          `${provider}'s book: ${kind} ${money(amount, currency)} (${reference})`
      )

/** Columns: ms, who, what, payment; the saga's is the last and takes what is left. */
const COLUMNS = [7, 9, 36, 19] as const

const table = (rows: ReadonlyArray<Row>, usual: boolean, paint: Paint): ReadonlyArray<string> => {
  const debited = usual ? rows.findIndex(({ what }) => what.startsWith("WalletDeducted")) : -1
  return [
    paint.quiet(INDENT + cells("ms", "who", "what happens", "the payment is", "the saga")),
    ...(debited < 0 ? [] : [paint.quiet(INDENT + cells("…", "", "as above, up to the debit", "", ""))]),
    ...rows
      .slice(debited + 1)
      .flatMap(({ ms, who, what, payment, saga, why }) => [
        INDENT + cells(String(ms), who, what, payment, saga),
        ...(why === undefined ? [] : because(why).map((text) => paint.quiet(text)))
      ])
  ]
}

const cells = (ms: string, ...rest: readonly [who: string, what: string, payment: string, saga: string]): string =>
  [`${ms.padStart(COLUMNS[0] - 2)}  `, ...rest.map((cell, i) => cell.padEnd(COLUMNS[i + 1] ?? 0))].join("").trimEnd()

const because = (why: string): ReadonlyArray<string> => {
  const indent = INDENT + " ".repeat(COLUMNS[0] + COLUMNS[1])
  return wrapped(`because ${why}`, WIDTH - indent.length - 2).map((text) => `${indent}  ${text}`)
}

export const wrapped = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let current = ""
  for (const word of text.split(/\s+/)) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current)
      current = word
    } else current = current === "" ? word : `${current} ${word}`
  }
  return [...lines, current]
}
