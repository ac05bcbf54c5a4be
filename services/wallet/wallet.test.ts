import { expect, test } from "bun:test"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor, ZERO } from "../../shared/contract/money.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import { none } from "./deductions.ts"
import { defaultHoldSettings } from "./holds.ts"
import { decide, evolve, type State, type Wallet } from "./wallet.ts"

const settings = { concurrentPaymentWindowMs: 1_000, rememberMs: 301_000, holds: defaultHoldSettings }
const USD = "USD" as Currency
const wallet: Wallet = {
  currency: USD,
  userId: "ana",
  balance: minor(1000n),
  held: ZERO,
  holds: [],
  withdrawals: [],
  locked: false,
  metadata: undefined,
  createdAt: 0,
  version: 2,
  deductions: none
}
const message = (type: string, data: object): Message => ({
  id: "m",
  type,
  subject: "wallet-w",
  time: 0,
  tenant: "t",
  partitionkey: "t/ana",
  correlationid: "c",
  causationid: "d",
  actor: "test",
  schema: 1,
  data: { wallet_id: "w", currency: USD, ...data }
})
/** Decides and folds: the state after it, the types of its events and the code of a refusal. */
const run = (state: State, now: number, ...messages: ReadonlyArray<Message>) => {
  let current = state
  const events: Array<WalletEvent> = []
  let refusal: string | undefined
  for (const each of messages) {
    const decision = decide(settings)(current, each, now)
    refusal = decision.refusal?.code
    for (const event of decision.events ?? []) {
      events.push(event)
      const version = (current?.version ?? 0) + 1
      current = evolve(settings)(current, { ...event, id: "e", time: now, version })
    }
  }
  return { state: current, events, refusal, types: events.map(({ type }) => type) }
}
const pay = (payment_id: string, amount: bigint, initiated_at = 5_000, type = "DeductWalletBalance") =>
  message(type, { payment_id, amount: minor(amount), initiated_at })
const refund = (payment_id: string, amount: bigint, deducted = true) =>
  message("RefundWalletBalance", { payment_id, amount: minor(amount), deducted })
const credit = (amount: bigint, currency = USD) =>
  message("CreditWallet", { credit_id: "c", amount: minor(amount), currency, reference: "r" })

const cases: ReadonlyArray<readonly [string, State, Message, string | undefined, bigint | string | undefined]> = [
  ["a wallet is created once", undefined, message("CreateWallet", { user_id: "ana" }), "WalletCreated", 0n],
  ["and not twice", wallet, message("CreateWallet", { user_id: "ana" }), undefined, "WALLET_EXISTS"],
  ["a credit adds", wallet, credit(5n), "WalletCredited", 1005n],
  ["another currency is refused", wallet, credit(5n, "EUR" as Currency), undefined, "CURRENCY_MISMATCH"],
  ["a balance over 2^53 - 1 is refused", wallet, credit(2n ** 53n - 1n), undefined, "BALANCE_LIMIT_EXCEEDED"],
  ["nothing is credited to no wallet", undefined, credit(5n), undefined, "WALLET_NOT_FOUND"],
  ["a check moves nothing", wallet, pay("p", 900n, 0, "CheckWalletBalance"), "WalletBalanceChecked", 1000n],
  ["a deduction takes all there is", wallet, pay("p", 1000n), "WalletDeducted", 0n],
  ["and not a unit more", wallet, pay("p", 1001n), "WalletDeductionFailed", 1000n],
  ["a locked wallet does not pay", { ...wallet, locked: true }, pay("p", 1n), "WalletDeductionFailed", 1000n],
  ["but takes money in", { ...wallet, locked: true }, credit(5n), "WalletCredited", 1005n],
  ["and takes back what it paid", { ...wallet, locked: true }, refund("p", 7n), "WalletRefunded", 1007n],
  ["what is held cannot be spent", { ...wallet, held: minor(800n) }, pay("p", 500n), "WalletDeductionFailed", 1000n],
  ["no wallet, no deduction", undefined, pay("p", 1n), "WalletDeductionFailed", undefined],
  ["a lock", wallet, message("LockWallet", { reason: "r" }), "WalletLocked", 1000n],
  ["a second lock changes nothing", { ...wallet, locked: true }, message("LockWallet", {}), undefined, 1000n],
  ["an unlock", { ...wallet, locked: true }, message("UnlockWallet", { reason: "r" }), "WalletUnlocked", 1000n]
]
for (const [name, given, command, event, then] of cases) {
  test(`${command.type}: ${name}`, () => {
    const { state, types, refusal } = run(given, 6_000, command)
    expect(types).toEqual(event === undefined ? [] : [event as WalletEvent["type"]])
    expect<string | bigint | undefined>(refusal ?? state?.balance).toBe(then)
  })
}

