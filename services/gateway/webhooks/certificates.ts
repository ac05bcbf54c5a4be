/**
 * The certificates PayPal signs with: fetched from the one host that is trusted, checked up to a root that everybody
 * trusts, remembered. What cannot be fetched is no forgery: the call-back is to come again.
 */
import { X509Certificate } from "node:crypto"
import { rootCertificates } from "node:tls"
import { Clock, Effect, Semaphore } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { Bounded } from "../../../shared/runtime/bounded.ts"
import { safeUrl } from "../provider/http.ts"

export interface CertificateSettings {
  /** Where certificates are asked for: PayPal's host, or the simulator's own address. */
  readonly url: string
  /** The simulator's certificate is signed by itself, and trusted because it came from the simulator's own address. */
  readonly self_signed: boolean
  readonly timeout_ms: number
}

export type Found =
  | { readonly found: "certificate"; readonly certificate: X509Certificate }
  | { readonly found: "not_trusted" }
  /** Nobody could be asked. */
  | { readonly found: "nothing" }

export type Certificates = (path: string) => Effect.Effect<Found>

const REMEMBERED_MAX = 64
const REMEMBERED_MS = 24 * 3_600_000
/** Whoever makes up addresses has each of them asked for once in so long, and few at a time. */
const MISSING_MS = 60_000
const FETCHES_MAX = 2
const CHAIN_LENGTH_MAX = 64 * 1024
const CERTIFICATES_MAX = 8

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

const chainOf = (pem: string): ReadonlyArray<X509Certificate> => {
  try {
    return (pem.match(PEM) ?? []).slice(0, CERTIFICATES_MAX).map((one) => new X509Certificate(one))
  } catch {
    return []
  }
}

const isValidAt = ({ validFrom, validTo }: X509Certificate, now: number): boolean =>
  Date.parse(validFrom) <= now && now <= Date.parse(validTo)

const issued = (issuer: X509Certificate, subject: X509Certificate): boolean =>
  subject.checkIssued(issuer) && subject.verify(issuer.publicKey)

let everybodys: ReadonlyArray<X509Certificate> | undefined
const rootsOfEverybody = () => (everybodys ??= rootCertificates.map((root) => new X509Certificate(root)))

/** Each is vouched for by the next, and the last by a root. */
const reachesRoot = (chain: ReadonlyArray<X509Certificate>, roots: ReadonlyArray<X509Certificate>): boolean => {
  const linked = chain.every((certificate, i) => {
    const next = chain[i + 1]
    return next === undefined || (next.ca && issued(next, certificate))
  })
  const last = chain.at(-1)
  return linked && last !== undefined && roots.some((root) => root.raw.equals(last.raw) || issued(root, last))
}

const PAYPAL_NAME = /(^|[\s,=*.:])paypal\.com($|[\s,])/m

const isPaypals = ({ subject, subjectAltName = "" }: X509Certificate): boolean =>
  PAYPAL_NAME.test(`${subject}\n${subjectAltName}`)

/** `now`: ms. */
export const leafOf = (
  pem: string,
  selfSigned: boolean,
  now: number,
  roots = rootsOfEverybody
): X509Certificate | undefined => {
  const chain = chainOf(pem)
  const [leaf] = chain
  if (leaf === undefined || !chain.every((certificate) => isValidAt(certificate, now))) return undefined
  if (selfSigned) return issued(leaf, leaf) ? leaf : undefined
  return isPaypals(leaf) && reachesRoot(chain, roots()) ? leaf : undefined
}

interface Remembered {
  readonly found: Found
  readonly until: number
}

export const makeCertificates = (client: HttpClient.HttpClient, settings: CertificateSettings): Certificates => {
  const url = safeUrl(settings.url)
  const known = new Bounded<string, Remembered>(REMEMBERED_MAX)
  const permits = Semaphore.makeUnsafe(FETCHES_MAX)
  const fetched = (path: string): Effect.Effect<string | undefined> =>
    client.execute(HttpClientRequest.get(url + path)).pipe(
      // What they say is not there is none of theirs; a server in trouble says nothing.
      Effect.flatMap((reply) => {
        if (reply.status === 200) return reply.text
        return Effect.succeed(reply.status < 500 && reply.status !== 429 ? "" : undefined)
      }),
      Effect.timeout(settings.timeout_ms),
      Effect.orElseSucceed(() => undefined)
    )
  const asked = (path: string): Effect.Effect<Found> =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const before = known.get(path)
      if (before !== undefined && now < before.until) return before.found
      const pem = yield* fetched(path)
      const leaf =
        pem === undefined || pem.length > CHAIN_LENGTH_MAX ? undefined : leafOf(pem, settings.self_signed, now)
      const found: Found =
        leaf !== undefined
          ? { found: "certificate", certificate: leaf }
          : { found: pem === undefined ? "nothing" : "not_trusted" }
      const until = leaf === undefined ? now + MISSING_MS : Math.min(now + REMEMBERED_MS, Date.parse(leaf.validTo))
      // Nobody could be asked: the next delivery asks again.
      if (pem !== undefined) known.set(path, { found, until })
      return found
    })
  return (path) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const before = known.get(path)
      if (before !== undefined && now < before.until) return before.found
      // Whoever waited for a permit may find that it has been fetched meanwhile.
      return yield* permits.withPermit(asked(path))
    })
}
