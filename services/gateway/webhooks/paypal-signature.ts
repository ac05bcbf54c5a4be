/**
 * PayPal's signature: RSA with SHA-256 over `transmission id|time|webhook id|crc32 of the raw body`, by the certificate
 * that the delivery names. So the address of the certificate decides everything: it is PayPal's own, or the call-back
 * is refused before anybody is asked for anything (PROVIDERS 2.5).
 */
import { createVerify, type X509Certificate } from "node:crypto"
import { crc32 } from "node:zlib"
import { text } from "../provider/json.ts"
import { type Checked, isName, isStale, jsonOf, refuse, textOf } from "./signed.ts"

export interface PaypalSigned {
  /** The id PayPal gave the webhook; absent: no call-back can be checked. */
  readonly webhook_id: string | undefined
  /** `api.paypal.com` or `api.sandbox.paypal.com`, as the API that is spoken to. */
  readonly certificate_host: string
  readonly tolerance_ms: number
}

export interface Transmission {
  readonly id: string
  /** As it stands there: that text is signed. */
  readonly time: string
  readonly signature: Buffer
  /** Below the one host that is asked. */
  readonly certificate_path: string
}

const CERTIFICATE_PATH = /^\/v1\/notifications\/certs\/[\w-]{1,128}$/

/** No other host, no port, no user, no query: what is left is a name below PayPal's own folder. */
export const certificatePath = (address: string, host: string): string | undefined => {
  if (!URL.canParse(address)) return undefined
  const { protocol, host: of, username, password, pathname, search, hash } = new URL(address)
  const plain = protocol === "https:" && of === host && `${username}${password}${search}${hash}` === ""
  return plain && CERTIFICATE_PATH.test(pathname) ? pathname : undefined
}

interface Headers {
  readonly get: (name: string) => string | null
}

export const transmissionOf = (
  { webhook_id, certificate_host }: PaypalSigned,
  headers: Headers
): Transmission | Checked => {
  if (webhook_id === undefined) return refuse("not_configured")
  const value = (name: string) => headers.get(`paypal-${name}`) ?? ""
  const [id, time, sig, address] = ["transmission-id", "transmission-time", "transmission-sig", "cert-url"].map(value)
  if (!id || !time || !sig || !address) return refuse("signature_missing")
  const certificate_path = certificatePath(address, certificate_host)
  if (certificate_path === undefined) return refuse("certificate_not_allowed")
  const readable = isName(id) && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(time) && sig.length <= 2_000
  if (!readable || value("auth-algo") !== "SHA256withRSA") return refuse("signature_malformed")
  return { id, time, signature: Buffer.from(sig, "base64"), certificate_path }
}

/** The checksum is an unsigned decimal. */
export const signedMessage = (id: string, time: string, webhookId: string, body: Uint8Array): string =>
  `${id}|${time}|${webhookId}|${crc32(body) >>> 0}`

export const checkPaypal = (
  { webhook_id = "", tolerance_ms }: PaypalSigned,
  { id, time, signature }: Transmission,
  certificate: X509Certificate,
  body: Uint8Array,
  now: number
): Checked => {
  const signed = createVerify("RSA-SHA256").update(signedMessage(id, time, webhook_id, body))
  if (!signed.verify(certificate.publicKey, signature)) return refuse("forged")
  if (isStale(Date.parse(time), now, tolerance_ms)) return refuse("stale")
  const event = jsonOf(textOf(body))
  const [event_id, type] = [text(event, "id"), text(event, "event_type")]
  if (!isName(event_id) || !isName(type)) return refuse("unreadable")
  return { genuine: true, told: [{ event_id, type, item: 0 }] }
}
