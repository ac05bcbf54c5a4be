/** Holds: what each command does, and what is refused; a table of cases. */
import { expect, test } from "bun:test"
import type { Message } from "../../shared/contract/envelope.ts"
import { minor } from "../../shared/contract/money.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import { postings } from "./projections.ts"
import { LIFE_MAX_MS, LIFE_MS, message, NOW, open, run, USD, walletWith } from "./testing.ts"
import type { State, Wallet } from "./wallet.ts"

const locked = (wallet: Wallet): Wallet => ({ ...wallet, locked: true })

const hold = (hold_id: string, amount: bigint, more: object = {}) =>
  message("HoldFunds", { hold_id, merchant_id: "hotel", amount: minor(amount), currency: USD, ...more })
const capture = (hold_id: string, amount?: bigint, final = amount === undefined) =>
  message("CaptureHold", {
    hold_id,
    capture_id: "c",
    final,
    ...(amount === undefined ? {} : { amount: minor(amount) })
  })
const undo = (hold_id: string) => message("VoidHold", { hold_id })
const pay = (amount: bigint) =>
  message("DeductWalletBalance", { payment_id: "p", amount: minor(amount), currency: USD, initiated_at: NOW })
const timer = message("TimerFired", { kind: "due", due_at: NOW })

/** balance / held, and the open holds with what is left of them. */
const told = (state: State) =>
  state &&
  `${state.balance}/${state.held} ${state.holds.map(({ id, remaining }) => `${id}:${remaining}`).join(" ")}`.trim()

const rich = walletWith(1_000n)
const holding = walletWith(1_000n, open("a", 300n), open("b", 200n, NOW + 2_000))
const overdue = walletWith(1_000n, open("a", 300n, NOW), open("b", 200n, NOW + 1))
const full = walletWith(1_000n, ...["a", "b", "c", "d"].map((id) => open(id, 1n)))
const EXPIRED = "HoldExpired"

const cases: ReadonlyArray<readonly [string, State, Message, ReadonlyArray<string>, string | undefined]> = [
  ["sets aside", rich, hold("a", 300n), ["FundsHeld"], "1000/300 a:300"],
  ["all there is", rich, hold("a", 1_000n), ["FundsHeld"], "1000/1000 a:1000"],
  ["and not a unit more", rich, hold("a", 1_001n), [], "INSUFFICIENT_FUNDS"],
  ["nor what another keeps", holding, hold("c", 501n), [], "INSUFFICIENT_FUNDS"],
  ["of no wallet", undefined, hold("a", 1n), [], "WALLET_NOT_FOUND"],
  ["in another currency", rich, hold("a", 1n, { currency: "EUR" }), [], "CURRENCY_MISMATCH"],
  ["of a locked wallet", locked(rich), hold("a", 1n), [], "WALLET_LOCKED"],
  ["one too many", full, hold("e", 1n), [], "HOLD_LIMIT_EXCEEDED"],
  ["twice is once", holding, hold("a", 300n), [], "1000/500 a:300 b:200"],
  ["to the longest end", rich, hold("a", 1n, { expires_at: NOW + LIFE_MAX_MS }), ["FundsHeld"], "1000/1 a:1"],
  ["to a later end", rich, hold("a", 1n, { expires_at: NOW + LIFE_MAX_MS + 1 }), [], "INVALID_REQUEST"],
  ["to an end that is past", rich, hold("a", 1n, { expires_at: NOW }), [], "INVALID_REQUEST"],
  [
    "in the order of their ends",
    holding,
    hold("c", 1n, { expires_at: NOW + 1 }),
    ["FundsHeld"],
    "1000/501 c:1 a:300 b:200"
  ],
  ["in part", holding, capture("a", 100n), ["HoldCaptured"], "900/400 a:200 b:200"],
  ["all, by its amount", holding, capture("a", 300n), ["HoldCaptured"], "700/200 b:200"],
  ["all that is left", holding, capture("a"), ["HoldCaptured"], "700/200 b:200"],
  ["in part, for good", holding, capture("a", 100n, true), ["HoldCaptured", "HoldRemainderReleased"], "900/200 b:200"],
  ["all, for good: nothing is released", holding, capture("a", 300n, true), ["HoldCaptured"], "700/200 b:200"],
  ["more than is left", holding, capture("a", 301n), [], "CAPTURE_EXCEEDS_HOLD"],
  ["of a locked wallet", locked(holding), capture("a"), ["HoldCaptured"], "700/200 b:200"],
  ["of a hold that is closed, or never was", holding, capture("z", 1n), [], "HOLD_CLOSED"],
  ["of no wallet", undefined, capture("a", 1n), [], "WALLET_NOT_FOUND"],
  ["gives back", holding, undo("a"), ["HoldVoided"], "1000/200 b:200"],
  ["also of a locked wallet", locked(holding), undo("a"), ["HoldVoided"], "1000/200 b:200"],
  ["what is closed", holding, undo("z"), [], "HOLD_CLOSED"],
  ["of no wallet", undefined, undo("a"), [], "WALLET_NOT_FOUND"],
  ["before its time", holding, timer, [], "1000/500 a:300 b:200"],
  ["on time, also of a locked wallet", locked(overdue), timer, [EXPIRED], "1000/200 b:200"],
  ["seen by a payment, which may use the money", overdue, pay(800n), [EXPIRED, "WalletDeducted"], "200/200 b:200"],
  [
    "seen by a payment that lacks funds all the same",
    overdue,
    pay(801n),
    [EXPIRED, "WalletDeductionFailed"],
    "1000/200 b:200"
  ],
  ["seen by a hold", overdue, hold("c", 800n), [EXPIRED, "FundsHeld"], "1000/1000 b:200 c:800"],
  ["seen by a hold that is refused: left to the timer", overdue, hold("c", 801n), [], "INSUFFICIENT_FUNDS"],
  ["seen by another's capture", overdue, capture("b"), [EXPIRED, "HoldCaptured"], "800/0"],
  ["seen by its own capture", overdue, capture("a", 1n), [], "HOLD_EXPIRED"],
  ["seen by its own void", overdue, undo("a"), [], "HOLD_EXPIRED"],
  ["left to the timer by what changes nothing", overdue, message("UnlockWallet", {}), [], "1000/500 a:300 b:200"]
]
for (const [name, given, command, types, then] of cases) {
  test(`${command.type}: ${name}`, () => {
    const { after, refusal, ...decided } = run(given, command)
    expect(decided.types).toEqual(types as ReadonlyArray<WalletEvent["type"]> as Array<WalletEvent["type"]>)
    expect(refusal?.code ?? told(after)).toBe(then)
  })
}

