/** MISSION 10.1: a payment goes through. */
import { money } from "../narrator.ts"
import { chargesIn, type Scenario } from "../stage.ts"

const LATENCY_MS = 300

export const happy: Scenario = {
  number: 1,
  title: "A payment goes through",
  play: async (stage) => {
    const { api, simulator } = stage
    const wallet = await api.open("ana", 100_000)
    await simulator.behave("stripe", { fault: "none", latency_ms: LATENCY_MS, op: "charge" })
    stage.says(
      `Ana has ${money(wallet.balance)} in her wallet and buys for ${money(25_000)} at the book shop. Stripe takes ` +
        `${LATENCY_MS} ms to charge, as a real provider does.`
    )
    const order = { who: "Ana", wallet: wallet.id, amount: 25_000, merchant: "book-shop", key: "ana-order-1" }
    const { answer, id } = await stage.pays(order, "Stripe charges")
    await stage.timeline("payment", id)
    const after = await stage.balance("Ana", wallet.id, wallet.balance)
    const movements = await stage.ledger(id)
    await stage.told("Ana", id)
    stage.says(`Of the ${Math.round(answer.tookMs)} ms, ${LATENCY_MS} ms are Stripe's.`)
    const charges = chargesIn(movements)
    stage.fact("the payment is COMPLETED", answer.status === 201)
    stage.fact("charged once", charges.length === 1 && charges[0]?.amount === 25_000)
    stage.fact("the wallet paid exactly that", after === 75_000)
    const again = await api.pay(order)
    const same = again.headers.get("idempotent-replayed") === "true" && (await simulator.ledger(id)).length === 1
    stage.fact("the same request again is answered with the same payment, and charges nothing", same)
  }
}
