// Who may tell us what became of money: published vectors, each part changed once, times at the edges; the official
// SDKs' own checks beside ours, where they have one.
import { describe, expect, test } from "bun:test"
import { createHmac, generateKeyPairSync, sign as signWith, X509Certificate } from "node:crypto"
import { crc32 } from "node:zlib"
import { hmacValidator, type Types } from "@adyen/api-library"
import Stripe from "stripe"
import { selfSigned } from "../../../infra/simulator/paypal/certificate.ts"
import { NOON } from "../testing.ts"
import { adyenSignature, checkAdyen } from "./adyen-signature.ts"
import { certificatePath, checkPaypal, signedMessage, type Transmission, transmissionOf } from "./paypal-signature.ts"
import type { Checked } from "./signed.ts"
import { checkStripe } from "./stripe-signature.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const say = (checked: Checked) => (checked.genuine ? "genuine" : checked.why)

describe("Stripe", () => {
  const SECRET = "whsec_test_secret"
  const TOLERANCE_MS = 300_000
  const BODY = '{ "id":"evt_1",\n  "type":"payment_intent.succeeded","note":"\\u00e9 é 😀" }'
  const T = NOON / 1000
  const mac = (secret = SECRET, t: number | string = T, body = BODY) =>
    createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")
  const check = (header: string | null, body = BODY, now = NOON, secrets = [SECRET]) =>
    say(checkStripe({ secrets, tolerance_ms: TOLERANCE_MS }, header, bytes(body), now))
  const valid = `t=${T},v1=${mac()}`

  const rows: ReadonlyArray<readonly [what: string, header: string | null, says: string, body?: string]> = [
    ["as it is", valid, "genuine"],
    ["with an old scheme beside it", `t=${T},v0=${"0".repeat(64)},v1=${mac()}`, "genuine"],
    ["two secrets, the second is ours (rotation)", `t=${T},v1=${mac("whsec_other")},v1=${mac()}`, "genuine"],
    ["another secret", `t=${T},v1=${mac("whsec_other")}`, "forged"],
    ["another time than was signed", `t=${T + 1},v1=${mac()}`, "forged"],
    ["a digit of the signature changed", `t=${T},v1=${mac().replace(/^./, (c) => (c === "0" ? "1" : "0"))}`, "forged"],
    ["a space more in the body", valid, "forged", `${BODY} `],
    ["a character of the body changed", valid, "forged", BODY.replace("evt_1", "evt_2")],
    ["the same JSON, written otherwise", valid, "forged", JSON.stringify(JSON.parse(BODY))],
    ["only the old scheme", `t=${T},v0=${mac()}`, "signature_malformed"],
    ["no signature in it", `t=${T}`, "signature_malformed"],
    ["no time in it", `v1=${mac()}`, "signature_malformed"],
    ["two times", `t=${T},t=${T - 9},v1=${mac()}`, "signature_malformed"],
    ["a time that is none", `t=now,v1=${mac(SECRET, "now")}`, "signature_malformed"],
    ["cut short", `t=${T},v1=${mac().slice(2)}`, "signature_malformed"],
    ["far too many", `t=${T},${Array.from({ length: 50 }, () => `v1=${mac()}`).join(",")}`, "signature_malformed"],
    ["empty", "", "signature_malformed"],
    ["absent", null, "signature_missing"]
  ]
  for (const [what, header, says, body] of rows)
    test(`P75 F38 ${what}: ${says}`, async () => {
      expect(check(header, body)).toBe(says)
      if (header === null || says === "signature_malformed") return
      const theirs = new Stripe("sk_test").webhooks.constructEventAsync(
        body ?? BODY,
        header,
        SECRET,
        300,
        undefined,
        NOON
      )
      expect(await theirs.then(() => "genuine").catch(() => "forged")).toBe(says)
    })

  for (const [seconds, says] of [
    [0, "genuine"],
    [299, "genuine"],
    [300, "genuine"],
    [301, "stale"],
    [-300, "genuine"],
    [-301, "stale"],
    [-10_000, "stale"]
  ] as const)
    test(`F38 F58 ${seconds} s old: ${says}`, () => {
      expect(check(valid, BODY, NOON + seconds * 1000)).toBe(says)
    })

  test("without a secret nothing is believed; with two of ours either is", () => {
    expect(check(valid, BODY, NOON, [])).toBe("not_configured")
    expect(check(valid, BODY, NOON, ["whsec_new", SECRET])).toBe("genuine")
  })

  test("what is signed and cannot be read is refused as well", () => {
    for (const body of ["[]", "null", '{"id":1,"type":"x"}', '{"type":"x"}', `{"id":"${"x".repeat(300)}","type":"x"}`])
      expect(check(`t=${T},v1=${mac(SECRET, T, body)}`, body)).toBe("unreadable")
    const body = new Uint8Array([0x7b, 0xff, 0x7d])
    const signature = createHmac("sha256", SECRET).update(`${T}.`).update(body).digest("hex")
    const settings = { secrets: [SECRET], tolerance_ms: TOLERANCE_MS }
    expect(say(checkStripe(settings, `t=${T},v1=${signature}`, body, NOON))).toBe("unreadable")
  })

  test("P76 Stripe's own synchronous check does not work on this runtime; ours does", () => {
    const theirs = () => new Stripe("sk_test").webhooks.constructEvent(BODY, valid, SECRET, 300, undefined, NOON)
    if (process.versions["bun"] !== undefined) expect(theirs).toThrow(/constructEventAsync|synchronous/i)
    expect(check(valid)).toBe("genuine")
  })
})