test("HoldFunds: the refusal tells requested, available and deficit; the default end is a lifetime away", () => {
  const { refusal } = run(holding, hold("c", 501n))
  expect(refusal?.details).toMatchObject({ requested_amount: 501n, available_balance: 500n, deficit_amount: 1n })
  expect(run(rich, hold("a", 1n)).events[0]?.data).toMatchObject({ held_at: NOW, expires_at: NOW + LIFE_MS })
})

test("every event tells the whole hold and what the wallet holds after it", () => {
  const { events } = run(walletWith(1_000n, open("a", 200n, NOW + 1, 300n)), capture("a", 50n, true))
  const common = { hold_id: "a", hold_amount: 300n, captured_amount: 150n, expires_at: NOW + 1, balance: 950n }
  expect(events.map(({ data }) => data)).toMatchObject([
    { ...common, amount: 50n, remaining_amount: 150n, available: 800n },
    { ...common, amount: 150n, remaining_amount: 0n, available: 950n }
  ])
})

const moves: ReadonlyArray<readonly [State, Message, ReadonlyArray<string>]> = [
  [rich, hold("a", 300n), ["300 wallet:w → wallet:w:held hold/a/"]],
  [holding, capture("a", 100n), ["100 wallet:w:held → merchant:hotel capture/a/c"]],
  [
    holding,
    capture("a", 100n, true),
    ["100 wallet:w:held → merchant:hotel capture/a/c", "200 wallet:w:held → wallet:w hold_remainder/a/"]
  ],
  [holding, undo("a"), ["300 wallet:w:held → wallet:w hold_void/a/"]],
  [overdue, timer, ["300 wallet:w:held → wallet:w hold_expiry/a/"]]
]
test("each event is one posting, under a key of its own (docs/ledger.md)", () => {
  for (const [given, command, then] of moves) {
    const posted = run(given, command).events.flatMap((event) => postings({ ...event, id: "e", time: NOW, version: 3 }))
    const lines = posted.map(
      ({ amount, source, destination, kind, payment_id, ref }) =>
        `${amount} ${source} → ${destination} ${kind}/${payment_id}/${ref}`
    )
    expect(lines).toEqual([...then])
  }
})
