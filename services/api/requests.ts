/** The bodies clients send. The same schemas decode them and are printed in the OpenAPI document. */
import { Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import { Currency, MAX_MINOR } from "../../shared/contract/money.ts"
import { type Problem, problem } from "./problem.ts"
import { RFC3339, SUCH_AS } from "./times.ts"

/** A JSON integer outside, exact up to 2^53 - 1, a bigint inside. */
const integer = (minimum: number, says: string) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum: Number.MAX_SAFE_INTEGER }, { message: says })).pipe(
    Schema.decodeTo(
      Schema.BigInt,
      SchemaTransformation.transform({ decode: (n: number) => BigInt(n), encode: toNumber })
    )
  )
/** Only for schemas that check answers in tests: answers themselves are written from bigints. */
const toNumber = (n: bigint): number => Number(n)

export const Amount = integer(1, `must be a whole number of minor units, 1 to ${MAX_MINOR}, in digits only`)
export const Balance = integer(0, `must be a whole number of minor units, 0 to ${MAX_MINOR}`)

/** An identifier of the client's own: a user, a merchant. */
const Name = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9_.-]{1,64}$/u, { message: "must be 1 to 64 of A-Z a-z 0-9 _ . -" })
)

const TEXT_MAX = 500
/** Postgres keeps no NUL and no half of a surrogate pair; both would only fail later. */
const storable = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000")
const Text = Schema.String.check(
  Schema.isMinLength(1, { message: "must not be empty" }),
  Schema.isMaxLength(TEXT_MAX, { message: `must have at most ${TEXT_MAX} characters` }),
  Schema.makeFilter(storable, { message: "must hold whole characters and no NUL" })
)

const METADATA_MAX = 20
const MetadataKey = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/u))
const Metadata = Schema.Record(MetadataKey, Text).check(
  Schema.isMaxProperties(METADATA_MAX, { message: `must have at most ${METADATA_MAX} entries` })
)

/** A moment, ms inside. */
const Moment = Schema.String.check(
  Schema.isPattern(RFC3339, { message: SUCH_AS }),
  Schema.makeFilter((text: string) => !Number.isNaN(Date.parse(text)) || SUCH_AS)
).pipe(
  Schema.decodeTo(
    Schema.Number,
    SchemaTransformation.transform({
      decode: (text: string) => Date.parse(text),
      encode: (ms: number) => new Date(ms).toISOString()
    })
  )
)

const CurrencyCode = Currency.annotate({ description: "ISO 4217 code" })

export const WalletRequest = Schema.Struct({
  user_id: Name,
  currency: CurrencyCode,
  metadata: Schema.optionalKey(Metadata)
}).annotate({ identifier: "WalletRequest" })

export const CreditRequest = Schema.Struct({ amount: Amount, currency: CurrencyCode, reference: Text }).annotate({
  identifier: "CreditRequest"
})

export const WithdrawalRequest = Schema.Struct(CreditRequest.fields).annotate({ identifier: "WithdrawalRequest" })

/** An operator's reason: 1 to 500 characters (DECISIONS D12). */
export const Reason = Text.annotate({ description: "why; it stands in the audit log" })
export const ReasonRequest = Schema.Struct({ reason: Reason }).annotate({ identifier: "ReasonRequest" })

export const ResolveRequest = Schema.Struct({
  outcome: Schema.Literals(["charged", "not_charged"]),
  evidence: Text.annotate({
    description: "charged: the provider's reference of the charge; not_charged: what your word rests on"
  }),
  reason: Reason
}).annotate({ identifier: "ResolveRequest" })

export const LockRequest = Schema.Struct({ reason: Text }).annotate({ identifier: "LockRequest" })

export const HoldRequest = Schema.Struct({
  amount: Amount,
  currency: CurrencyCode,
  merchant_id: Name,
  expires_at: Schema.optionalKey(Moment)
}).annotate({ identifier: "HoldRequest" })

export const CaptureRequest = Schema.Struct({
  amount: Schema.optionalKey(Amount),
  final: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "CaptureRequest" })

export const VoidRequest = Schema.Struct({ reason: Schema.optionalKey(Text) }).annotate({ identifier: "VoidRequest" })

/** Which of them exist, the store knows: one that does not is 404, whatever it looks like. */
const WalletId = Schema.String.check(
  Schema.isMinLength(1, { message: "must not be empty" }),
  Schema.isMaxLength(64, { message: "must have at most 64 characters" })
)

export const TransferRequest = Schema.Struct({
  source_wallet_id: WalletId,
  destination_wallet_id: WalletId,
  amount: Amount,
  currency: CurrencyCode,
  reference: Schema.optionalKey(Text)
}).annotate({ identifier: "TransferRequest" })

export const PaymentRequest = Schema.Struct({
  wallet_id: WalletId,
  amount: Amount,
  currency: CurrencyCode,
  merchant_id: Name,
  description: Schema.optionalKey(Text),
  metadata: Schema.optionalKey(Metadata)
}).annotate({ identifier: "PaymentRequest" })

export const CancelRequest = Schema.Struct({ reason: Schema.optionalKey(Text) }).annotate({
  identifier: "CancelRequest"
})

export const RefundRequest = Schema.Struct({
  amount: Schema.optionalKey(Amount),
  reason: Schema.optionalKey(Text)
}).annotate({ identifier: "RefundRequest" })

export interface Body<B> {
  readonly schema: Schema.Top
  /** As a client writes it. */
  readonly example?: unknown
  readonly decode: (json: unknown) => Result.Result<B, Problem>
  /** True where a request without a body means `{}`. */
  readonly optional: boolean
  /** Absent: as every other body (body.ts). */
  readonly maxBytes?: number
}

/** Built once per route: unknown fields are refused, and every wrong field is named, not only the first. */
export const body = <B>(
  schema: Schema.Codec<B, unknown>,
  options: { readonly optional?: boolean; readonly example?: unknown } = {}
): Body<B> => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })
  return {
    schema,
    example: options.example,
    decode: (json) => Result.mapError(decode(json), ({ issue }) => invalid(issue)),
    optional: options.optional === true
  }
}

const describe = SchemaIssue.makeFormatterStandardSchemaV1()
const WORDS: Readonly<Record<string, string>> = {
  "Missing key": "is required",
  "Expected no excess property": "is not a known field",
  "Expected string": "must be a string",
  "Expected an integer": `must be a whole number of minor units, 1 to ${MAX_MINOR}, in digits only`,
  "Expected number": `must be a whole number of minor units, 1 to ${MAX_MINOR}, in digits only`
}

const invalid = (issue: SchemaIssue.Issue): Problem => {
  const errors = new Map<string, string>()
  for (const { path = [], message } of describe(issue).issues) {
    const pointer = path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")
    if (!errors.has(pointer)) errors.set(pointer, WORDS[message] ?? message.replace(/^Expected /, "must be "))
  }
  const list = [...errors].map(([pointer, detail]) => ({ detail, pointer: `#${pointer}` }))
  const [field = "", detail = "is not valid"] = errors.entries().next().value ?? []
  const name = field.slice(1)
  return problem("INVALID_REQUEST", { detail: `${name} ${detail}`, details: { field: name }, errors: list })
}
