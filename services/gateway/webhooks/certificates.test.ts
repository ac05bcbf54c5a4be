// Whose certificate is believed, and how often it is asked for.
import { afterAll, describe, expect, test } from "bun:test"
import { generateKeyPairSync, X509Certificate } from "node:crypto"
import { Effect, ManagedRuntime } from "effect"
import { HttpClient } from "effect/http"
import { issue, type Party, selfSigned } from "../../../infra/simulator/paypal/certificate.ts"
import { providerHttpClient } from "../provider/client.ts"
import { leafOf, makeCertificates } from "./certificates.ts"

const DAY_MS = 86_400_000
const NOW = Date.now()
const [FROM, UNTIL] = [NOW - DAY_MS, NOW + DAY_MS]
const party = (name: string): Party => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  return { name, privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() }
}
const [root, middle, paypal, other] = [
  "Root of all",
  "Middle",
  "messageverificationcerts.paypal.com",
  "evil.example"
].map(party) as [Party, Party, Party, Party]
const rootPem = issue(root, root, FROM, UNTIL, true)
const middlePem = issue(middle, root, FROM, UNTIL, true)
const leafPem = issue(paypal, middle, FROM, UNTIL)

describe("a chain", () => {
  const believed = (pem: string, now = NOW, roots = [rootPem]) =>
    leafOf(pem, false, now, () => roots.map((one) => new X509Certificate(one)))
      ?.subject.split("\n")
      .at(-1) ?? "nobody"
  const PAYPAL = "CN=messageverificationcerts.paypal.com"

  test("up to a root is believed, with or without the root in it", () => {
    expect(believed(leafPem + middlePem)).toBe(PAYPAL)
    expect(believed(leafPem + middlePem + rootPem)).toBe(PAYPAL)
  })
  const rows: ReadonlyArray<readonly [string, string, number?]> = [
    ["of nobody we know", selfSigned(paypal.privateKeyPem, paypal.name, FROM, UNTIL)],
    ["with a link missing", leafPem],
    ["in another order", middlePem + leafPem],
    ["of somebody else", issue(other, middle, FROM, UNTIL) + middlePem],
    ["of a name that only ends like theirs", issue(party("notpaypal.com"), middle, FROM, UNTIL) + middlePem],
    [
      "of a name that only begins like theirs",
      issue(party("paypal.com.evil.example"), middle, FROM, UNTIL) + middlePem
    ],
    [
      "signed by one who may not vouch",
      issue(paypal, other, FROM, UNTIL) + issue(other, middle, FROM, UNTIL) + middlePem
    ],
    ["signed by a namesake of the issuer", issue(paypal, party("Middle"), FROM, UNTIL) + middlePem],
    ["expired", issue(paypal, middle, FROM, NOW - 1000) + middlePem],
    ["of tomorrow", issue(paypal, middle, NOW + 60_000, UNTIL) + middlePem],
    ["whose link has expired", leafPem + issue(middle, root, FROM, NOW - 1000, true)],
    ["that is none", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ["that is nothing", ""]
  ]
  for (const [what, pem] of rows) test(`${what}: nobody is believed`, () => expect(believed(pem)).toBe("nobody"))

  test("the roots of this runtime vouch for themselves and for none of these", () => {
    expect(leafOf(leafPem + middlePem, false, NOW)).toBeUndefined()
  })
  test("the simulator's own is believed only where it is asked for at the simulator's address", () => {
    const own = selfSigned(paypal.privateKeyPem, "api.sandbox.paypal.com", FROM, UNTIL)
    expect(leafOf(own, true, NOW)).toBeDefined()
    expect(leafOf(own, false, NOW)).toBeUndefined()
    expect(leafOf(leafPem + middlePem, true, NOW)).toBeUndefined()
  })
})

describe("asking for one", () => {
  const asked: Array<string> = []
  let answer: () => Response | Promise<Response> = () => new Response(null, { status: 404 })
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      asked.push(new URL(request.url).pathname)
      return answer()
    }
  })
  const runtime = ManagedRuntime.make(providerHttpClient)
  afterAll(async () => {
    await runtime.dispose()
    await server.stop(true)
  })
  const own = selfSigned(paypal.privateKeyPem, "api.sandbox.paypal.com", FROM, UNTIL)
  const certificates = async (timeout_ms = 2_000) => {
    const client = await runtime.runPromise(Effect.map(HttpClient.HttpClient, (found) => found))
    const find = makeCertificates(client, { url: `http://127.0.0.1:${server.port}`, self_signed: true, timeout_ms })
    return async (path: string) => (await runtime.runPromise(find(path))).found
  }

  test("once for all that are waiting, and then from memory", async () => {
    asked.length = 0
    answer = () => new Response(own)
    const find = await certificates()
    expect(new Set(await Promise.all(Array.from({ length: 50 }, () => find("/one"))))).toEqual(new Set(["certificate"]))
    await find("/one")
    expect(asked.length).toBeLessThanOrEqual(2)
    expect(await find("/two")).toBe("certificate")
  })

  test("one that is not there, or not to be trusted, is not asked for at every call-back", async () => {
    asked.length = 0
    const find = await certificates()
    answer = () => new Response(null, { status: 404 })
    expect([await find("/a"), await find("/a")]).toEqual(["not_trusted", "not_trusted"])
    answer = () => new Response("<html>")
    expect([await find("/b"), await find("/b")]).toEqual(["not_trusted", "not_trusted"])
    answer = () => Response.redirect(`http://127.0.0.1:${server.port}/elsewhere`)
    expect(await find("/c")).toBe("not_trusted")
    expect(asked).toEqual(["/a", "/b", "/c"])
  })

  test("silence is no verdict: it is asked again", async () => {
    const find = await certificates(50)
    answer = () => new Promise(() => {})
    expect(await find("/slow")).toBe("nothing")
    answer = () => new Response(null, { status: 503 })
    expect(await find("/slow")).toBe("nothing")
    answer = () => new Response(own)
    expect(await find("/slow")).toBe("certificate")
  })
})
