/** MISSION 10.2: the wallet does not hold enough. */
import type { Problem } from "../client.ts"
import { money } from "../narrator.ts"
import type { Scenario } from "../stage.ts"

export const funds: Scenario = {
  number: 2,
  title: "Not enough in the wallet",
  play: async (stage) => {
    const { api, simulator } = stage
    const wallet = await api.open("ben", 25_000)
    stage.says(`Ben has ${money(wallet.balance)} and wants to pay ${money(100_000)}.`)
    const order = { who: "Ben", wallet: wallet.id, amount: 100_000, merchant: "bike-shop", key: "ben-order-1" }
    const { answer, id } = await stage.pays(order, "the wallet is asked")
    await stage.timeline("payment", id)
    const after = await stage.balance("Ben", wallet.id, wallet.balance)
    await stage.ledger(id)
    const message = await stage.told("Ben", id)
    const { code, details } = (answer.body as Problem).error
    stage.fact("refused as a client's matter", answer.status === 400 && code === "INSUFFICIENT_FUNDS", `400 ${code}`)
    const figures = ["requested_amount", "available_balance", "deficit_amount"].map((name) => Number(details[name]))
    const seen = `${money(figures[2] ?? 0)} missing`
    stage.fact("the answer has the three figures", figures.join() === "100000,25000,75000", seen)
    stage.fact("no provider was called", (await simulator.wire(id)).length === 0)
    stage.fact("nothing left the wallet", after === 25_000)
    const helps = message.includes("250.00 USD") && /top up at least 750.00 USD/.test(message)
    stage.fact("the message names the balance and suggests a top-up", helps)
  }
}
