/**
 * Stripe's signature: `t=<seconds>,v1=<hex>[,v1=…][,v0=…]`, v1 = HMAC-SHA256(secret, t + "." + the raw body). While a
 * secret is rotated there is a v1 for each, and any that fits is enough. By node:crypto and not by the SDK, whose
 * synchronous check throws under Bun; and with a tolerance to both sides, where the SDK's has one (PROVIDERS 1.5).
 */
import { createHmac } from "node:crypto"
import { text } from "../provider/json.ts"
import { type Checked, isName, isStale, jsonOf, refuse, sameBytes, textOf } from "./signed.ts"

export interface StripeSigned {
  /** Each whole, `whsec_…`; more than one while they are rotated. */
  readonly secrets: ReadonlyArray<string>
  readonly tolerance_ms: number
}

const HEADER_LENGTH_MAX = 2_000
const SIGNATURES_MAX = 10

interface Header {
  /** As it stands there: that text is signed. */
  readonly time: string
  readonly signatures: ReadonlyArray<Buffer>
}

const headerOf = (header: string): Header | undefined => {
  if (header.length > HEADER_LENGTH_MAX) return undefined
  const pairs = header.split(",").map((pair) => pair.trim().split("="))
  const times = pairs.flatMap(([name, value = ""]) => (name === "t" ? [value] : []))
  const signatures = pairs.flatMap(([name, value = ""]) =>
    name === "v1" && /^[0-9a-f]{64}$/.test(value) ? [Buffer.from(value, "hex")] : []
  )
  const [time = ""] = times
  if (times.length !== 1 || !/^\d{1,12}$/.test(time)) return undefined
  if (signatures.length === 0 || signatures.length > SIGNATURES_MAX) return undefined
  return { time, signatures }
}

export const checkStripe = (
  { secrets, tolerance_ms }: StripeSigned,
  header: string | null,
  body: Uint8Array,
  now: number
): Checked => {
  if (secrets.length === 0) return refuse("not_configured")
  if (header === null) return refuse("signature_missing")
  const signed = headerOf(header)
  if (signed === undefined) return refuse("signature_malformed")
  const { time, signatures } = signed
  const expected = secrets.map((secret) => createHmac("sha256", secret).update(`${time}.`).update(body).digest())
  const fits = expected.filter((mac) => signatures.filter((signature) => sameBytes(mac, signature)).length > 0)
  if (fits.length === 0) return refuse("forged")
  if (isStale(Number(time) * 1000, now, tolerance_ms)) return refuse("stale")
  const event = jsonOf(textOf(body))
  const [event_id, type] = [text(event, "id"), text(event, "type")]
  if (!isName(event_id) || !isName(type)) return refuse("unreadable")
  return { genuine: true, told: [{ event_id, type, item: 0 }] }
}
