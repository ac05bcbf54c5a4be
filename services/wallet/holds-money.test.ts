/** Whatever is asked of holds, in whatever order and however often: their money adds up, also through the journal. */
import { expect, test } from "bun:test"
import { Effect, Layer, Schema } from "effect"
import fc from "fast-check"
import type { Message } from "../../shared/contract/envelope.ts"
import { minor, ZERO } from "../../shared/contract/money.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { makeJournal } from "../../shared/runtime/journal/journal.ts"
import { Memory, memoryStore } from "../../shared/runtime/journal/memory.ts"
import { JournalStore } from "../../shared/runtime/journal/store.ts"
import { walletDecider } from "./decider.ts"
import { account, heldAccount, postings } from "./projections.ts"
import { LIFE_MS, message, NOW, OPEN_MAX, open, run, settings, USD, walletWith } from "./testing.ts"
import type { State, Wallet } from "./wallet.ts"

/** What a hold's events say it came to. */
interface Sum {
  readonly amount: bigint
  captured: bigint
  released: bigint
  ended: boolean
}

const id = fc.constantFrom("a", "b", "c", "d", "e", "f")
const amount = fc.bigInt({ min: 1n, max: 400n })
const anything = fc.oneof(
  fc.record({ type: fc.constant("HoldFunds"), hold_id: id, amount, life: fc.integer({ min: 1, max: 5_000 }) }),
  fc.record({
    type: fc.constant("CaptureHold"),
    hold_id: id,
    amount: fc.option(amount, { nil: undefined }),
    final: fc.boolean()
  }),
  fc.record({ type: fc.constant("VoidHold"), hold_id: id }),
  fc.record({ type: fc.constant("TimerFired") }),
  fc.record({ type: fc.constantFrom("LockWallet", "UnlockWallet") }),
  fc.record({ type: fc.constant("CreditWallet"), amount }),
  fc.record({ type: fc.constant("DeductWalletBalance"), payment_id: id, amount })
)
type Asked = {
  readonly type: string
  readonly hold_id?: string
  readonly amount?: bigint | undefined
  readonly life?: number
  readonly payment_id?: string
}

const commandOf = (asked: Asked, n: number, now: number): Message => {
  const { amount: units, hold_id, life, payment_id, ...rest } = asked
  return message(asked.type, {
    ...rest,
    ...(units === undefined ? {} : { amount: minor(units) }),
    // A client's id is never given twice: the store's unique cause sees to that.
    ...(hold_id === undefined ? {} : { hold_id }),
    ...(life === undefined ? {} : { expires_at: now + life }),
    payment_id: `${payment_id}${n}`,
    capture_id: `c${n}`,
    credit_id: `t${n}`,
    merchant_id: "hotel",
    currency: USD,
    reason: "r",
    reference: "r",
    initiated_at: now
  })
}

const book = (accounts: Map<string, bigint>, event: WalletEvent) => {
  for (const { source, destination, amount } of postings({ ...event, id: "e", time: 0, version: 1 })) {
    accounts.set(source, (accounts.get(source) ?? 0n) - amount)
    accounts.set(destination, (accounts.get(destination) ?? 0n) + amount)
  }
}

const note = (sums: Map<string, Sum>, { type, data }: WalletEvent) => {
  if (!("hold_id" in data)) return
  if (type === "FundsHeld")
    return void sums.set(data.hold_id, { amount: data.amount, captured: 0n, released: 0n, ended: false })
  const sum = sums.get(data.hold_id) as Sum
  expect(sum.ended).toBe(false)
  if (type === "HoldCaptured") sum.captured += data.amount
  else sum.released += data.amount
  sum.ended = data.remaining_amount === 0n
  expect<bigint>(data.captured_amount).toBe(sum.captured)
  expect<bigint>(data.hold_amount).toBe(sum.amount)
}

