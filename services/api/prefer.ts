/** RFC 7240 `Prefer`: how long a client wants to wait for a payment's end. */

const WAIT_DEFAULT_S = 2
/** More is clamped (DECISIONS D4): nobody holds a connection for longer. */
const WAIT_MAX_S = 30

export interface Preference {
  readonly waitMs: number
  /** For `Preference-Applied`. */
  readonly applied: string
}

const byDefault: Preference = { waitMs: WAIT_DEFAULT_S * 1000, applied: `wait=${WAIT_DEFAULT_S}` }
const async: Preference = { waitMs: 0, applied: "respond-async" }

/** `wait=0` is `respond-async`; where both stand, a wait of its own says how long before answering at once. */
export const preferenceOf = (header: string | null): Preference => {
  if (header === null) return byDefault
  const wait = /(?:^|[\s,;])wait\s*=\s*"?(\d{1,9})"?(?=\s*(?:$|[,;]))/i.exec(header)?.[1]
  if (wait !== undefined) {
    const seconds = Math.min(Number(wait), WAIT_MAX_S)
    return seconds === 0 ? async : { waitMs: seconds * 1000, applied: `wait=${seconds}` }
  }
  return /(?:^|[\s,;])respond-async(?=\s*(?:$|[,;]))/i.test(header) ? async : byDefault
}
