/** W3C Trace Context: a valid `traceparent` is continued, anything else begins a new trace (RELIABILITY 4.6). */

export interface Trace {
  readonly traceId: string
  /** Of the caller; absent where the trace begins here. */
  readonly parentId?: string | undefined
  readonly sampled: boolean
  /** What travels on: this request as the parent of everything it causes. */
  readonly traceparent: string
}

const HEADER = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = "0".repeat(32)
const NO_SPAN = "0".repeat(16)

/** `id`: a fresh UUIDv7; its digits are unique enough for a trace, and its random half for a span. */
export const begin = (header: string | null, id: string): Trace => {
  const digits = id.replaceAll("-", "")
  const spanId = digits.slice(16)
  const [, version, traceId = NO_TRACE, parentId = NO_SPAN, flags = "00", rest] = HEADER.exec(header ?? "") ?? []
  const broken = version === "ff" || (version === "00" && rest !== undefined)
  if (broken || traceId === NO_TRACE || parentId === NO_SPAN) return as(digits, undefined, spanId, false)
  return as(traceId, parentId, spanId, (Number.parseInt(flags, 16) & 1) === 1)
}

export const as = (traceId: string, parentId: string | undefined, spanId: string, sampled: boolean): Trace => ({
  traceId,
  parentId,
  sampled,
  traceparent: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`
})
