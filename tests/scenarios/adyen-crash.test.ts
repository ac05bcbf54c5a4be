/** The process dies around each of the two charge calls at Adyen: what it sent goes again under its key, taken once. */
import { afterAll, expect, test } from "bun:test"
import { paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf } from "./records.ts"

const platform = await startPlatform({
  env: { GATEWAY_PROVIDERS: "adyen,paypal", GATEWAY_TIMEOUT_MS: "4000", RECOVERY_INTERVAL_MS: "60000" }
})
const { api, sim } = platform
afterAll(platform.stop)

const AMOUNT = 6_400

for (const [what, point] of [
  ["F04 the authorisation is committed and not sent", "gateway.before-call:1"],
  ["F05 authorised, and not recorded", "gateway.after-call:1"],
  ["F04 the capture is committed and not sent", "gateway.before-call:2"],
  ["F05 captured, and not recorded", "gateway.after-call:2"]
] as const)
  test(`P12 ${what} (${point}): one authorisation, one capture, COMPLETED`, async () => {
    const wallet = await api.open(AMOUNT)
    await platform.terminate()
    await platform.restart({ CRASH_AT: point })
    const pay = () => api.pay(wallet.id, AMOUNT, { key: point, prefer: "wait=10" })
    const cutOff = await pay().then(
      () => false,
      () => true
    )
    expect(cutOff).toBe(true)
    await platform.ended()
    await platform.restart()
    const payment = paymentOf(await pay())
    expect(payment).toMatchObject({ status: "COMPLETED", provider: "adyen" })
    expect(await sim.ledger(payment.id)).toMatchObject([{ provider: "adyen", kind: "charge", amount: AMOUNT }])
    expect((await chargesOnWire(platform, payment.id)).changed).toEqual([])
    expect((await sim.wire(payment.id)).filter(({ op }) => op === "cancel")).toEqual([])
    const story = await streamOf(platform, `wallet-${wallet.id}`)
    expect(story.filter(({ type }) => type === "WalletDeducted")).toHaveLength(1)
    expect((await api.wallet(wallet.id)).balance).toBe(0)
  })

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