describe("Adyen", () => {
  const KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
  const OTHER = "55782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
  /** The vector Adyen has published. */
  const ITEM = {
    pspReference: "7914073381342284",
    merchantAccountCode: "TestMerchant",
    merchantReference: "TestPayment-1407325143704",
    amount: { currency: "EUR", value: 1130 },
    eventCode: "AUTHORISATION",
    success: "true",
    eventDate: "2026-11-25T12:00:00+00:00",
    reason: "",
    additionalData: { hmacSignature: "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=" }
  }
  type Item = typeof ITEM & { readonly originalReference?: string }
  const delivery = (...items: ReadonlyArray<object>) =>
    JSON.stringify({
      live: "false",
      notificationItems: items.map((NotificationRequestItem) => ({ NotificationRequestItem }))
    })
  const check = (body: string, keys = [KEY], merchant_account = "TestMerchant") =>
    checkAdyen({ keys, merchant_account }, bytes(body))
  const signed = (item: Omit<Item, "additionalData">) => ({
    ...item,
    additionalData: { hmacSignature: adyenSignature(item, KEY).toString("base64") }
  })

  test("P78 the published vector", () => {
    expect(adyenSignature(ITEM, KEY).toString("base64")).toBe(ITEM.additionalData.hmacSignature)
    expect(check(delivery(ITEM))).toEqual({
      genuine: true,
      told: [{ event_id: "7914073381342284:AUTHORISATION:true", type: "AUTHORISATION", item: 0 }]
    })
    expect(say(check(delivery(ITEM), [OTHER, KEY]))).toBe("genuine")
    expect(say(check(delivery(ITEM), [OTHER]))).toBe("forged")
    expect(say(check(delivery(ITEM), []))).toBe("not_configured")
  })

  const mutations: ReadonlyArray<readonly [string, object]> = [
    ["pspReference", { pspReference: "7914073381342285" }],
    ["originalReference", { originalReference: "1" }],
    ["merchantAccountCode", { merchantAccountCode: "Other" }],
    ["merchantReference", { merchantReference: "TestPayment-1407325143705" }],
    ["amount.value", { amount: { currency: "EUR", value: 1131 } }],
    ["amount.currency", { amount: { currency: "USD", value: 1130 } }],
    ["eventCode", { eventCode: "CAPTURE" }],
    ["success (P80)", { success: "false" }]
  ]
  for (const [what, over] of mutations)
    test(`F38 ${what} changed: forged, also to Adyen's own check`, () => {
      const item = { ...ITEM, ...over }
      expect(say(check(delivery(item)))).toBe("forged")
      const theirs = item as unknown as InstanceType<typeof Types.notification.NotificationRequestItem>
      expect(new hmacValidator().validateHMAC(theirs, KEY)).toBe(false)
    })

  test("date and reason are not signed, and so nothing is decided by them", () => {
    expect(say(check(delivery({ ...ITEM, eventDate: "1999", reason: "x" })))).toBe("genuine")
  })

  test("a batch is genuine as a whole or not at all; each of its items is one event", () => {
    const { additionalData: _, ...plain } = ITEM
    const other = signed({ ...plain, pspReference: "2", eventCode: "CAPTURE", success: "false" })
    const both = check(delivery(ITEM, other))
    expect(both.genuine && both.told.map(({ event_id, item }) => [event_id, item])).toEqual([
      ["7914073381342284:AUTHORISATION:true", 0],
      ["2:CAPTURE:false", 1]
    ])
    expect(say(check(delivery(ITEM, { ...other, success: "true" })))).toBe("forged")
  })

  test("F38 signed by the same key for another merchant: refused", () => {
    expect(say(check(delivery(ITEM), [KEY], "AnotherMerchant"))).toBe("wrong_merchant")
  })

  test("what is no notification is refused", () => {
    const { additionalData: _, ...plain } = ITEM
    expect(say(check(delivery(plain)))).toBe("signature_missing")
    expect(say(check(delivery(signed({ ...plain, success: "maybe" }))))).toBe("unreadable")
    for (const body of ["", "[]", "{}", '{"notificationItems":[]}', '{"notificationItems":[{}]}', "null"])
      expect(say(check(body))).toBe("unreadable")
  })
})

