/** What PayPal remembers. Amounts are ISO minor units here and become decimal strings only on the wire. */
import type { Outside } from "../provider.ts"
import type { Table } from "../world.ts"

export type Order = {
  readonly id: string
  readonly created: number
  readonly intent: "CAPTURE" | "AUTHORIZE"
  readonly status: "CREATED" | "APPROVED" | "COMPLETED" | "PAYER_ACTION_REQUIRED"
  readonly reference_id: string
  readonly custom_id?: string | undefined
  readonly invoice_id?: string | undefined
  readonly description?: string | undefined
  readonly amount: number
  readonly currency: string
  /** `card`, `paypal`, …: what will be charged, once it is known. */
  readonly source?: string | undefined
  readonly authorization?: string | undefined
  readonly capture?: string | undefined
}

export type Authorization = {
  readonly id: string
  readonly created: number
  readonly order: string
  readonly status: "CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED" | "VOIDED"
  readonly amount: number
  readonly currency: string
  readonly custom_id?: string | undefined
  readonly invoice_id?: string | undefined
  readonly captured: number
  readonly captures: ReadonlyArray<string>
}

export type Capture = {
  readonly id: string
  readonly created: number
  readonly order: string
  readonly authorization?: string | undefined
  readonly status: "COMPLETED" | "DECLINED" | "PENDING" | "PARTIALLY_REFUNDED" | "REFUNDED"
  readonly amount: number
  readonly currency: string
  readonly custom_id?: string | undefined
  readonly invoice_id?: string | undefined
  readonly final: boolean
  readonly refunded: number
  /** The issuer's answer when the capture exists but was declined. */
  readonly response_code?: string | undefined
}

export type Refund = {
  readonly id: string
  readonly created: number
  readonly capture: string
  readonly status: "COMPLETED" | "PENDING"
  readonly amount: number
  readonly currency: string
  readonly custom_id?: string | undefined
  readonly invoice_id?: string | undefined
  readonly note?: string | undefined
}

/** A request id points at what it made; the answer to a repetition is that thing's *latest* state. */
export type Key = { readonly id: string; readonly at: number; readonly of: string }

/** Invoice ids are unique per account ("block duplicate invoice ids" is on); `owner` may use its own again. */
export type Invoice = { readonly id: string; readonly owner: string }

export type OAuth = { readonly id: "oauth"; readonly expires_in: number; readonly generation: number }

export type Store = {
  readonly outside: Outside
  readonly orders: Table<Order>
  readonly authorizations: Table<Authorization>
  readonly captures: Table<Capture>
  readonly refunds: Table<Refund>
  readonly keys: Table<Key>
  readonly invoices: Table<Invoice>
  readonly oauth: Table<OAuth>
}

export const makeStore = (outside: Outside): Store => ({
  outside,
  orders: outside.world.table<Order>("paypal.order"),
  authorizations: outside.world.table<Authorization>("paypal.authorization"),
  captures: outside.world.table<Capture>("paypal.capture"),
  refunds: outside.world.table<Refund>("paypal.refund"),
  keys: outside.world.table<Key>("paypal.key"),
  invoices: outside.world.table<Invoice>("paypal.invoice"),
  oauth: outside.world.table<OAuth>("paypal.oauth")
})
