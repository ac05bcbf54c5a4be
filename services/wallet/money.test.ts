/** Whatever is asked of a wallet, in whatever order and however often: its money adds up. */
import { expect, test } from "bun:test"
import fc from "fast-check"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import { defaultHoldSettings } from "./holds.ts"
import { postings } from "./projections.ts"
import { available, decide, evolve, type State } from "./wallet.ts"

const settings = { concurrentPaymentWindowMs: 1_000, rememberMs: 301_000, holds: defaultHoldSettings }
const RUNS = 500

const payment = fc.constantFrom("p1", "p2", "p3", "p4")
const amount = fc.bigInt({ min: 1n, max: 500n })
const command = fc.oneof(
  fc.record({ type: fc.constant("CreditWallet"), amount, credit_id: fc.uuid() }),
  fc.record({ type: fc.constant("CheckWalletBalance"), payment_id: payment }),
  fc.record({ type: fc.constant("DeductWalletBalance"), payment_id: payment }),
  fc.record({ type: fc.constant("RefundWalletBalance"), payment_id: payment }),
  fc.record({ type: fc.constantFrom("LockWallet", "UnlockWallet") })
)
type Asked = {
  readonly type: string
  readonly amount?: bigint
  readonly payment_id?: string
  readonly credit_id?: string
}

/** A payment has one amount for ever, as its saga has. */
const amounts: Readonly<Record<string, bigint>> = { p1: 100n, p2: 250n, p3: 400n, p4: 7n }

const play = (commands: ReadonlyArray<Asked>) => {
  const events: Array<WalletEvent> = []
  const seen = new Set<string>()
  let state: State
  const put = (asked: Asked, now: number) => {
    const data = {
      wallet_id: "w",
      user_id: "ana",
      currency: "USD" as Currency,
      reference: "r",
      reason: "r",
      initiated_at: now,
      ...asked,
      amount: minor(asked.amount ?? amounts[asked.payment_id ?? ""] ?? 1n),
      // The saga says that it saw the deduction exactly where there was one.
      deducted: seen.has(asked.payment_id ?? "")
    }
    const message = { type: asked.type, subject: "wallet-w", data } as unknown as Message
    for (const event of decide(settings)(state, message, now).events ?? []) {
      events.push(event)
      if (event.type === "WalletDeducted") seen.add(event.data.payment_id)
      state = evolve(settings)(state, { ...event, id: "e", time: now, version: events.length })
    }
  }
  put({ type: "CreateWallet" }, 0)
  for (const [n, asked] of commands.entries()) put(asked, n * 400)
  return { events, state: state as NonNullable<State> }
}

test("balance = Σ postings, never negative; a payment is taken at most once and given back at most once", () => {
  const holds = fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
    const { events, state } = play(commands)
    let held = 0n
    for (const [n, event] of events.entries()) {
      for (const { source, destination, amount } of postings({ ...event, id: "e", time: 0, version: n + 1 })) {
        if (destination === "wallet:w") held += amount
        if (source === "wallet:w") held -= amount
        expect(held >= 0n).toBe(true)
      }
    }
    expect<bigint>(state.balance).toBe(held)
    expect(available(state) >= 0n).toBe(true)
    for (const payment_id of Object.keys(amounts)) {
      const of = (type: WalletEvent["type"]) =>
        events.filter(
          (event) => event.type === type && "payment_id" in event.data && event.data.payment_id === payment_id
        )
      const [taken, back, voided] = [of("WalletDeducted"), of("WalletRefunded"), of("WalletDeductionVoided")]
      expect(taken.length).toBeLessThanOrEqual(1)
      expect(back.length).toBeLessThanOrEqual(taken.length)
      expect(voided.length === 0 || taken.length === 0).toBe(true)
    }
  })
  fc.assert(holds, { numRuns: RUNS })
})

test("what a check says is what a deduction does, if nothing comes between", () => {
  const holds = fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
    const payment_id = "fresh"
    const { events } = play([
      ...commands,
      { type: "UnlockWallet" },
      { type: "CheckWalletBalance", payment_id, amount: 300n },
      { type: "DeductWalletBalance", payment_id, amount: 300n }
    ])
    const [checked, deducted] = events.slice(-2)
    const sufficient = checked?.type === "WalletBalanceChecked" && checked.data.sufficient_funds
    expect(deducted?.type).toBe(sufficient ? "WalletDeducted" : "WalletDeductionFailed")
  })
  fc.assert(holds, { numRuns: RUNS })
})