describe("PayPal", () => {
  const HOST = "api.sandbox.paypal.com"
  const PATH = "/v1/notifications/certs/CERT-360caa42-fca2a594"
  const SETTINGS = { webhook_id: "WH-1", certificate_host: HOST, tolerance_ms: 300_000 }
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
  const certificate = new X509Certificate(selfSigned(pem, HOST, NOON - 1000, NOON + 86_400_000))
  const BODY = '{"id":"WH-2WR","event_type":"PAYMENT.CAPTURE.COMPLETED" }'
  const ID = "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
  const TIME = new Date(NOON).toISOString()
  const signature = (message: string) => signWith("sha256", Buffer.from(message), privateKey)
  const sent = (over: Partial<Transmission> = {}): Transmission => ({
    id: ID,
    time: TIME,
    signature: signature(signedMessage(ID, TIME, "WH-1", bytes(BODY))),
    certificate_path: PATH,
    ...over
  })
  const check = (transmission: Transmission, body = BODY, now = NOON, webhook_id = "WH-1") =>
    say(checkPaypal({ ...SETTINGS, webhook_id }, transmission, certificate, bytes(body), now))

  test("the checksum is an unsigned decimal", () => {
    expect(crc32("123456789") >>> 0).toBe(0xcbf43926)
    expect(signedMessage("a", "b", "c", bytes("123456789"))).toBe("a|b|c|3421780262")
  })

  test("F38 each of what is signed changed once", () => {
    expect(check(sent())).toBe("genuine")
    expect(check(sent({ id: "other" }))).toBe("forged")
    expect(check(sent({ time: new Date(NOON + 1000).toISOString() }))).toBe("forged")
    expect(check(sent(), `${BODY} `)).toBe("forged")
    expect(check(sent(), BODY, NOON, "WH-2")).toBe("forged")
    expect(check(sent({ signature: Buffer.alloc(256) }))).toBe("forged")
    expect(check(sent({ signature: Buffer.from("x") }))).toBe("forged")
  })

  for (const [ms, says] of [
    [300_000, "genuine"],
    [301_000, "stale"],
    [-300_000, "genuine"],
    [-301_000, "stale"]
  ] as const)
    test(`F38 ${ms} ms old: ${says}`, () => expect(check(sent(), BODY, NOON + ms)).toBe(says))

  const addresses: ReadonlyArray<readonly [string, boolean]> = [
    [`https://${HOST}${PATH}`, true],
    [`http://${HOST}${PATH}`, false],
    [`https://api.paypal.com${PATH}`, false],
    [`https://${HOST}.evil.example${PATH}`, false],
    [`https://evil.example/${HOST}${PATH}`, false],
    [`https://${HOST}@evil.example${PATH}`, false],
    [`https://user:x@${HOST}${PATH}`, false],
    [`https://${HOST}:8443${PATH}`, false],
    [`https://${HOST}${PATH}?redirect=evil`, false],
    [`https://${HOST}${PATH}#x`, false],
    [`https://${HOST}/v1/notifications/certs/../../evil`, false],
    [`https://${HOST}/v1/notifications/certs/%2e%2e%2fevil`, false],
    [`https://${HOST}/evil`, false],
    [`//${HOST}${PATH}`, false],
    ["file:///etc/passwd", false],
    ["", false]
  ]
  for (const [address, allowed] of addresses)
    test(`F38 a certificate at ${address || "nowhere"}: ${allowed ? "asked for" : "not asked for"}`, () => {
      expect(certificatePath(address, HOST)).toBe(allowed ? PATH : undefined)
    })

  const headers = (over: Record<string, string> = {}) =>
    new Headers({
      "paypal-transmission-id": ID,
      "paypal-transmission-time": TIME,
      "paypal-transmission-sig": "AAAA",
      "paypal-cert-url": `https://${HOST}${PATH}`,
      "paypal-auth-algo": "SHA256withRSA",
      ...over
    })
  const read = (over: Record<string, string>, webhook_id: string | undefined = "WH-1") => {
    const found = transmissionOf({ ...SETTINGS, webhook_id }, headers(over))
    return "genuine" in found ? say(found) : found.certificate_path
  }
  test("F38 what the headers say", () => {
    expect(read({})).toBe(PATH)
    expect(read({ "paypal-auth-algo": "none" })).toBe("signature_malformed")
    expect(read({ "paypal-transmission-time": "yesterday" })).toBe("signature_malformed")
    expect(read({ "paypal-transmission-id": "a|b" })).toBe("signature_malformed")
    for (const name of ["transmission-id", "transmission-time", "transmission-sig", "cert-url"])
      expect(read({ [`paypal-${name}`]: "" })).toBe("signature_missing")
    const found = transmissionOf({ ...SETTINGS, webhook_id: undefined }, headers())
    expect("genuine" in found && say(found)).toBe("not_configured")
  })
})
