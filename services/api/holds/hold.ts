/** A hold as clients see it: from its row, or as one of its events left it. */
import { Schema } from "effect"
import type { FactOf } from "../../../shared/contract/catalogue.ts"
import type { Message } from "../../../shared/contract/envelope.ts"
import type { HoldEvents } from "../../../shared/contract/holds.ts"
import { Amount, Balance } from "../requests.ts"
import { iso, Time } from "../resources.ts"

const HoldStatus = Schema.Literals(["held", "partially_captured", "captured", "voided", "expired"])
export type HoldStatus = typeof HoldStatus.Type

export interface HoldRecord {
  readonly id: string
  readonly wallet_id: string
  readonly user_id: string
  readonly merchant_id: string
  readonly currency: string
  /** `amount` = captured + remaining + released. */
  readonly amount: bigint
  readonly captured_amount: bigint
  readonly remaining_amount: bigint
  readonly released_amount: bigint
  readonly status: HoldStatus
  /** ms */
  readonly expires_at: number
  readonly version: number
  readonly created_at: number
  readonly updated_at: number
}

export interface HoldFilter {
  readonly tenant: string
  readonly wallet_id: string
  /** Older than this hold. */
  readonly after?: string | undefined
  readonly limit: number
}

const Id = Schema.String.annotate({ format: "uuid" })

export const Hold = Schema.Struct({
  id: Id,
  wallet_id: Id,
  user_id: Schema.String,
  merchant_id: Schema.String,
  amount: Amount,
  currency: Schema.String,
  status: HoldStatus.annotate({
    description:
      "held; partially_captured while some is left; ends as captured (what a final capture left is released), voided " +
      "or expired"
  }),
  captured_amount: Balance,
  remaining_amount: Balance.annotate({ description: "may still be captured" }),
  released_amount: Balance.annotate({ description: "went back to the wallet" }),
  expires_at: Time,
  version: Schema.Int.annotate({ description: "of the wallet, at the hold's last change" }),
  created_at: Time,
  updated_at: Time
}).annotate({ identifier: "Hold" })

export const HoldCapture = Schema.Struct({
  ...Hold.fields,
  capture: Schema.Struct({ id: Id, amount: Amount, final: Schema.Boolean })
}).annotate({ identifier: "HoldCapture" })

/** A hold whose time is up is expired, also before the event that says so. */
export const asOf = (record: HoldRecord, now: number): HoldRecord =>
  record.remaining_amount === 0n || record.expires_at > now
    ? record
    : {
        ...record,
        status: "expired",
        remaining_amount: 0n,
        released_amount: record.released_amount + record.remaining_amount,
        updated_at: record.expires_at
      }

/** Changes with whatever a client is shown: the version alone does not tell a lapse. */
export const etagOf = (record: HoldRecord, shown: HoldRecord): string =>
  shown === record ? `"${record.version}"` : `"${record.version}-expired"`

export const holdView = (record: HoldRecord): typeof Hold.Type => {
  const { id, wallet_id, user_id, merchant_id, amount, currency, status, version } = record
  const { captured_amount, remaining_amount, released_amount } = record
  return {
    id,
    wallet_id,
    user_id,
    merchant_id,
    amount,
    currency,
    status,
    captured_amount,
    remaining_amount,
    released_amount,
    expires_at: iso(record.expires_at),
    version,
    created_at: iso(record.created_at),
    updated_at: iso(record.updated_at)
  }
}

type Fact = FactOf<typeof HoldEvents>
type Placed = Extract<Fact, { readonly type: "FundsHeld" }>["data"]
type Captured = Extract<Fact, { readonly type: "HoldCaptured" }>["data"]

/** The answer to the request that placed it, again, whatever has become of it since. */
export const asPlaced = ({ data, time }: Message, version: number, user_id: string): HoldRecord => {
  const { hold_id, wallet_id, merchant_id, currency, amount, expires_at, held_at } = data as Placed
  return {
    id: hold_id,
    wallet_id,
    user_id,
    merchant_id,
    currency,
    amount,
    captured_amount: 0n,
    remaining_amount: amount,
    released_amount: 0n,
    status: "held",
    expires_at,
    version,
    created_at: held_at,
    updated_at: time
  }
}

/** The answer to the request that captured. A remainder is released by the next event of the same commit. */
export const captureView = ({ data, time }: Message, version: number, user_id: string): typeof HoldCapture.Type => {
  const event = data as Captured
  const { amount, capture_id, captured_amount, final, remaining_amount } = event
  const releases = final && remaining_amount > 0n
  const hold: HoldRecord = {
    ...asPlaced({ data: { ...event, amount: event.hold_amount }, time } as Message, version, user_id),
    captured_amount,
    remaining_amount: releases ? 0n : remaining_amount,
    released_amount: releases ? remaining_amount : 0n,
    status: releases || remaining_amount === 0n ? "captured" : "partially_captured",
    version: releases ? version + 1 : version
  }
  return { ...holdView(hold), capture: { id: capture_id, amount, final } }
}
