/** Server-sent events as bytes (WHATWG HTML, section 9.2). */
import { write } from "./json.ts"
import type { PaymentRecord } from "./records.ts"
import { paymentView } from "./resources.ts"

export const HEADERS = {
  "content-type": "text/event-stream",
  // Proxies that collect an answer before they pass it on would hold the events back.
  "x-accel-buffering": "no"
} as const

const RETRY_MS = 1_000
/** First and last of a stream: a client whose connection has gone comes back so long after. */
export const RETRY = `retry: ${RETRY_MS}\n\n`
/** A comment, which clients skip. */
export const HEARTBEAT = ": still here\n\n"

/** JSON has no line breaks of its own, so one line holds it all. */
export const event = (id: string, type: string, data: unknown): string =>
  `id: ${id}\nevent: ${type}\ndata: ${write(data)}\n\n`

const END = ".end"
export const end = (position: string, payment: PaymentRecord): string =>
  event(position + END, "end", paymentView(payment))
/** A client that comes again with this id has heard it all: browsers come again after every end. */
export const hasHeardAll = (id: string): boolean => id.endsWith(END)
export const withoutEnd = (id: string): string => (hasHeardAll(id) ? id.slice(0, -END.length) : id)

const utf8 = new TextEncoder()
export const bytes = (text: string): Uint8Array => utf8.encode(text)
