/** Both halves of a transfer, case by case; and through the journal: whatever is sent, no money is made or lost. */
import { expect, test } from "bun:test"
import { Effect, Layer } from "effect"
import fc from "fast-check"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, MAX_MINOR, minor } from "../../shared/contract/money.ts"
import { Ids, uuidv5 } from "../../shared/runtime/ids.ts"
import { makeJournal } from "../../shared/runtime/journal/journal.ts"
import { Memory, memoryStore } from "../../shared/runtime/journal/memory.ts"
import { JournalStore } from "../../shared/runtime/journal/store.ts"
import { walletDecider } from "./decider.ts"
import { message, open, run, settings, USD, walletWith } from "./testing.ts"
import type { State } from "./wallet.ts"

const rich = walletWith(1_000n)
const EUR = "EUR" as Currency
const CASES: ReadonlyArray<
  readonly [says: string, given: State, type: string, amount: bigint, asks: object, then: string]
> = [
  ["all of it", rich, "SendTransfer", 1_000n, {}, "TransferSent 0"],
  ["some of it", rich, "SendTransfer", 1n, {}, "TransferSent 999"],
  ["more than there is", rich, "SendTransfer", 1_001n, {}, "INSUFFICIENT_FUNDS"],
  ["what is held", walletWith(1_000n, open("a", 600n)), "SendTransfer", 500n, {}, "INSUFFICIENT_FUNDS"],
  ["beside what is held", walletWith(1_000n, open("a", 600n)), "SendTransfer", 400n, {}, "TransferSent 600"],
  ["out of a locked wallet", { ...rich, locked: true }, "SendTransfer", 1n, {}, "WALLET_LOCKED"],
  ["another currency", rich, "SendTransfer", 1n, { currency: EUR }, "CURRENCY_MISMATCH"],
  ["to itself", rich, "SendTransfer", 1n, { destination_wallet_id: "w" }, "INVALID_REQUEST"],
  ["out of no wallet", undefined, "SendTransfer", 1n, {}, "WALLET_NOT_FOUND"],
  ["into a wallet", rich, "ReceiveTransfer", 5n, {}, "TransferReceived 1005"],
  ["into a locked wallet", { ...rich, locked: true }, "ReceiveTransfer", 5n, {}, "TransferReceived 1005"],
  ["into another currency", rich, "ReceiveTransfer", 5n, { currency: EUR }, "CURRENCY_MISMATCH"],
  ["into no wallet", undefined, "ReceiveTransfer", 5n, {}, "WALLET_NOT_FOUND"],
  ["up to the limit", rich, "ReceiveTransfer", MAX_MINOR - 1_000n, {}, `TransferReceived ${MAX_MINOR}`],
  ["beyond the limit", rich, "ReceiveTransfer", MAX_MINOR - 999n, {}, "BALANCE_LIMIT_EXCEEDED"]
]
for (const [says, given, type, amount, asks, then] of CASES)
  test(`${type} ${says}: ${then}`, () => {
    const other = { source_wallet_id: "v", destination_wallet_id: "v" }
    const data = { transfer_id: "t", amount: minor(amount), currency: USD, ...other, ...asks }
    const { after, events, refusal } = run(given, message(type, data))
    expect(refusal?.code ?? `${events[0]?.type} ${after?.balance}`).toBe(then)
    if (refusal !== undefined) expect(after).toBe(given)
    else expect(events.length).toBe(1)
  })

const USERS = ["ana", "bob", "cy", "dee"] as const
const uuid = (n: number) => `01935d6e-7c3a-7b1e-9a44-${String(n).padStart(12, "0")}`
const of = (user: string, type: string, id: string, data: object): Message => ({
  ...message(type, { ...data, wallet_id: user }, id),
  subject: `wallet-${user}`,
  partitionkey: `t/${user}`
})
const user = fc.integer({ min: 0, max: USERS.length - 1 })
const asked = fc.oneof(
  fc.record({
    from: user,
    by: fc.integer({ min: 1, max: USERS.length - 1 }),
    amount: fc.bigInt({ min: 1n, max: 700n }),
    again: fc.boolean()
  }),
  fc.record({ lock: user, type: fc.constantFrom("LockWallet", "UnlockWallet") })
)

test("transfers: Σ over wallets is constant, none is negative, halves stand together, whatever is sent", async () => {
  const keeps = fc.asyncProperty(fc.array(fc.array(asked, { maxLength: 8 }), { maxLength: 8 }), async (batches) => {
    const memory = new Memory()
    let n = 0
    const program = Effect.gen(function* () {
      const journal = yield* makeJournal(walletDecider(settings), yield* (yield* JournalStore).open("wallet"))
      for (const name of USERS) {
        const credit = { credit_id: uuid(++n), amount: minor(500n), currency: USD, reference: "r" }
        yield* journal.commit([{ message: of(name, "CreateWallet", uuid(++n), { user_id: name, currency: USD }) }])
        yield* journal.commit([{ message: of(name, "CreditWallet", uuid(++n), credit) }])
      }
      let [sent, received] = [0, 0]
      for (const batch of batches) {
        const items = batch.flatMap((one) => {
          if ("lock" in one) return { message: of(USERS[one.lock] as string, one.type, uuid(++n), { reason: "r" }) }
          const id = uuid(++n)
          const [from, to] = [USERS[one.from], USERS[(one.from + one.by) % USERS.length]] as [string, string]
          const data = { transfer_id: id, amount: minor(one.amount), currency: USD }
          const item = {
            message: of(from, "SendTransfer", id, { ...data, destination_wallet_id: to }),
            joined: of(to, "ReceiveTransfer", uuidv5(id, "receive"), { ...data, source_wallet_id: from })
          }
          return one.again ? [item, item] : item
        })
        if (items.length === 0) continue
        const { outcomes } = yield* journal.commit(items)
        const types = outcomes.flatMap((one) => (one._tag === "Applied" ? one.events : [])).map(({ type }) => type)
        sent += types.filter((type) => type === "TransferSent").length
        received += types.filter((type) => type === "TransferReceived").length
        const balances = memory.rows("wallet.wallets").map((row) => row["balance"] as bigint)
        expect(balances.reduce((sum, balance) => sum + balance, 0n)).toBe(2_000n)
        expect(balances.every((balance) => balance >= 0n)).toBe(true)
      }
      expect([sent, memory.rows("wallet.transfers").length]).toEqual([received, received])
    })
    const layer = Layer.mergeAll(memoryStore(memory), Ids.layer)
    await Effect.runPromise(Effect.scoped(Effect.provide(program, layer)) as Effect.Effect<void>)
  })
  await fc.assert(keeps, { numRuns: 100 })
})
