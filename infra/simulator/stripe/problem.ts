/** Stripe's error answers. `stored` says whether execution had begun, which decides whether the key remembers it. */
import type { Intent } from "./records.ts"

export type ErrorBody = {
  readonly type: "api_error" | "card_error" | "idempotency_error" | "invalid_request_error"
  readonly message: string
  readonly code?: string | undefined
  readonly decline_code?: string | undefined
  readonly advice_code?: string | undefined
  readonly network_decline_code?: string | undefined
  readonly param?: string | undefined
  readonly charge?: string | null | undefined
}

export class Problem extends Error {
  readonly status: number
  readonly error: ErrorBody
  readonly stored: boolean
  readonly intent: Intent | undefined
  readonly headers: { readonly [name: string]: string }

  constructor(
    status: number,
    error: ErrorBody,
    more: {
      readonly stored?: boolean
      readonly intent?: Intent | undefined
      readonly headers?: { readonly [name: string]: string }
    } = {}
  ) {
    super(error.message)
    this.status = status
    this.error = error
    this.stored = more.stored ?? false
    this.intent = more.intent
    this.headers = more.headers ?? {}
  }
}

export const invalid = (message: string, code?: string, param?: string): Problem =>
  new Problem(400, { type: "invalid_request_error", code, message, param })

export const missing = (what: string, id: string, param: string): Problem =>
  new Problem(404, {
    type: "invalid_request_error",
    code: "resource_missing",
    message: `No such ${what}: '${id}'`,
    param
  })

/** A state error is the result of an execution, so the key keeps it. */
export const unexpectedState = (message: string, intent: Intent): Problem => {
  const error = { type: "invalid_request_error", code: "payment_intent_unexpected_state", message } as const
  return new Problem(400, error, { stored: true, intent })
}

export const unauthorized = (): Problem =>
  new Problem(401, {
    type: "invalid_request_error",
    message: "You did not provide an API key. You need to provide your API key in the Authorization header."
  })

export const keyInUse = (key: string): Problem =>
  new Problem(409, {
    type: "idempotency_error",
    code: "idempotency_key_in_use",
    message: `There is currently another in-progress request using this Stripe idempotency key (${key}).`
  })

export const keyMismatch = (key: string): Problem =>
  new Problem(400, {
    type: "idempotency_error",
    message:
      "Keys for idempotent requests can only be used with the same parameters they were first used with. " +
      `Try using a key other than '${key}' if you meant to execute a different request.`
  })

export const rateLimited = (code: string | undefined): Problem =>
  code === "lock_timeout"
    ? new Problem(
        429,
        {
          type: "invalid_request_error",
          code,
          message: "This object cannot be accessed right now because another API request is currently accessing it."
        },
        { headers: { "stripe-should-retry": "true" } }
      )
    : new Problem(429, { type: "invalid_request_error", code: "rate_limit", message: "Request rate limit exceeded." })

const SERVER_ERRORS = new Set(["500", "502", "503", "504"])

export const serverError = (code: string | undefined): Problem =>
  new Problem(
    code !== undefined && SERVER_ERRORS.has(code) ? Number(code) : 500,
    { type: "api_error", message: "An unknown error occurred" },
    { stored: true, headers: { "stripe-should-retry": "false" } }
  )

const OWN_CODE = new Set("expired_card incorrect_cvc incorrect_number incorrect_zip processing_error".split(" "))
const NEVER_AGAIN = new Set(
  (
    "lost_card stolen_card pickup_card fraudulent merchant_blacklist do_not_try_again restricted_card " +
    "revocation_of_authorization"
  ).split(" ")
)
const CONFIRM_DATA = new Set("expired_card incorrect_cvc incorrect_number incorrect_zip".split(" "))

/** Most decline codes come under `card_declined`; a few are error codes themselves. */
export const codeOfDecline = (decline: string): string =>
  OWN_CODE.has(decline) || decline === "authentication_required" ? decline : "card_declined"

const adviceOf = (decline: string): string =>
  NEVER_AGAIN.has(decline) ? "do_not_try_again" : CONFIRM_DATA.has(decline) ? "confirm_card_data" : "try_again_later"

const messageOf = (decline: string): string => {
  if (decline === "insufficient_funds") return "Your card has insufficient funds."
  if (decline === "expired_card") return "Your card has expired."
  if (decline === "incorrect_cvc") return "Your card's security code is incorrect."
  if (decline === "processing_error") return "An error occurred while processing your card. Try again in a little bit."
  if (decline === "authentication_required") return "Your card was declined. This transaction requires authentication."
  return "Your card was declined."
}

export const declineBody = (decline: string, charge: string | null): ErrorBody => ({
  type: "card_error",
  code: codeOfDecline(decline),
  decline_code: decline,
  advice_code: adviceOf(decline),
  message: messageOf(decline),
  charge
})