test("scenario 2: the check tells requested, available and deficit", () => {
  const [checked] = run({ ...wallet, balance: minor(250n) }, 6_000, pay("p", 1000n, 5_000, "CheckWalletBalance")).events
  expect(checked?.data).toMatchObject({
    sufficient_funds: false,
    code: "INSUFFICIENT_FUNDS",
    requested_amount: 1000n,
    available_balance: 250n,
    deficit_amount: 750n
  })
})

test("scenario 4: the loser of two concurrent payments hears who won and what is missing", () => {
  const { events, state } = run(wallet, 5_010, pay("first", 800n, 5_000), pay("second", 600n, 5_005))
  expect(events[1]?.data).toMatchObject({
    code: "INSUFFICIENT_FUNDS_CONCURRENT",
    concurrent_payment_id: "first",
    available_balance: 200n,
    deficit_amount: 400n
  })
  expect(state?.balance).toBe(minor(200n))
})

test("a payment initiated more than the window after the deduction simply lacks funds", () => {
  const { events } = run(run(wallet, 5_000, pay("first", 800n)).state, 7_000, pay("second", 600n, 6_001))
  expect(events[0]?.data).toMatchObject({ code: "INSUFFICIENT_FUNDS" })
})

test("even without the others' deductions it would not have been enough: not concurrent", () => {
  const { events } = run(wallet, 5_000, pay("first", 800n), pay("second", 1001n))
  expect(events[1]?.data).toMatchObject({ code: "INSUFFICIENT_FUNDS" })
})

test("the winner is the one that took last, and one that gave it back does not count", () => {
  const { events } = run(wallet, 5_000, pay("a", 500n), pay("b", 500n), refund("b", 500n), pay("c", 900n))
  expect(events.at(-1)?.data).toMatchObject({ code: "INSUFFICIENT_FUNDS_CONCURRENT", concurrent_payment_id: "a" })
})

test("a deduction is undone once, however often it is asked", () => {
  const repeated = [refund("p", 300n), refund("p", 300n, false), refund("p", 300n)]
  const { types, state } = run(wallet, 5_000, pay("p", 300n), ...repeated)
  expect(types).toEqual(["WalletDeducted", "WalletRefunded"])
  expect(state?.balance).toBe(minor(1000n))
})

test("tombstone: what was undone before it was done is not done any more", () => {
  const { types, state } = run(wallet, 5_000, refund("p", 300n, false), refund("p", 300n, false), pay("p", 300n))
  expect(types).toEqual(["WalletDeductionVoided", "WalletDeductionFailed"])
  expect(state?.balance).toBe(minor(1000n))
})

test("a refund after hours brings the money back although the wallet has forgotten the deduction", () => {
  const paid = run(wallet, 5_000, pay("old", 300n)).state
  const later = run(run(paid, 1_000_000, pay("b", 1n)).state, 9_000_000, pay("c", 1n)).state
  const { types, state } = run(later, 9_000_001, refund("old", 300n, true))
  expect(types).toEqual(["WalletRefunded"])
  expect(state?.balance).toBe(minor(998n))
})
