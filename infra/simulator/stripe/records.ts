/** What Stripe remembers, as compact records; the wire shapes are made from them in render.ts when somebody asks. */
import type { Outside } from "../provider.ts"
import type { Table } from "../world.ts"

export type Decline = {
  readonly decline_code: string
  readonly charge: string | null
  readonly payment_method: string | null
}

export type Intent = {
  readonly id: string
  readonly created: number
  readonly amount: number
  readonly currency: string
  readonly status:
    | "requires_payment_method"
    | "requires_confirmation"
    | "requires_action"
    | "processing"
    | "requires_capture"
    | "canceled"
    | "succeeded"
  readonly capture_method: string
  readonly payment_method?: string | undefined
  readonly customer?: string | undefined
  readonly description?: string | undefined
  readonly receipt_email?: string | undefined
  readonly statement_descriptor?: string | undefined
  readonly setup_future_usage?: string | undefined
  readonly metadata: Record<string, string>
  readonly charge?: string | undefined
  readonly received: number
  readonly capturable: number
  readonly decline?: Decline | undefined
  readonly canceled_at?: number | undefined
  readonly cancellation_reason?: string | undefined
  /** Of the request that confirmed it: an event that comes later still names it. */
  readonly confirmed_by?: string | undefined
}

export type Charge = {
  readonly id: string
  readonly intent: string
  readonly created: number
  readonly amount: number
  readonly status: "pending" | "succeeded" | "failed"
  readonly captured: number
  readonly refunded: number
  readonly payment_method?: string | undefined
  readonly decline?: Decline | undefined
  readonly reversed?: boolean | undefined
}

export type Refund = {
  readonly id: string
  readonly intent: string
  readonly charge: string
  readonly created: number
  readonly amount: number
  readonly currency: string
  readonly status: "pending" | "succeeded" | "failed"
  readonly reason?: string | undefined
  readonly metadata: Record<string, string>
}

/**
 * The answer a key was given for ever. A success names the records it showed (`of`) and holds those very versions
 * (`shown`, found again on replay of the journal because the key is written after them); an error keeps its body.
 */
export type Key = {
  readonly id: string
  readonly request: string
  readonly at: number
  readonly status: number
  readonly request_id: string
  readonly body?: string | undefined
  readonly of?: Of | undefined
  readonly shown?: Shown | undefined
}

export type Of = { readonly intent?: string | undefined; readonly refund?: string | undefined }
export type Shown = {
  readonly intent?: Intent | undefined
  readonly charge?: Charge | undefined
  readonly refund?: Refund | undefined
}

export type Store = {
  readonly outside: Outside
  readonly intents: Table<Intent>
  readonly charges: Table<Charge>
  readonly refunds: Table<Refund>
  readonly keys: Table<Key>
}

/** Who asked: events carry the request's id and key. */
export type Asked = { readonly request_id: string | null; readonly key: string | null }

export const NOBODY: Asked = { request_id: null, key: null }

export const makeStore = (outside: Outside): Store => {
  const intents = outside.world.table<Intent>("stripe.intent")
  const charges = outside.world.table<Charge>("stripe.charge")
  const refunds = outside.world.table<Refund>("stripe.refund")
  const keys = outside.world.table<Key>("stripe.key", (key) => {
    if (key.of === undefined) return key
    const intent = key.of.intent === undefined ? undefined : intents.get(key.of.intent)
    const charge = intent?.charge === undefined ? undefined : charges.get(intent.charge)
    const refund = key.of.refund === undefined ? undefined : refunds.get(key.of.refund)
    return { ...key, shown: { intent, charge, refund } }
  })
  return { outside, intents, charges, refunds, keys }
}
