import { describe, expect, test } from "bun:test"
import type { Operation, Outcome } from "../../shared/contract/gateway.ts"
import { minor } from "../../shared/contract/money.ts"
import { judge, type Verdict } from "./attempt.ts"
import type { Answered } from "./calls.ts"
import { nextOperation } from "./next.ts"
import type { Attempt, Status } from "./state.ts"
import { AMOUNT, NOON, PAYMENT, rulesOf, USD } from "./testing.ts"

const payment = { payment_id: PAYMENT, amount: AMOUNT, currency: USD, deadline: NOON + 300_000 }

/** An attempt in a state, waiting for the answer to `asking`. */
const attemptIn = (status: Status, asking: Operation | undefined, over: Partial<Attempt> = {}): Attempt => ({
  provider: "stripe",
  n: 1,
  status,
  started_at: NOON,
  unanswered: asking === "charge" ? [1] : [],
  doubtful: asking === "charge" || status === "STARTED" ? 0 : 1,
  charges: 1,
  reads: 1,
  fences: 1,
  reverses: 1,
  doubts: 1,
  blind: 0,
  server_error: false,
  mismatch: false,
  reviewed: false,
  ...(asking !== undefined && { asking: { operation: asking, try: 1, at: NOON } }),
  ...over
})

const answerOf = (operation: Operation, outcome: Outcome, over: Partial<Answered> = {}): Answered => ({
  payment_id: PAYMENT,
  provider: "stripe",
  attempt: 1,
  try: 1,
  operation,
  outcome,
  amount: AMOUNT,
  currency: USD,
  breaker_failures: 0,
  jitter: 0,
  ...over
})

const OUTCOMES = [
  "succeeded",
  "declined",
  "rejected",
  "not_sent",
  "not_executed",
  "pending",
  "unknown",
  "not_charged",
  "fenced",
  "reversed"
] as const

/**
 * Verdicts in the order of OUTCOMES. `-` nothing, `c` charged, `r` refused, `p` pending, `?` unknown, `n` not charged,
 * `f` fenced.
 */
const letters: Readonly<Record<string, Verdict>> = {
  "-": "nothing",
  c: "charged",
  r: "refused",
  p: "pending",
  "?": "unknown",
  n: "not_charged",
  f: "fenced",
  R: "reversed",
  v: "reversing"
}

const table: ReadonlyArray<readonly [Status, asking: Operation | undefined, answered: Operation, verdicts: string]> = [
  ["STARTED", "charge", "charge", "c r r r r p ? ? f f"],
  ["UNKNOWN", "charge", "charge", "c r r r r p ? ? f f"],
  ["UNKNOWN", "read", "read", "c r ? ? ? p ? n f f"],
  ["UNKNOWN", "fence", "fence", "c r ? ? ? p ? n f f"],
  ["UNKNOWN", undefined, "charge", "c r - - - - - - f f"],
  ["UNKNOWN", "read", "charge", "c r - - - - - - f f"],
  ["PENDING", "read", "read", "c r ? ? ? p ? n f f"],
  ["REVIEW", "read", "read", "c r ? ? ? p ? n f f"],
  ["REVIEW", "fence", "fence", "c r ? ? ? p ? n f f"],
  ["SUCCEEDED", undefined, "charge", "- - - - - - - - - -"],
  ["SUCCEEDED", undefined, "read", "- - - - - - - - - -"],
  ["DECLINED", undefined, "charge", "c - - - - - - - - -"],
  ["REJECTED", undefined, "read", "c - - - - - - - - -"],
  ["NOT_SENT", undefined, "charge", "c - - - - - - - - -"],
  ["NOT_EXECUTED", undefined, "charge", "c - - - - - - - - -"],
  ["FENCED", undefined, "charge", "c - - - - - - - - -"],
  ["FENCED", undefined, "read", "c - - - - - - - - -"],
  ["REVERSING", "reverse", "charge", "- - - - - - - - - -"],
  ["REVERSING", "reverse", "reverse", "? ? ? ? ? v ? ? ? R"],
  ["REVERSING", undefined, "reverse", "- - - - - - - - - R"],
  ["REVERSED", undefined, "reverse", "- - - - - - - - - -"],
  ["REVERSED", undefined, "charge", "- - - - - - - - - -"],
  ["UNKNOWN", "read", "reverse", "- - - - - - - - - -"]
]

describe("what an answer means, by state and outcome", () => {
  for (const [status, asking, operation, verdicts] of table)
    for (const [i, letter] of verdicts.split(" ").entries()) {
      const outcome = OUTCOMES[i] as Outcome
      test(`${status}, asking ${asking ?? "nothing"}, ${operation} says ${outcome}: ${letters[letter]}`, () => {
        const attempt = attemptIn(status, asking, operation === "charge" && asking === "charge" ? { doubtful: 0 } : {})
        expect(judge(attempt, answerOf(operation, outcome), payment)).toBe(letters[letter] as Verdict)
      })
    }
})

