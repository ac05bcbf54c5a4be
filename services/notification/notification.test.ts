import { expect, test } from "bun:test"
import type { Message } from "../../shared/contract/envelope.ts"
import { decide, evolve, initial } from "./notification.ts"

const notice = (data: object): Message => ({
  id: "m",
  type: "NotifyUser",
  subject: "notification-p",
  time: 0,
  tenant: "t",
  partitionkey: "t/ana",
  correlationid: "p",
  causationid: "p",
  actor: "service:saga",
  schema: 1,
  data: { payment_id: "p", user_id: "ana", amount: 100_000n, currency: "USD", ...data }
})
const told = (data: object) => decide(initial, notice(data), 0).events?.[0]?.data.message

const cases: ReadonlyArray<readonly [object, string]> = [
  [{ outcome: "completed" }, "Your payment of 1000.00 USD went through."],
  [{ outcome: "cancelled" }, "Your payment of 1000.00 USD was cancelled. Nothing was charged."],
  [
    { outcome: "failed", failure: { code: "INSUFFICIENT_FUNDS", available_balance: 25_000n, deficit_amount: 75_000n } },
    "Your payment of 1000.00 USD did not go through. Your balance is 250.00 USD. " +
      "Please top up at least 750.00 USD and try again."
  ],
  [
    { outcome: "failed", failure: { code: "PAYMENT_STOPPED" } },
    "Your payment of 1000.00 USD did not go through. It was stopped by our staff; the money is back in your wallet. " +
      "Please contact support."
  ],
  [
    { outcome: "failed", failure: { code: "GATEWAY_UNAVAILABLE" } },
    "Your payment of 1000.00 USD did not go through. The money is back in your wallet. Please try again later."
  ]
]
const refunds: ReadonlyArray<readonly [object, string]> = [
  [{ outcome: "refunded", refund_id: "r1" }, "1000.00 USD of your payment went back into your wallet."],
  [
    { outcome: "refund_failed", refund_id: "r2", refund_failure: { code: "X", reason: "a dispute is open" } },
    "A refund of 1000.00 USD was refused (a dispute is open). Please ask the merchant for another way."
  ]
]
for (const [data, message] of refunds)
  test(`after the payment's end: ${message}`, () =>
    expect(decide(evolve(), notice(data), 0).events?.[0]?.data.message).toBe(message))

for (const [data, message] of cases) test(message, () => expect(told(data)).toBe(message))

test("the other payment is mentioned where it took the funds", () => {
  const failure = { code: "INSUFFICIENT_FUNDS_CONCURRENT", available_balance: 20_000n, deficit_amount: 40_000n }
  expect(told({ outcome: "failed", failure })).toContain("because another payment was made at the same time")
})

test("a user is told once", () => {
  expect(decide(evolve(), notice({ outcome: "completed" }), 0).events).toEqual([])
})
