/** The connection dies around a commit (RELIABILITY F43): nobody knows if it was done, and nothing waits for it. */
import { afterAll, expect, test } from "bun:test"
import { paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf, toldTo } from "./records.ts"
import { type Loss, type Wire, wireTo } from "./wire.ts"

let wire: Wire | undefined
/** Every deadline that could help later is far away: what ends in time has found out by itself. */
const platform = await startPlatform({
  env: { RECOVERY_INTERVAL_MS: "60000", GATEWAY_BACKOFF_MS: "20" },
  through: async (url) => {
    wire = await wireTo(url)
    return wire.url
  }
})
const { api, sim } = platform
afterAll(async () => {
  await platform.stop()
  wire?.close()
})

const AMOUNT = 4_200
/** Far below the 60 s of the saga's step and of the gateway's next look. */
const WITHIN_MS = 5_000

/** Whose commit, and an event it brings: every kind of commit on a payment's way. */
const commits: ReadonlyArray<readonly [service: string, event: string]> = [
  ["payment", "PaymentInitiated"],
  ["saga", "SagaStarted"],
  ["wallet", "WalletBalanceChecked"],
  ["wallet", "WalletDeducted"],
  ["saga", "SagaStepCompleted"],
  ["gateway", "GatewayRequestSent"],
  ["gateway", "GatewayResponseReceived"],
  ["payment", "PaymentCompleted"],
  ["saga", "SagaCompleted"],
  ["notification", "UserNotified"]
]

for (const [service, event] of commits)
  for (const loses of ["request", "answer"] satisfies ReadonlyArray<Loss>)
    test(`F43 the ${loses} of the commit of ${event} is lost: one deduction, one charge, and at once`, async () => {
      const wallet = await api.open(AMOUNT * 2)
      const before = wire?.cuts() ?? 0
      wire?.cut({ connection: `journal-${service}`, holds: event, loses })
      const began = performance.now()
      const answer = await api.pay(wallet.id, AMOUNT, { key: `f43 ${event} ${loses}` })
      const { id } = paymentOf(answer)
      expect(performance.now() - began).toBeLessThan(WITHIN_MS)
      await toldTo(platform, id)
      expect((wire?.cuts() ?? 0) - before).toBe(1)
      expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
      expect((await chargesOnWire(platform, id)).changed).toEqual([])
      const spent = (await streamOf(platform, `wallet-${wallet.id}`)).filter(({ type }) => type === "WalletDeducted")
      expect(spent).toHaveLength(1)
      expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT)
      const again = await api.pay(wallet.id, AMOUNT, { key: `f43 ${event} ${loses}` })
      expect([paymentOf(again).id, again.headers.get("idempotent-replayed")]).toEqual([id, "true"])
    })

test("F43 a decline whose answer is lost: the next provider is asked at once, once", async () => {
  const wallet = await api.open(AMOUNT)
  await sim.behaviour("stripe", { fault: "decline", count: 1 })
  wire?.cut({ connection: "journal-gateway", holds: "GatewayFallbackTriggered", loses: "answer" })
  const began = performance.now()
  const payment = paymentOf(await api.pay(wallet.id, AMOUNT))
  expect(performance.now() - began).toBeLessThan(WITHIN_MS)
  expect(payment).toMatchObject({ status: "COMPLETED", provider: "paypal" })
  expect(await sim.ledger(payment.id)).toMatchObject([{ kind: "charge", provider: "paypal", amount: AMOUNT }])
})

test("F43 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