describe("refused before execution is the end only if no other send is in doubt", () => {
  for (const outcome of ["rejected", "not_sent", "not_executed"] as const) {
    const cases: ReadonlyArray<readonly [string, Partial<Attempt>, Partial<Answered>, Verdict]> = [
      ["the only send", {}, {}, "refused"],
      ["an earlier send told nothing", { doubtful: 1, unanswered: [2] }, { try: 2 }, "unknown"],
      ["an earlier send has no answer yet", { unanswered: [1, 2] }, { try: 2 }, "unknown"],
      ["the first send, answered late and alone", { unanswered: [1] }, {}, "refused"],
      ["another send, answered before", { unanswered: [2] }, {}, "nothing"]
    ]
    for (const [name, over, answered, verdict] of cases)
      test(`${outcome}: ${name} → ${verdict}`, () => {
        const asking = { operation: "charge", try: over.unanswered?.at(-1) ?? 1, at: NOON } as const
        const attempt = attemptIn("UNKNOWN", "charge", { doubtful: 0, ...over, asking })
        expect(judge(attempt, answerOf("charge", outcome, answered), payment)).toBe(verdict)
      })
  }
})

describe("P25 a success in another amount or currency is no success", () => {
  const other = { amount: minor(4999n) }
  const euros = { currency: "EUR" as typeof USD }
  const silent = { outcome: "succeeded" } as const
  test("900 instead of 1000", () =>
    expect(judge(attemptIn("STARTED", "charge"), answerOf("charge", "succeeded", other), payment)).toBe("mismatch"))
  test("EUR instead of USD", () =>
    expect(judge(attemptIn("STARTED", "charge"), answerOf("charge", "succeeded", euros), payment)).toBe("mismatch"))
  test("no amount at all", () => {
    const { amount: _, currency: __, ...rest } = answerOf("read", "succeeded")
    expect(judge(attemptIn("UNKNOWN", "read"), { ...rest, ...silent }, payment)).toBe("mismatch")
  })
  test("said again", () => {
    const attempt = attemptIn("REVIEW", "read", { mismatch: true })
    expect(judge(attempt, answerOf("read", "succeeded", other), payment)).toBe("unknown")
    expect(judge(attempt, answerOf("read", "fenced"), payment)).toBe("unknown")
  })
  test("and corrected later", () =>
    expect(judge(attemptIn("REVIEW", "read", { mismatch: true }), answerOf("read", "succeeded"), payment)).toBe(
      "charged"
    ))
})

describe("what is asked next", () => {
  const rules = rulesOf()
  const hour = 3_600_000
  const seen = { seen: "not_charged" } as const
  const deadline = NOON + 24 * hour
  const cases: ReadonlyArray<readonly [string, Status, Partial<Attempt>, closing: boolean, after: number, Operation]> =
    [
      ["an unknown charge is read first", "UNKNOWN", {}, false, 0, "read"],
      ["then replayed under its key", "UNKNOWN", seen, false, 0, "charge"],
      ["but not beyond its tries", "UNKNOWN", { ...seen, charges: 3 }, false, 0, "fence"],
      ["nor when Stripe may have forgotten the key", "UNKNOWN", seen, false, 23 * hour, "fence"],
      ["but still just before", "UNKNOWN", seen, false, 23 * hour - 1, "charge"],
      ["nor when PayPal may have", "UNKNOWN", { ...seen, provider: "paypal" }, false, 5 * hour, "fence"],
      ["nor when the money is not wanted", "UNKNOWN", seen, true, 0, "fence"],
      ["nor after a server error", "UNKNOWN", { ...seen, server_error: true }, false, 0, "fence"],
      ["nor in review", "REVIEW", { ...seen, reviewed: true }, false, 0, "fence"],
      ["reads that tell nothing lead to the fence", "UNKNOWN", { blind: 3 }, false, 0, "fence"],
      ["pending waits", "PENDING", { seen: "pending" }, false, 0, "read"],
      ["pending waits when blind, too", "PENDING", { blind: 3 }, false, 0, "read"],
      ["pending is fenced when nobody wants it", "PENDING", { seen: "pending" }, true, 0, "fence"],
      ["a wrong amount is only read", "REVIEW", { mismatch: true, ...seen }, true, 0, "read"],
      ["a late success is given back", "REVERSING", {}, false, 0, "reverse"]
    ]
  for (const [name, status, over, closing, after, operation] of cases)
    test(name, () =>
      expect(nextOperation(attemptIn(status, undefined, over), { closing, deadline, now: NOON + after }, rules)).toBe(
        operation
      )
    )

  test("F28 nor when the charge could not end before the deadline", () => {
    const at = (left_ms: number) =>
      nextOperation(
        attemptIn("UNKNOWN", undefined, seen),
        { closing: false, deadline: NOON + left_ms, now: NOON },
        rules
      )
    expect([at(rules.timeout_ms), at(rules.timeout_ms - 1)]).toEqual(["charge", "fence"])
  })
})
