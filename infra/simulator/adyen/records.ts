/** What Adyen remembers. Amounts are ISO minor units here and become Adyen's own only on the wire. */
import type { Outside } from "../provider.ts"
import type { Table } from "../world.ts"

export type Payment = {
  /** The pspReference by which captures, cancels and refunds name it. */
  readonly id: string
  readonly created: number
  readonly reference: string
  readonly payment_id: string | null
  readonly merchantAccount: string
  readonly amount: number
  readonly currency: string
  /** `scheme` for a card: what was charged. */
  readonly method: string
  readonly result: "Authorised" | "Refused" | "Error" | "Cancelled" | "Received"
  readonly refusal?: string | undefined
  /** Captured by itself as soon as it is authorised. */
  readonly automatic: boolean
  readonly cancelled: boolean
  readonly captured: number
  readonly refunded: number
}

/** All of them are accepted first and carried out afterwards; what became of them is told by webhook only. */
export type Modification = {
  readonly id: string
  readonly created: number
  readonly kind: "capture" | "cancel" | "technicalCancel" | "refund" | "reversal"
  /** Absent: a technical cancel whose reference nobody has seen. */
  readonly payment?: string | undefined
  readonly merchantAccount: string
  readonly reference?: string | undefined
  readonly amount?: number | undefined
  readonly currency?: string | undefined
  readonly status: "received" | "done" | "failed"
  /** Why the bank will refuse it, as the control plane has armed it. */
  readonly refusal?: string | undefined
  /** An automatic capture, of which no webhook tells. */
  readonly silent?: boolean | undefined
}

/** The first answer under a key, word for word. */
export type Key = { readonly id: string; readonly at: number; readonly status: number; readonly body: string }

export type Store = {
  readonly outside: Outside
  readonly hmacKey: string | undefined
  readonly payments: Table<Payment>
  /** pspReferences by merchant reference: what a technical cancel looks for. */
  readonly byReference: Map<string, string>
  readonly modifications: Table<Modification>
  readonly keys: Table<Key>
}

export const makeStore = (outside: Outside, hmacKey: string | undefined): Store => {
  const byReference = new Map<string, string>()
  const payments = outside.world.table<Payment>("adyen.payment", (payment) => {
    byReference.set(payment.reference, payment.id)
    return payment
  })
  const modifications = outside.world.table<Modification>("adyen.modification")
  const keys = outside.world.table<Key>("adyen.key")
  return { outside, hmacKey, payments, byReference, modifications, keys }
}

/** The platform's own id: merchant references are unique per attempt, `{payment_id}-{n}`. */
export const paymentIdOf = (reference: string): string => reference.replace(/-\d{1,6}$/, "")
