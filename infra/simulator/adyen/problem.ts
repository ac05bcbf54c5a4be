/** Adyen's error answers: `{status, errorCode, message, errorType}`, and whether the same key may be tried again. */
import type { Refusal } from "../currency.ts"

export type ErrorType = "validation" | "security" | "configuration" | "internal"

export class Problem extends Error {
  readonly status: number
  readonly body: object
  /** Remembered under the key, and replayed. */
  readonly stored: boolean
  /** `transient-error: true`: later, with the same key. */
  readonly transient: boolean

  constructor(status: number, errorCode: string, message: string, errorType: ErrorType, stored = false, again = false) {
    super(`adyen ${status} ${errorCode}`)
    this.status = status
    this.body = { status, errorCode, message, errorType }
    this.stored = stored
    this.transient = again
  }
}

export const unauthorized = () => new Problem(401, "000", "HTTP Status Response - Unauthorized", "security")
export const wrongMerchant = () => new Problem(403, "901", "Invalid Merchant Account", "security")
export const noRoute = () => new Problem(404, "000", "Not found", "validation")
export const unreadable = () =>
  new Problem(400, "702", "Unexpected input: the request is not a JSON object", "validation")

/** The idempotency layer answers a 422 like a success: it is what the key says from now on. */
export const invalid = (errorCode: string, message: string) => new Problem(422, errorCode, message, "validation", true)
export const missing = (field: string) => invalid("14_006", `Required object '${field}' is not provided.`)
export const noOriginal = () => invalid("167", "Original pspReference required for this operation")
export const refusedAmount = ({ code, message }: Refusal) => invalid(code, message)

export const rateLimited = () => new Problem(429, "429", "Too many requests", "security")

/** `409`, `422`, and `_final` for the answer without the header that allows to try again. */
export const inProgress = (code = "422") => {
  const [status, final] = code.split("_")
  const message = "request already processed or in progress"
  return new Problem(status === "409" ? 409 : 422, "704", message, "validation", false, final !== "final")
}

const SERVER_ERRORS = new Set(["500", "502", "503", "504"])

/** `503_transient` may be tried again with the same key, `503` is what the key says from now on. */
export const serverError = (code = "500") => {
  const [status = "", transient] = code.split("_")
  const known = SERVER_ERRORS.has(status) ? Number(status) : 500
  const again = transient === "transient"
  return new Problem(known, known === 503 ? "905_1" : "905", "Internal error", "internal", !again, again)
}
