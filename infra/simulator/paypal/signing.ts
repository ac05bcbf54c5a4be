/**
 * PayPal's webhook signature: RSA with SHA-256 over `transmission id|time|webhook id|crc32 of the body`, verified with
 * the certificate that the delivery names. The certificate's address is PayPal's own, because a receiver must accept no
 * other; it is served here under the same path, and so is the postback that verifies instead of the receiver.
 */
import { createVerify, generateKeyPairSync, randomUUID, sign, X509Certificate } from "node:crypto"
import { crc32 } from "node:zlib"
import { iso, now } from "../clock.ts"
import type { Signer } from "../webhooks.ts"
import type { Table, World } from "../world.ts"
import { selfSigned } from "./certificate.ts"

const HOST = "api.sandbox.paypal.com"
export const CERT_PATH = "/v1/notifications/certs/CERT-SIMULATOR"
export const VERIFY_PATH = "/v1/notifications/verify-webhook-signature"
const CERT_URL = `https://${HOST}${CERT_PATH}`
const YEARS_10_MS = 10 * 365 * 24 * 3600 * 1000

/** Kept with everything else the outside world knows: a receiver may have cached the certificate. */
type Pair = { readonly id: "pair"; readonly privateKey: string; readonly certificate: string }

const messageOf = (id: string, time: string, webhookId: string, body: string): string =>
  `${id}|${time}|${webhookId}|${crc32(body)}`

export class Signing {
  private readonly pairs: Table<Pair>
  private readonly webhookId: string

  constructor(world: World, webhookId: string) {
    this.pairs = world.table<Pair>("paypal.signing")
    this.webhookId = webhookId
  }

  /** Made when it is first needed: it takes a tenth of a second. */
  private pair(): Pair {
    const known = this.pairs.get("pair")
    if (known !== undefined) return known
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    const certificate = selfSigned(pem, HOST, now() - 24 * 3600 * 1000, now() + YEARS_10_MS)
    return this.pairs.put({ id: "pair", privateKey: pem, certificate })
  }

  readonly signer: Signer = (body, at) => {
    const [id, time] = [randomUUID(), `${iso(at).slice(0, 19)}Z`]
    const message = Buffer.from(messageOf(id, time, this.webhookId, body))
    return {
      "paypal-transmission-id": id,
      "paypal-transmission-time": time,
      "paypal-transmission-sig": sign("sha256", message, this.pair().privateKey).toString("base64"),
      "paypal-cert-url": CERT_URL,
      "paypal-auth-algo": "SHA256withRSA"
    }
  }

  certificate(): string {
    return this.pair().certificate
  }

  /** The event must be spliced into the request as it was received: its bytes are what was signed. */
  verify(request: string): object {
    const field = (name: string): string => new RegExp(`"${name}"\\s*:\\s*"([^"]*)"`).exec(request)?.[1] ?? ""
    const event = /"webhook_event"\s*:\s*(\{[\s\S]*\})\s*\}\s*$/.exec(request)?.[1] ?? ""
    const message = messageOf(field("transmission_id"), field("transmission_time"), field("webhook_id"), event)
    const { publicKey } = new X509Certificate(this.certificate())
    const valid =
      field("cert_url") === CERT_URL &&
      createVerify("RSA-SHA256").update(message).verify(publicKey, field("transmission_sig"), "base64")
    return { verification_status: valid ? "SUCCESS" : "FAILURE" }
  }
}
