/**
 * Every code a client can meet: its HTTP status, its category (MISSION 9), whether the same request may be sent again,
 * and what to do. Titles are constant per code (RFC 9457); `docs/errors.md` is generated from this table.
 */
import { MONEY_ERRORS } from "./errors-money.ts"
import { OPERATOR_ERRORS } from "./errors-operators.ts"
import { type Problem, problem } from "./problem.ts"

export const ERRORS = {
  INVALID_REQUEST: problem(
    400,
    "validation",
    false,
    "The request is not valid",
    "Correct the field that details name."
  ),
  INVALID_JSON: problem(
    400,
    "validation",
    false,
    "The body is not JSON",
    "Send one JSON object, UTF-8, nested at most 8 deep."
  ),
  WEBHOOK_REJECTED: problem(
    400,
    "permanent",
    false,
    "The call-back is not genuine",
    "Nothing of it was kept. Check the secret of the endpoint, and the sender's clock."
  ),
  IDEMPOTENCY_KEY_REQUIRED: problem(
    400,
    "validation",
    false,
    "Idempotency-Key is missing",
    "Send a key of your own, 1 to 255 characters; the same one on each retry."
  ),
  CURRENCY_MISMATCH: problem(
    400,
    "validation",
    false,
    "The wallet keeps another currency",
    "Use the wallet's currency."
  ),
  INSUFFICIENT_FUNDS: problem(
    400,
    "business",
    false,
    "The wallet lacks funds",
    "Top up by deficit_amount, then pay with a new key."
  ),
  INSUFFICIENT_FUNDS_CONCURRENT: problem(
    400,
    "business",
    false,
    "Another payment took the funds first",
    "See concurrent_payment_id; top up, then pay with a new key."
  ),
  UNAUTHENTICATED: problem(
    401,
    "permanent",
    false,
    "The API key is missing or wrong",
    "Send Authorization: Bearer <api key>."
  ),
  PAYMENT_DECLINED: problem(
    402,
    "business",
    false,
    "The provider declined the payment",
    "The money is back in the wallet. Ask the customer for another way to pay."
  ),
  FORBIDDEN: problem(
    403,
    "permanent",
    false,
    "The API key lacks a scope",
    "Use a key with the scope that details name."
  ),
  NOT_FOUND: problem(
    404,
    "validation",
    false,
    "There is nothing at this address",
    "Check path and method against /openapi.json."
  ),
  WALLET_NOT_FOUND: problem(
    404,
    "validation",
    false,
    "No such wallet",
    "Check the id; wallets of other tenants are not visible."
  ),
  PAYMENT_NOT_FOUND: problem(
    404,
    "validation",
    false,
    "No such payment",
    "Check the id; payments of other tenants are not visible."
  ),
  HOLD_NOT_FOUND: problem(
    404,
    "validation",
    false,
    "No such hold",
    "Check the id; a hold that was refused was never made, and holds of other tenants are not visible."
  ),
  REFUND_NOT_FOUND: problem(
    404,
    "validation",
    false,
    "No such refund",
    "Check the id; refunds of other tenants are not visible."
  ),
  METHOD_NOT_ALLOWED: problem(405, "validation", false, "The method is not allowed here", "See the Allow header."),
  WALLET_EXISTS: problem(
    409,
    "conflict",
    false,
    "The user has a wallet in this currency",
    "Use the wallet that details name."
  ),
  IDEMPOTENCY_KEY_IN_USE: problem(
    409,
    "conflict",
    true,
    "The first request with this key is still running",
    "Wait for Retry-After seconds, then send the same request again."
  ),
  PAYMENT_CANCELLED: problem(409, "conflict", false, "The payment was cancelled", "The money is back in the wallet."),
  PAYMENT_NOT_CANCELLABLE: problem(
    409,
    "conflict",
    false,
    "The payment cannot be cancelled any more",
    "Wait for its end; refund it if it completes."
  ),
  PAYMENT_STOPPED: problem(
    409,
    "permanent",
    false,
    "An operator ended the payment",
    "The money is back in the wallet. Ask support before paying again."
  ),
  HOLD_CLOSED: problem(
    409,
    "conflict",
    false,
    "The hold is closed",
    "It was captured or voided, see details; place a new one."
  ),
  HOLD_EXPIRED: problem(
    409,
    "conflict",
    false,
    "The hold has expired",
    "What was left of it is back in the wallet; place a new one."
  ),
  PAYMENT_NOT_REFUNDABLE: problem(
    409,
    "conflict",
    false,
    "The payment cannot be refunded",
    "Only a completed payment can; cancel one that is still open."
  ),
  VERSION_CONFLICT: problem(409, "conflict", true, "Too many writers at once", "Send the same request again."),
  BODY_TOO_LARGE: problem(413, "validation", false, "The body is too large", "Send at most 64 KiB, in bulk 512 KiB."),
  UNSUPPORTED_MEDIA_TYPE: problem(
    415,
    "validation",
    false,
    "The body is not application/json",
    "Send Content-Type: application/json."
  ),
  IDEMPOTENCY_KEY_REUSED: problem(
    422,
    "conflict",
    false,
    "The key was used for another request",
    "Use a new key for a new request."
  ),
  REFUND_EXCEEDS_REMAINDER: problem(
    422,
    "business",
    false,
    "The refund is more than what is left of the payment",
    "Ask for at most refundable_amount; refunds that are pending count."
  ),
  REFUND_LIMIT_REACHED: problem(
    422,
    "business",
    false,
    "The payment has as many refunds as it may have",
    "Pay the user by other means, or ask support."
  ),
  LIMIT_EXCEEDED: problem(
    422,
    "business",
    false,
    "A limit or a merchant's rule forbids the payment",
    "See details for the limit."
  ),
  BALANCE_LIMIT_EXCEEDED: problem(
    422,
    "business",
    false,
    "The balance would exceed 2^53 - 1 minor units",
    "Credit less."
  ),
  CAPTURE_EXCEEDS_HOLD: problem(
    422,
    "business",
    false,
    "The capture exceeds what is left of the hold",
    "Capture at most remaining_amount."
  ),
  HOLD_LIMIT_EXCEEDED: problem(
    422,
    "business",
    false,
    "The wallet has too many open holds",
    "Capture or void one of them first."
  ),
  WALLET_LOCKED: problem(423, "business", false, "The wallet is locked", "Unlock it first."),
  RATE_LIMITED: problem(429, "transient", true, "Too many requests", "Wait for Retry-After seconds."),
  INTERNAL: problem(
    500,
    "permanent",
    true,
    "Something broke on our side",
    "Send the same request with the same key again; tell us the trace_id."
  ),
  GATEWAY_UNAVAILABLE: problem(
    502,
    "transient",
    true,
    "No provider could execute the payment",
    "The money is back in the wallet. Try again later with a new key."
  ),
  UNAVAILABLE: problem(
    503,
    "transient",
    true,
    "The service cannot take requests now",
    "Wait for Retry-After seconds, then send the same request with the same key."
  ),
  PAYMENT_TIMED_OUT: problem(
    504,
    "timeout",
    true,
    "The payment took too long and was undone",
    "The money is back in the wallet. Try again with a new key."
  ),
  ...MONEY_ERRORS,
  ...OPERATOR_ERRORS
} as const satisfies Record<string, Problem>

export type ErrorCode = keyof typeof ERRORS
