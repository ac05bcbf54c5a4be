/**
 * A wallet's statement: what it had, every movement of its balance, what it has then. Made of its events alone, each of
 * which tells the balance it left behind: holds move none, captures do. Pure.
 */
import { Result, Schema } from "effect"
import { decode } from "../../../shared/contract/codec.ts"
import type { EventRecord } from "../records.ts"
import { Balance } from "../requests.ts"
import { iso, Time } from "../resources.ts"

const Id = Schema.String.annotate({ format: "uuid" })

export const StatementEntry = Schema.Struct({
  id: Id.annotate({ description: "of the event" }),
  version: Schema.Int.annotate({ description: "of the wallet; order of the entries" }),
  time: Time,
  kind: Schema.String.annotate({
    description:
      "credit, payment, payment_reversed, refund, capture, transfer_in, transfer_out, withdrawal, withdrawal_returned"
  }),
  amount: Schema.Int.annotate({ description: "minor units; negative: it left the wallet" }),
  balance: Balance.annotate({ description: "after it" }),
  reference: Schema.String.annotate({ description: "id of what moved it: the credit, payment, refund, capture …" }),
  description: Schema.String.annotate({ description: "the client's own words, or who was paid" })
}).annotate({ identifier: "StatementEntry" })

export const Statement = Schema.Struct({
  wallet_id: Id,
  currency: Schema.String,
  from: Time.annotate({ description: "inclusive" }),
  to: Time.annotate({ description: "exclusive" }),
  opening: Balance.annotate({ description: "balance just before `from`" }),
  entries: Schema.Array(StatementEntry),
  closing: Balance.annotate({ description: "opening + the sum of all entries" })
}).annotate({ identifier: "Statement" })

export interface Entry {
  readonly id: string
  readonly version: number
  readonly time: string
  readonly kind: string
  /** Minor units, signed. */
  readonly amount: bigint
  readonly balance: bigint
  readonly reference: string
  readonly description: string
}

/** What frames the entries. */
export interface Frame {
  readonly wallet_id: string
  readonly currency: string
  readonly from: string
  readonly to: string
  readonly opening: bigint
  readonly closing: bigint
}

interface Kind {
  readonly kind: string
  readonly reference: string
  readonly description?: string
}

/** Event → how clients call it, and which of its data says what it was for. */
const KINDS: Readonly<Record<string, Kind>> = {
  WalletCredited: { kind: "credit", reference: "credit_id", description: "reference" },
  WalletDeducted: { kind: "payment", reference: "payment_id" },
  WalletRefunded: { kind: "payment_reversed", reference: "payment_id" },
  WalletRefundReceived: { kind: "refund", reference: "refund_id" },
  HoldCaptured: { kind: "capture", reference: "capture_id", description: "merchant_id" },
  TransferSent: { kind: "transfer_out", reference: "transfer_id", description: "reference" },
  WithdrawalRequested: { kind: "withdrawal", reference: "withdrawal_id", description: "reference" },
  WithdrawalFailed: { kind: "withdrawal_returned", reference: "withdrawal_id", description: "reason" },
  TransferReceived: { kind: "transfer_in", reference: "transfer_id", description: "reference" }
}

type Told = Readonly<Record<string, unknown>>

/** The entries among some events that follow each other; `before`: the balance they began with. */
export const entriesOf = (events: ReadonlyArray<EventRecord>, before: bigint): ReadonlyArray<Entry> => {
  let balance = before
  return events.flatMap((event) => {
    const { id, type, stream, cause, body, version } = event
    const message = Result.getOrThrow(decode(body, { id, type, subject: stream, causationid: cause }))
    const told = message.data as Told
    const after = told["balance"]
    if (typeof after !== "bigint" || after === balance) return []
    const { kind, reference, description = "" } = KINDS[type] ?? { kind: type, reference: "" }
    const entry: Entry = {
      id,
      version,
      time: iso(message.time),
      kind,
      amount: after - balance,
      balance: after,
      reference: textOf(told[reference]),
      description: textOf(told[description])
    }
    balance = after
    return [entry]
  })
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")
