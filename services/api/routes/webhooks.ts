/**
 * Call-backs of the providers. No API key: the signature is the proof, and it is checked by whoever knows the secrets
 * (the gateway, behind the port). Here they are only handed over, as the bytes they came as, and answered as each
 * provider wants it: 2xx once they are kept, 5xx where they cannot be, so that they come again.
 */
import { Effect, Schema } from "effect"
import { Provider } from "../../../shared/contract/provider.ts"
import { NotAccepted } from "../../../shared/runtime/commands.ts"
import { WEBHOOK_BODY_MAX_BYTES } from "../../../shared/runtime/webhooks.ts"
import { problem } from "../problem.ts"
import { type Answer, json } from "../responses.ts"
import { type Described, type Parameter, type Raw, type Route, route } from "../route.ts"
import type { Parts } from "./parts.ts"

/** Adyen stops delivering whatever is not answered within 10 s. */
const PATIENCE_MS = 8_000
const tooLong = new NotAccepted({ detail: `a call-back was not kept within ${PATIENCE_MS} ms` })

const header = (name: string, description: string): Parameter => ({
  name,
  in: "header",
  description,
  schema: { type: "string" }
})

interface Spoken {
  readonly name: string
  readonly signed: string
  readonly headers: ReadonlyArray<Parameter>
  readonly example: unknown
  /** What the provider takes for an acknowledgement. */
  readonly accepted: readonly [status: number, Described, () => Answer]
}

const Received = Schema.Struct({ received: Schema.Boolean })
const received: Spoken["accepted"] = [
  200,
  { says: "Kept, or known already", schema: Received, example: { received: true } },
  () => json(200, { received: true })
]

const ACCEPTED = "[accepted]"
const accepted: Spoken["accepted"] = [
  202,
  { says: "Kept, or known already", schema: Schema.String, type: "text/plain", example: ACCEPTED },
  () => ({ status: 202, body: ACCEPTED, headers: { "content-type": "text/plain" } })
]

const SPOKEN: Readonly<Record<Provider, Spoken>> = {
  stripe: {
    name: "Stripe",
    signed: "`Stripe-Signature`: HMAC-SHA256 of time and body, one for each secret while they are rotated",
    headers: [header("Stripe-Signature", "t=<seconds>,v1=<hex>[,v1=<hex>]")],
    example: {
      id: "evt_3QK",
      object: "event",
      type: "payment_intent.succeeded",
      data: { object: { id: "pi_3QK", object: "payment_intent", status: "succeeded" } }
    },
    accepted: received
  },
  paypal: {
    name: "PayPal",
    signed: "RSA-SHA256 of transmission, webhook id and CRC-32 of the body, by a certificate of PayPal's own host",
    headers: [
      header("PayPal-Transmission-Id", "Of this delivery"),
      header("PayPal-Transmission-Time", "When it was sent"),
      header("PayPal-Transmission-Sig", "The signature, base64"),
      header("PayPal-Cert-Url", "Whose key it is made with"),
      header("PayPal-Auth-Algo", "SHA256withRSA")
    ],
    example: {
      id: "WH-2WR32451HC0233532-67976317FL4543714",
      event_type: "PAYMENT.CAPTURE.COMPLETED",
      resource_type: "capture",
      resource: { id: "3C679366HH908993F", status: "COMPLETED" }
    },
    accepted: received
  },
  adyen: {
    name: "Adyen",
    signed: "`additionalData.hmacSignature` of each item: HMAC-SHA256 of eight of its values",
    headers: [],
    example: {
      live: "false",
      notificationItems: [
        {
          NotificationRequestItem: {
            pspReference: "7914073381342284",
            merchantAccountCode: "TestMerchant",
            merchantReference: "TestPayment-1407325143704",
            amount: { currency: "EUR", value: 1130 },
            eventCode: "AUTHORISATION",
            success: "true",
            additionalData: { hmacSignature: "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=" }
          }
        }
      ]
    },
    accepted
  }
}

export const webhookRoutes = ({ webhooks }: Pick<Parts, "webhooks">): ReadonlyArray<Route> =>
  Provider.literals.map((provider) => {
    const { name, signed, headers, example, accepted } = SPOKEN[provider]
    const [status, described, answer] = accepted
    const raw: Raw = { maxBytes: WEBHOOK_BODY_MAX_BYTES, says: `As ${name} signs it. ${signed}.`, example }
    return route<Uint8Array>({
      method: "POST",
      path: `/webhooks/${provider}`,
      operation: `${provider}Webhook`,
      summary: `${name} tells what became of a payment: in any order, and as often as it likes`,
      parameters: headers,
      raw,
      answers: { [status]: described },
      problems: ["WEBHOOK_REJECTED", "BODY_TOO_LARGE", "INVALID_JSON", "INTERNAL", "UNAVAILABLE"],
      handle: ({ headers, body }) =>
        webhooks.receive(provider, headers, body).pipe(
          Effect.timeoutOrElse({ duration: PATIENCE_MS, orElse: () => Effect.fail(tooLong) }),
          Effect.flatMap(({ accepted }) =>
            accepted ? Effect.succeed(answer()) : Effect.fail(problem("WEBHOOK_REJECTED"))
          )
        )
    })
  })
