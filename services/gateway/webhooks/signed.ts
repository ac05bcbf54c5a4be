/** What a check of a call-back comes to, and the little that all three checks share. */
import { timingSafeEqual } from "node:crypto"
import { isJson, type Json } from "../provider/json.ts"

export type Why =
  | "not_configured"
  | "signature_missing"
  | "signature_malformed"
  | "forged"
  | "stale"
  | "certificate_not_allowed"
  | "certificate_not_trusted"
  | "wrong_merchant"
  | "unreadable"

/** One thing that a provider tells. Of a batch each is one. */
export interface Told {
  /** The same however often it is delivered. */
  readonly event_id: string
  readonly type: string
  /** Its place in the body. */
  readonly item: number
}

export type Checked =
  | { readonly genuine: true; readonly told: ReadonlyArray<Told> }
  | { readonly genuine: false; readonly why: Why }

export const refuse = (why: Why): Checked => ({ genuine: false, why })

/** In constant time for what is of the right length, which is no secret. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)

/** Older than that or further in the future: a replay, or a clock that is wrong. */
export const isStale = (sent: number, now: number, tolerance_ms: number): boolean =>
  !(Math.abs(now - sent) <= tolerance_ms)

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The body as text that stands for exactly these bytes; undefined where it is none. */
export const textOf = (body: Uint8Array): string | undefined => {
  try {
    return utf8.decode(body)
  } catch {
    return undefined
  }
}

export const jsonOf = (text: string | undefined): Json | undefined => {
  try {
    const value: unknown = JSON.parse(text ?? "")
    return isJson(value) ? value : undefined
  } catch {
    return undefined
  }
}

const ID_LENGTH_MAX = 200

/** An id or a type that may stand in a row and in a log. */
export const isName = (value: string | undefined): value is string =>
  value !== undefined && value.length <= ID_LENGTH_MAX && /^[\w.:/+=-]+$/.test(value)
