/** MISSION 10.3: a provider is silent; then all of them fail. */
import { until } from "../client.ts"
import { money } from "../narrator.ts"
import { BREAKER_RESET_MS, TIMEOUT_MS } from "../platform.ts"
import { chargesIn, type Scenario, type Stage } from "../stage.ts"
import type { Happened } from "../story.ts"
import { textOf } from "../timeline.ts"

const AMOUNT = 7_500
const MERCHANT = "tea-shop"

interface Scene {
  readonly stage: Stage
  readonly wallet: string
}

const pays = ({ stage, wallet }: Scene, key: string, forWhat: string) =>
  stage.pays({ who: "Cleo", wallet, amount: AMOUNT, merchant: MERCHANT, key }, forWhat)

const fenced = (events: ReadonlyArray<Happened>): boolean =>
  events.some(
    (event) => event.type === "GatewayResponseReceived" && event.data["outcome"] === "fenced" && byStripe(event)
  )
const byStripe = (event: Happened): boolean => textOf(event, "provider") === "stripe"

/** How often in a row the provider had failed, as the payment's events tell. */
const failuresIn = (events: ReadonlyArray<Happened>): number =>
  Math.max(0, ...events.map(({ data }) => Number(data["circuit_breaker_failures"] ?? 0)))

const paidByPaypal = async (scene: Scene, name: "first" | "second", key: string) => {
  const { stage } = scene
  const { answer, id } = await pays(scene, key, "Stripe is silent")
  const events = await stage.timeline(name, id, name === "second")
  const movements = await stage.ledger(id)
  stage.fact("Stripe's attempt was cancelled for good before PayPal was asked", fenced(events))
  const charges = chargesIn(movements)
  stage.fact("charged once, by PayPal", answer.status === 201 && charges.length === 1 && !isStripe(charges[0]))
  return events
}
const isStripe = (movement: { readonly provider: string } | undefined) => movement?.provider !== "paypal"

const twoTimeouts = async (scene: Scene) => {
  const { stage } = scene
  await stage.simulator.behave("stripe", { fault: "hang-before" })
  stage.says(
    `Stripe accepts connections and never answers a charge. After ${TIMEOUT_MS} ms nobody knows whether it took the ` +
      "money. Elsewhere a payment would now be charged a second time, or given up though it was paid. Here the " +
      "unknown is a state: Stripe is asked, asked again under the same key, and at last its attempt is cancelled, by " +
      "Stripe's own word. Only then PayPal."
  )
  await paidByPaypal(scene, "first", "cleo-order-1")
  stage.says("The second payment meets the same silence. With the fifth failed try Stripe's breaker opens.")
  const events = await paidByPaypal(scene, "second", "cleo-order-2")
  const failures = failuresIn(events)
  const opened = await stage.platform.metric("circuit_breaker_opened_total")
  stage.fact("the breaker opened at the fifth failure in a row", failures === 5 && opened >= 1, `${failures} failures`)
}

const straight = async (scene: Scene) => {
  const { stage } = scene
  stage.says("The third payment does not wait for Stripe at all.")
  const { answer, id } = await pays(scene, "cleo-order-3", "PayPal charges")
  await stage.timeline("third", id, true)
  const charges = chargesIn(await stage.ledger(id))
  const heard = (await stage.simulator.wire(id)).filter(({ provider }) => provider === "stripe").length
  stage.fact("Stripe heard nothing of it", heard === 0)
  stage.fact("charged once, by PayPal", answer.status === 201 && charges.length === 1 && !isStripe(charges[0]))
}

const allFail = async (scene: Scene) => {
  const { stage, wallet } = scene
  const { balance: before } = await stage.api.wallet(wallet)
  await stage.simulator.behave("paypal", { fault: "5xx-before", code: "503" })
  stage.says("And now PayPal answers 503, while Stripe's breaker is still open: nobody is left.")
  const { answer, id } = await pays(scene, "cleo-order-4", "PayPal is asked what became of it")
  const events = await stage.timeline("fourth", id, true)
  const after = await stage.balance("Cleo", wallet, before)
  const movements = await stage.ledger(id)
  const message = await stage.told("Cleo", id)
  stage.fact("the payment FAILED", answer.status === 502, String(answer.status))
  stage.fact("nobody charged", chargesIn(movements).length === 0)
  const types = events.map(({ type }) => type)
  const order = types.indexOf("WalletRefunded") < types.indexOf("PaymentFailed") && types.includes("WalletRefunded")
  stage.fact("the money was back before the payment was marked FAILED", order && after === before)
  stage.fact("Cleo knows", message.includes("back in your wallet"))
}

const recovers = async (scene: Scene) => {
  const { stage } = scene
  await stage.simulator.reset()
  stage.says(`Both providers work again. After ${BREAKER_RESET_MS / 1000} s one payment may try Stripe.`)
  stage.waits("the breaker's time runs")
  let n = 4
  const { provider } = await until(
    "Stripe charges again",
    async () => {
      const answer = await stage.api.pay({
        wallet: scene.wallet,
        amount: 100,
        merchant: MERCHANT,
        key: `cleo-tip-${n++}`
      })
      return answer.body as { readonly provider: string | null }
    },
    ({ provider }) => provider === "stripe"
  )
  stage.fact("the probe went through and the breaker is closed", provider === "stripe", `paid by ${provider}`)
}

export const timeout: Scenario = {
  number: 3,
  title: "Stripe is silent; PayPal takes over; then nobody answers",
  play: async (stage) => {
    const { id: wallet, balance } = await stage.api.open("cleo", 100_000)
    stage.says(`Cleo has ${money(balance)} and pays ${money(AMOUNT)} at the tea shop, several times.`)
    const scene = { stage, wallet }
    await twoTimeouts(scene)
    await straight(scene)
    await allFail(scene)
    await recovers(scene)
  }
}
