/** Withdrawals, case by case: one line a case, every refusal named; and their money adds up whatever is asked. */
import { expect, test } from "bun:test"
import { Schema } from "effect"
import fc from "fast-check"
import { type Currency, minor } from "../../shared/contract/money.ts"
import { walletDecider } from "./decider.ts"
import { account, postings, WITHDRAWALS_CLEARING } from "./projections.ts"
import { message, NOW, open, run, settings, USD, walletWith } from "./testing.ts"
import type { State, Wallet } from "./wallet.ts"
import { OPEN_WITHDRAWALS_MAX } from "./withdrawals.ts"

const rich = walletWith(1_000n)
const on = (id: string, amount: bigint) => ({ id, amount: minor(amount), reference: "r", requestedAt: NOW - 5 })
const under = (...ids: ReadonlyArray<string>): Wallet => ({
  ...walletWith(700n),
  withdrawals: ids.map((id) => on(id, 300n))
})
const many = Array.from({ length: OPEN_WITHDRAWALS_MAX }, (_, n) => `w${n}`)

const CASES: ReadonlyArray<readonly [says: string, given: State, type: string, data: object, then: string]> = [
  ["all of it", rich, "RequestWithdrawal", { amount: 1_000n }, "WithdrawalRequested 0, 1 open"],
  ["too much", rich, "RequestWithdrawal", { amount: 1_001n }, "INSUFFICIENT_FUNDS"],
  ["what is held", walletWith(1_000n, open("a", 600n)), "RequestWithdrawal", { amount: 500n }, "INSUFFICIENT_FUNDS"],
  ["of a locked wallet", { ...rich, locked: true }, "RequestWithdrawal", { amount: 1n }, "WALLET_LOCKED"],
  ["another currency", rich, "RequestWithdrawal", { amount: 1n, currency: "EUR" as Currency }, "CURRENCY_MISMATCH"],
  ["too many", under(...many), "RequestWithdrawal", { amount: 1n }, "WITHDRAWAL_LIMIT_EXCEEDED"],
  ["of no wallet", undefined, "RequestWithdrawal", { amount: 1n }, "WALLET_NOT_FOUND"],
  ["one under way", under("d"), "SettleWithdrawal", {}, "WithdrawalSettled 700, 0 open"],
  ["one of two", under("c", "d"), "SettleWithdrawal", {}, "WithdrawalSettled 700, 1 open"],
  ["one that is not under way", rich, "SettleWithdrawal", {}, "WITHDRAWAL_CLOSED"],
  ["one under way", under("d"), "FailWithdrawal", {}, "WithdrawalFailed 1000, 0 open"],
  ["of a locked wallet", { ...under("d"), locked: true }, "FailWithdrawal", {}, "WithdrawalFailed 1000, 0 open"],
  ["one that is not under way", under("c"), "FailWithdrawal", {}, "WITHDRAWAL_CLOSED"],
  ["of no wallet", undefined, "FailWithdrawal", {}, "WALLET_NOT_FOUND"]
]
for (const [says, given, type, data, then] of CASES)
  test(`${type} ${says}: ${then}`, () => {
    const asked = { withdrawal_id: "d", currency: USD, reference: "r", reason: "said so", ...data }
    const { after, events, refusal } = run(given, message(type, asked))
    expect(refusal?.code ?? `${events[0]?.type} ${after?.balance}, ${after?.withdrawals.length} open`).toBe(then)
    if (refusal !== undefined) expect(after).toBe(given)
  })

const id = fc.constantFrom("a", "b", "c")
const anything = fc.oneof(
  fc.record({ type: fc.constant("RequestWithdrawal"), amount: fc.bigInt({ min: 1n, max: 600n }) }),
  fc.record({ type: fc.constantFrom("SettleWithdrawal", "FailWithdrawal"), id }),
  fc.record({ type: fc.constantFrom("LockWallet", "UnlockWallet") })
)

test("withdrawals: clearing is what is under way, the wallet its postings, whatever is asked", () => {
  const keeps = fc.property(fc.array(anything, { maxLength: 40 }), (asked) => {
    let state: State = rich
    const accounts = new Map<string, bigint>([[account("w"), 1_000n]])
    const free = ["a", "b", "c", ...Array.from({ length: 40 }, (_, n) => `d${n}`)]
    for (const one of asked) {
      const withdrawal_id = "id" in one ? one.id : (free.shift() as string)
      const data = { currency: USD, reference: "r", reason: "s", ...one, withdrawal_id }
      const { after, events } = run(
        state,
        message(one.type, "amount" in one ? { ...data, amount: minor(one.amount) } : data)
      )
      for (const event of events)
        for (const { source, destination, amount } of postings({ ...event, id: "e", time: 0, version: 1 })) {
          accounts.set(source, (accounts.get(source) ?? 0n) - amount)
          accounts.set(destination, (accounts.get(destination) ?? 0n) + amount)
        }
      state = after
      const { balance, withdrawals } = state as Wallet
      expect<bigint>(balance).toBe(accounts.get(account("w")) ?? 0n)
      const way = withdrawals.reduce((sum, { amount }) => sum + amount, 0n)
      expect<bigint>(way).toBe(accounts.get(WITHDRAWALS_CLEARING) ?? 0n)
    }
  })
  fc.assert(keeps, { numRuns: 300 })
})

test("a snapshot keeps the withdrawals under way", () => {
  const { codec } = walletDecider(settings).snapshot
  const stored = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(under("c", "d"))))
  expect(Schema.decodeUnknownSync(codec)(stored)).toEqual(under("c", "d"))
})
