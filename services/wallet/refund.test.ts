/** A refund that is done at the provider: the wallet takes it, locked or not, out of what was set aside for it. */
import { expect, test } from "bun:test"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import { none } from "./deductions.ts"
import { defaultHoldSettings } from "./holds.ts"
import { postings } from "./projections.ts"
import { decide, evolve, type Wallet } from "./wallet.ts"

const settings = { concurrentPaymentWindowMs: 1_000, rememberMs: 301_000, holds: defaultHoldSettings }
const wallet: Wallet = {
  currency: "USD" as Currency,
  userId: "ana",
  balance: minor(100n),
  held: minor(30n),
  locked: false,
  metadata: undefined,
  createdAt: 0,
  version: 2,
  deductions: none,
  holds: [],
  withdrawals: []
}
const data = { wallet_id: "w", payment_id: "p", refund_id: "r", amount: minor(40n), currency: "USD" }
const credit = { type: "CreditRefund", subject: "wallet-w", data } as unknown as Message

for (const locked of [false, true])
  test(`a ${locked ? "locked" : "open"} wallet takes it: balance and available rise, held does not`, () => {
    const [event] = decide(settings)({ ...wallet, locked }, credit, 0).events ?? []
    if (event?.type !== "WalletRefundReceived") throw new Error(`not credited: ${event?.type}`)
    expect<unknown>(event.data).toEqual({ ...data, balance: 140n, available: 110n })
    const recorded = { ...event, id: "e", time: 0, version: 3 }
    expect(evolve(settings)({ ...wallet, locked }, recorded)).toMatchObject({ balance: 140n, held: 30n, locked })
    expect<unknown>(postings(recorded)).toEqual([
      {
        source: "refunds:clearing",
        destination: "wallet:w",
        amount: 40n,
        currency: "USD",
        kind: "refund_credit",
        payment_id: "p",
        ref: "r"
      }
    ])
  })

test("a wallet that was never created is credited by nobody", () => {
  expect(decide(settings)(undefined, credit, 0).refusal?.code).toBe("WALLET_NOT_FOUND")
})
