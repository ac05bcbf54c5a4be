/** MISSION 10.5: everything is killed in mid-flight and started again. */
import { until } from "../client.ts"
import { money } from "../narrator.ts"
import { chargesIn, type Scenario, type Stage } from "../stage.ts"
import type { Happened } from "../story.ts"

const AMOUNT = 6_400

/** Stripe takes the money and never answers; the platform is killed before it could have asked. */
const killInMidFlight = async (stage: Stage, wallet: string): Promise<string> => {
  const { api, simulator, platform } = stage
  await simulator.behave("stripe", { fault: "hang-after", count: 1 })
  const order = { who: "Eve", wallet, amount: AMOUNT, merchant: "flower-shop", key: "eve-order-1" }
  stage.asks(order)
  stage.waits("Stripe charges")
  const answer = api.pay(order).then(
    ({ status }) => `answered ${status}`,
    () => "none: the connection is gone"
  )
  const [charge] = await until(
    "Stripe has charged",
    async () => chargesIn(await simulator.ledger()).filter(({ amount }) => amount === AMOUNT),
    ({ length }) => length > 0
  )
  stage.waits("kill -9")
  await platform.kill9()
  stage.tell({ kind: "silence", text: await answer })
  stage.says("kill -9 of the platform and of its database, one instant after Stripe took the money.")
  return charge?.payment_id ?? ""
}

/** The wallet's balance, added up from its events by a reader who trusts no balance. */
const foldOf = (events: ReadonlyArray<Happened>): number => {
  const signs: Readonly<Record<string, number>> = { WalletCredited: 1, WalletRefunded: 1, WalletDeducted: -1 }
  return events.reduce((sum, { type, data }) => sum + (signs[type] ?? 0) * Number(data["amount"] ?? 0), 0)
}

const startAgain = async (stage: Stage) => {
  const began = performance.now()
  stage.waits("the platform starts on what it left behind")
  await stage.platform.start()
  const took = ((performance.now() - began) / 1000).toFixed(1)
  const seconds = await stage.platform.metric("system_recovery_duration_seconds")
  stage.says(
    `Started again on what it left: ready after ${took} s, ${Math.round(seconds * 1000)} ms of it to catch up. ` +
      "Nobody knows yet what became of the charge, so Stripe is asked. Nothing is sent blindly a second time."
  )
}

export const recovery: Scenario = {
  number: 5,
  title: "Killed in mid-flight, started again",
  play: async (stage) => {
    const { api, simulator } = stage
    const wallet = await api.open("eve", 20_000)
    stage.says(
      `Eve has ${money(wallet.balance)} and pays ${money(AMOUNT)} for flowers. Stripe takes the money; before its ` +
        "answer arrives, the power fails."
    )
    const id = await killInMidFlight(stage, wallet.id)
    await startAgain(stage)
    await until(
      "the payment ends",
      () => api.payment(id),
      ({ status }) => status === "COMPLETED"
    )
    const order = { who: "Eve", wallet: wallet.id, amount: AMOUNT, merchant: "flower-shop", key: "eve-order-1" }
    stage.asks(order, ", once more")
    const again = await api.pay(order)
    const replayed = again.headers.get("idempotent-replayed") === "true"
    stage.answers(again, replayed ? " (Idempotent-Replayed)" : "")
    const events = await stage.timeline("payment", id)
    const after = await stage.balance("Eve", wallet.id, wallet.balance)
    const movements = await stage.ledger(id)
    await stage.told("Eve", id)
    const sends = (await simulator.wire(id)).length
    const recovered = await stage.platform.metric("sagas_recovered_total")
    stage.fact("the open payment was found at the start", recovered === 1, `sagas_recovered_total ${recovered}`)
    stage.fact("charged once", chargesIn(movements).length === 1 && sends > 0)
    const count = (type: string) => events.filter((event) => event.type === type).length
    stage.fact("deducted once, confirmed once", count("WalletDeducted") === 1 && count("PaymentCompleted") === 1)
    stage.fact(
      "the same request again is answered with that payment",
      replayed && (again.body as { id: string }).id === id
    )
    const fold = foldOf(await api.walletEvents(wallet.id))
    stage.fact("the wallet's events add up to its balance", fold === after && after === 20_000 - AMOUNT, money(fold))
  }
}
