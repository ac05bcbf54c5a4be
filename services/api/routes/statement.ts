/** A wallet's statement: read in pieces and sent as it is read, so a long one needs no more memory than a short one. */
import { Effect } from "effect"
import { partitionKey } from "../../../shared/contract/codec.ts"
import { statement as example } from "../examples-money.ts"
import { balanceAt } from "../history.ts"
import { invalidField, type Problem, problem } from "../problem.ts"
import type { StreamAt } from "../records.ts"
import { iso } from "../resources.ts"
import type { Answer, ApiFailure } from "../responses.ts"
import { type ApiRequest, ID, isProblemOf, type Parameter, type Route, route, walletStream } from "../route.ts"
import { FORMATS, type Format, type FormatName } from "../statement/formats.ts"
import { entriesOf, type Frame, Statement } from "../statement/statement.ts"
import { timeOf } from "../times.ts"
import type { Parts } from "./parts.ts"
import { walletFound } from "./wallet-reads.ts"

const DAY_MS = 86_400_000
const DEFAULT_MS = 30 * DAY_MS
/** Events of the wallet in one statement: a payment has two or three. */
export const STATEMENT_EVENTS_MAX = 50_000
/** Events read, and written, at a time: other requests go between. */
const PAGE = 200

const time = (name: string, description: string): Parameter => ({
  name,
  in: "query",
  description,
  schema: { type: "string", format: "date-time" }
})
const FROM = time("from", "Beginning, inclusive (RFC 3339); absent: 30 days before `to`")
const TO = time("to", "End, exclusive (RFC 3339); absent: now")
const FORMAT: Parameter = {
  name: "format",
  in: "query",
  description: "csv is RFC 4180, safe to open in a spreadsheet; absent: csv where Accept asks for text/csv, else json",
  schema: { type: "string", enum: Object.keys(FORMATS) }
}

export const statementRoute = (parts: Parts): Route =>
  route({
    method: "GET",
    path: "/api/v1/wallets/{id}/statement",
    operation: "getStatement",
    summary: "Opening balance, every movement of the balance, closing balance; holds move none, captures do",
    scope: "wallets:read",
    parameters: [ID, FROM, TO, FORMAT],
    answers: {
      200: { says: "The statement", schema: Statement, example: example.json, also: { "text/csv": example.csv } }
    },
    problems: ["WALLET_NOT_FOUND", "STATEMENT_TOO_LONG"],
    handle: Effect.fnUntraced(function* (request) {
      const format = formatOf(request)
      if (typeof format === "object") return yield* Effect.fail(format)
      const period = periodOf(request)
      if (isProblemOf(period)) return yield* Effect.fail(period)
      const wallet = yield* walletFound(parts, request)
      const at = walletStream(wallet.id, partitionKey(request.principal.tenant, wallet.user_id))
      // Times are whole milliseconds: before `from` is at most a millisecond earlier.
      const opening = yield* balanceAt(parts.store, at, wallet.version, period.from - 1)
      const closing = yield* balanceAt(parts.store, at, wallet.version, period.to - 1)
      const events = closing.version - opening.version
      if (events > STATEMENT_EVENTS_MAX) {
        const details = { events, events_max: STATEMENT_EVENTS_MAX }
        return yield* Effect.fail(problem("STATEMENT_TOO_LONG", { details }))
      }
      const frame: Frame = {
        wallet_id: wallet.id,
        currency: wallet.currency,
        from: iso(period.from),
        to: iso(period.to),
        opening: opening.balance,
        closing: closing.balance
      }
      const reader = new Reader(parts.store, at, { frame, format: FORMATS[format] }, opening.version, closing.version)
      return yield* answered(reader, frame, FORMATS[format])
    })
  })

const formatOf = ({ query, headers }: ApiRequest): FormatName | Problem => {
  const format = query.get("format") ?? (/\btext\/csv\b/i.test(headers.get("accept") ?? "") ? "csv" : "json")
  return Object.hasOwn(FORMATS, format) ? (format as FormatName) : invalidField("format", "must be json or csv")
}

interface Period {
  readonly from: number
  readonly to: number
}

const periodOf = ({ query, now }: ApiRequest): Period | Problem => {
  // Of this millisecond too, so that a client finds what it has just done.
  const to = timeOf(query, "to") ?? now + 1
  if (typeof to === "object") return to
  const from = timeOf(query, "from") ?? to - DEFAULT_MS
  if (typeof from === "object") return from
  return from > to ? invalidField("from", "must not be after `to`") : { from, to }
}

interface Written {
  readonly frame: Frame
  readonly format: Format
}

/** One piece of text after the other, each from one page of events. */
class Reader {
  private readonly store: Parts["store"]
  private readonly at: StreamAt
  private readonly written: Written
  private readonly until: number
  private version: number
  private balance: bigint
  private first = true

  constructor(store: Parts["store"], at: StreamAt, written: Written, after: number, until: number) {
    this.store = store
    this.at = at
    this.written = written
    this.version = after
    this.until = until
    this.balance = written.frame.opening
  }

  get done(): boolean {
    return this.version >= this.until
  }

  readonly next: Effect.Effect<string, ApiFailure> = Effect.suspend(() => {
    if (this.done) return Effect.succeed("")
    const limit = Math.min(PAGE, this.until - this.version)
    return Effect.map(this.store.events(this.at, this.version, limit), (events) => {
      const entries = entriesOf(events, this.balance)
      const { frame, format } = this.written
      const text = format.entries(entries, this.first, frame)
      if (entries.length > 0) this.first = false
      this.balance = entries.at(-1)?.balance ?? this.balance
      this.version = events.at(-1)?.version ?? this.until
      return text
    })
  })
}

/** The first page is read before anything is answered: a store that is away is then still a 503. */
const answered = (reader: Reader, frame: Frame, format: Format): Effect.Effect<Answer, ApiFailure> =>
  Effect.map(reader.next, (text) => {
    const headers = format.headers(frame)
    const begun = format.head(frame) + text
    return reader.done
      ? { status: 200, headers, body: begun + format.end(frame) }
      : { status: 200, headers, body: streamed(reader, begun, () => format.end(frame)) }
  })

const utf8 = new TextEncoder()

/** As fast as the client takes it; what breaks on the way breaks the connection, so that nobody takes it for whole. */
const streamed = (reader: Reader, begun: string, end: () => string): ReadableStream<Uint8Array> => {
  let pending = begun
  return new ReadableStream({
    pull: async (controller) => {
      const more = await Effect.runPromise(reader.next)
      controller.enqueue(utf8.encode(pending + more + (reader.done ? end() : "")))
      pending = ""
      if (reader.done) controller.close()
    }
  })
}