test("any sequence: available is never negative, balance = available + held = postings, a hold ends whole", () => {
  const keeps = fc.property(fc.array(fc.tuple(anything, fc.nat(800)), { maxLength: 60 }), (steps) => {
    let state: State = walletWith(1_000n)
    let now = NOW
    const accounts = new Map([[account("w"), 1_000n]])
    const sums = new Map<string, Sum>()
    const used = new Set<string>()
    for (const [n, [asked, later]] of steps.entries()) {
      now += later
      if (asked.type === "HoldFunds" && used.has(asked.hold_id ?? "")) continue
      const { after, events } = run(state, commandOf(asked, n, now), now)
      for (const event of events) {
        book(accounts, event)
        note(sums, event)
        if (event.type === "FundsHeld") used.add(event.data.hold_id)
      }
      state = after as Wallet
      const { balance, held, holds } = state
      expect(held >= 0n && balance >= held).toBe(true)
      expect<bigint>(held).toBe(holds.reduce((sum, { remaining }) => sum + remaining, 0n))
      expect(holds.length).toBeLessThanOrEqual(OPEN_MAX)
      expect(holds.map(({ expiresAt }) => expiresAt)).toEqual(
        holds.map(({ expiresAt }) => expiresAt).sort((a, b) => a - b)
      )
      expect(accounts.get(account("w"))).toBe(balance - held)
      expect<bigint>(accounts.get(heldAccount("w")) ?? 0n).toBe(held)
      if (events.length > 0) expect(holds.every(({ expiresAt }) => expiresAt > now)).toBe(true)
    }
    for (const [hold_id, sum] of sums) {
      const left = state?.holds.find((one) => one.id === hold_id)?.remaining ?? ZERO
      expect<bigint>(sum.captured + sum.released + left).toBe(sum.amount)
      expect(sum.ended).toBe(left === ZERO)
    }
  })
  fc.assert(keeps, { numRuns: 500 })
})

const decider = walletDecider(settings)

test("a snapshot keeps the open holds; the stream wakes when the first of them lapses", () => {
  const two = walletWith(1_000n, open("a", 300n), open("b", 200n, NOW + 2_000))
  const { codec } = decider.snapshot
  const stored = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(two)))
  const back = Schema.decodeUnknownSync(codec)(stored) as Wallet
  expect(back).toEqual(two)
  expect([decider.wakeAt(two), decider.wakeAt(walletWith(1n)), decider.wakeAt(undefined)]).toEqual([
    NOW + LIFE_MS,
    undefined,
    undefined
  ])
})

test("a capture that is delivered twice is one capture; a wallet without open holds has no timer", async () => {
  const memory = new Memory()
  const uuid = (n: number) => `01935d6e-7c3a-7b1e-9a44-00000000000${n}`
  const at = (n: number, type: string, data: object) => ({ message: message(type, data, uuid(n)) })
  const once = at(4, "CaptureHold", { hold_id: uuid(3), capture_id: uuid(4), amount: minor(100n), final: false })
  const program = Effect.gen(function* () {
    const store = yield* (yield* JournalStore).open("wallet")
    const journal = yield* makeJournal(decider, store)
    const put = (...items: ReadonlyArray<{ readonly message: Message }>) => journal.commit(items)
    yield* put(at(1, "CreateWallet", { user_id: "ana", currency: USD }))
    yield* put(at(2, "CreditWallet", { credit_id: uuid(2), amount: minor(1_000n), currency: USD, reference: "r" }))
    expect(memory.timers.size).toBe(0)
    yield* put(at(3, "HoldFunds", { hold_id: uuid(3), merchant_id: "hotel", amount: minor(500n), currency: USD }))
    expect(memory.timers.size).toBe(1)
    yield* put(once, once)
    const again = yield* put(once)
    expect(again.outcomes.map(({ _tag }) => _tag)).toEqual(["Skipped"])
    yield* put(at(5, "VoidHold", { hold_id: uuid(3) }))
    expect(memory.timers.size).toBe(0)
  })
  const layer = Layer.mergeAll(memoryStore(memory), Ids.layer)
  await Effect.runPromise(Effect.scoped(Effect.provide(program, layer)) as Effect.Effect<void>)
  expect(memory.rows("wallet.holds")).toMatchObject([
    { captured_amount: 100n, released_amount: 400n, status: "voided" }
  ])
  expect(memory.rows("wallet.wallets")).toMatchObject([{ balance: 900n, available: 900n, held: 0n }])
})
