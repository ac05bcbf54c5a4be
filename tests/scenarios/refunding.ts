/** What the tests of refunds ask again and again: a payment at a provider of their choice, and what moved since. */
import { type Payment, type Provider, paymentOf, type Refund, refundOf } from "./client.ts"
import { eventually } from "./eventually.ts"
import type { Platform } from "./platform.ts"

export const refundsOf = ({ api, sim }: Platform) => {
  const refund = async (id: string): Promise<Refund> => refundOf(await api.get(`/api/v1/refunds/${id}`), 200)
  return {
    refund,
    /** Stripe is first in the order; a decline that another provider may help with leads to PayPal. */
    paid: async (amount: number, provider: Provider = "stripe"): Promise<Payment> => {
      if (provider === "paypal") await sim.behaviour("stripe", { fault: "decline", count: 1 })
      const payment = paymentOf(await api.pay((await api.open(amount)).id, amount))
      if (payment.provider !== provider) throw new Error(`paid at ${payment.provider}, not at ${provider}`)
      return payment
    },
    balanceOf: async ({ wallet_id }: Payment) => (await api.wallet(wallet_id)).balance,
    movementsOf: async ({ id }: Payment) =>
      (await sim.ledger(id)).filter(({ kind }) => kind !== "void").map(({ kind, amount }) => `${kind} ${amount}`),
    /** The keys under which the payment's refunds were asked for at providers. */
    keysOf: async ({ id }: Payment) => [
      ...new Set((await sim.wire(id)).filter(({ op }) => op === "refund").map((it) => it.idempotency_key))
    ],
    ended: (id: string) =>
      eventually(
        `refund ${id} ends`,
        () => refund(id),
        ({ status }) => status !== "pending",
        30_000
      )
  }
}
