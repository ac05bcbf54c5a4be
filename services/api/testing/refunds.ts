/** Refunds of the API in memory: each is done as soon as it is asked for. */
import { Effect } from "effect"
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import type { Fact, Message } from "../../../shared/contract/envelope.ts"
import type { RefundRecord, Store } from "../records.ts"

type Owned = RefundRecord & { readonly tenant: string }

const TIME = Date.parse(EXAMPLE.time)
const AMOUNT = 40_000n

export class RefundWorld {
  readonly all = new Map<string, Owned>()

  add(refund: Partial<Owned> & Pick<Owned, "id" | "payment_id">): void {
    this.all.set(refund.id, {
      tenant: "default",
      user_id: "ana",
      amount: AMOUNT,
      currency: "USD",
      status: "succeeded",
      reason: null,
      provider: "stripe",
      provider_reference: "re_1",
      failure: null,
      created_at: TIME,
      completed_at: TIME,
      updated_at: TIME,
      ...refund
    })
  }

  request({ id, tenant, data }: Message): Fact {
    const { payment_id } = data as { readonly payment_id: string }
    this.add({ id, payment_id, tenant })
    const order = { wallet_id: EXAMPLE.wallet, user_id: "ana", merchant_id: "book-shop", currency: "USD" }
    return { type: "RefundRequested", data: { ...order, amount: AMOUNT, ...(data as object) } }
  }

  reads(): Pick<Store["Service"], "refund" | "refunds" | "refundsEnded"> {
    const found = (matches: (refund: Owned) => boolean) => Effect.sync(() => [...this.all.values()].filter(matches))
    return {
      refund: (tenant, id) =>
        Effect.map(
          found((it) => it.id === id && it.tenant === tenant),
          ([refund]) => refund
        ),
      refunds: ({ payment_id, after = "", limit }) =>
        Effect.map(
          found((it) => it.payment_id === payment_id && it.id > after),
          (refunds) => refunds.slice(0, limit)
        ),
      refundsEnded: (ids) => found((it) => ids.includes(it.id) && it.status !== "pending")
    }
  }
}
