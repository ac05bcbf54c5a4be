/**
 * A call-back arrives: checked first, then kept, and only then acknowledged. What it means is found out afterwards
 * (process.ts), so that a provider is answered at once whatever its event leads to.
 */
import { Clock, Effect } from "effect"
import type { Provider } from "../../../shared/contract/provider.ts"
import { NotAccepted } from "../../../shared/runtime/commands.ts"
import type { Receipt, WebhookHeaders } from "../../../shared/runtime/webhooks.ts"
import { checkAdyen } from "./adyen-signature.ts"
import type { Certificates } from "./certificates.ts"
import { checkPaypal, transmissionOf } from "./paypal-signature.ts"
import { isSilent } from "./reading.ts"
import type { WebhookSettings } from "./settings.ts"
import { type Checked, refuse, textOf } from "./signed.ts"
import { type Arrived, keyOf } from "./store.ts"
import { checkStripe } from "./stripe-signature.ts"

/** What became of a call-back, for the metrics. */
export type Result = "rejected" | "duplicate" | "ignored" | "applied" | "known" | "parked" | "failed"
export const RESULTS: ReadonlyArray<Result> = [
  "rejected",
  "duplicate",
  "ignored",
  "applied",
  "known",
  "parked",
  "failed"
]
export type Count = (provider: Provider, result: Result) => void

export interface Receiving {
  readonly settings: WebhookSettings
  readonly certificates: Certificates
  readonly count: Count
  /** Writes them, and says which are new. */
  readonly keep: (arrived: ReadonlyArray<Arrived>) => Effect.Effect<ReadonlySet<string>, NotAccepted>
}

/**
 * How long (ms) an event waits before it is looked at. It is told at the moment of the answer to our own call, and that
 * answer is better heard first: then the call-back tells nothing new. And what arrives within it is one round's work.
 */
export const FIRST_LOOK_MS = 20

export const makeReceive =
  (of: Receiving) =>
  (provider: Provider, headers: WebhookHeaders, body: Uint8Array): Effect.Effect<Receipt, NotAccepted> =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const checked = yield* check(of, provider, headers, body, now)
      if (!checked.genuine) {
        of.count(provider, "rejected")
        yield* Effect.logWarning(`a call-back of ${provider} is refused: ${checked.why}`)
        return { accepted: false, why: checked.why }
      }
      const told = checked.told.filter(({ type }) => !isSilent(provider, type))
      for (let silent = told.length; silent < checked.told.length; silent++) of.count(provider, "ignored")
      if (told.length === 0) return { accepted: true }
      const text = textOf(body) ?? ""
      const times = { received_at: now, next_at: now + FIRST_LOOK_MS }
      const arrived = told.map((one): Arrived => ({ provider, ...one, body: text, status: "received", ...times }))
      const kept = yield* of.keep(arrived)
      for (const one of arrived) if (!kept.has(keyOf(one))) of.count(provider, "duplicate")
      return { accepted: true }
    })

const check = (
  { settings, certificates }: Receiving,
  provider: Provider,
  headers: WebhookHeaders,
  body: Uint8Array,
  now: number
): Effect.Effect<Checked, NotAccepted> => {
  switch (provider) {
    case "stripe":
      return Effect.sync(() => checkStripe(settings.stripe, headers.get("stripe-signature"), body, now))
    case "adyen":
      return Effect.sync(() => checkAdyen(settings.adyen, body))
    case "paypal":
      return Effect.gen(function* () {
        const sent = transmissionOf(settings.paypal, headers)
        if ("genuine" in sent) return sent
        const found = yield* certificates(sent.certificate_path)
        if (found.found === "certificate") return checkPaypal(settings.paypal, sent, found.certificate, body, now)
        if (found.found === "not_trusted") return refuse("certificate_not_trusted")
        return yield* new NotAccepted({ detail: "the certificate of a call-back cannot be fetched" })
      })
  }
}
