/** How much may be refunded, and what becomes of it: a table, and that it holds whatever is asked in whatever order. */
import { expect, test } from "bun:test"
import fc from "fast-check"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import type { PaymentEvent } from "../../shared/contract/payment.ts"
import { decide, evolve, type Payment, type State, type Status } from "./payment.ts"
import { postings } from "./projections.ts"
import { pending, type Refund, refundable, refunded } from "./refunds.ts"

const MAX = 4
const settings = { maxPaymentAmount: 10_000n, maxPaymentAmountOf: new Map(), maxRefundsPerPayment: MAX }
const RUNS = 500

const at = (status: Status, ...refunds: ReadonlyArray<readonly [string, bigint, Refund["status"]]>): Payment => ({
  status,
  walletId: "w",
  userId: "ana",
  merchantId: "shop",
  amount: minor(100n),
  currency: "USD" as Currency,
  initiatedAt: 0,
  rejected: false,
  cancelRequested: false,
  provider: "stripe",
  refunds: refunds.map(([id, amount, status]) => ({ id, amount: minor(amount), status, requestedAt: 0 }))
})
const message = (type: string, refund_id: string, data: object = {}): Message => ({
  id: "m",
  type,
  subject: "payment-p",
  time: 0,
  tenant: "t",
  partitionkey: "t/ana",
  correlationid: "p",
  causationid: "p",
  actor: "test",
  schema: 1,
  data: { payment_id: "p", refund_id, ...data }
})
const ask = (id: string, amount?: bigint) =>
  message("RequestRefund", id, amount === undefined ? {} : { amount: minor(amount) })
const confirm = (id: string) => message("ConfirmRefund", id, { provider_reference: "re_1" })
const failed = (id: string) => message("MarkRefundAsFailed", id, { failure: { code: "X", reason: "x" } })

const four = ["a", "b", "c", "d"].map((id) => [id, 1n, "failed"] as const)
/** What it shows, state, command, then: the event and its amount, the refusal, or nothing. */
const cases: ReadonlyArray<readonly [string, State, Message, string]> = [
  ["a part", at("COMPLETED"), ask("r", 40n), "RefundRequested 40"],
  ["no amount is all there is", at("COMPLETED"), ask("r"), "RefundRequested 100"],
  ["no amount is what is left", at("PARTIALLY_REFUNDED", ["q", 30n, "succeeded"]), ask("r"), "RefundRequested 70"],
  ["P26 pending ones count", at("COMPLETED", ["q", 60n, "pending"]), ask("r", 60n), "REFUND_EXCEEDS_REMAINDER 40"],
  ["P35 failed ones do not", at("COMPLETED", ["q", 60n, "failed"]), ask("r", 100n), "RefundRequested 100"],
  ["P29 more than was captured", at("COMPLETED"), ask("r", 101n), "REFUND_EXCEEDS_REMAINDER 100"],
  ["nothing is left", at("REFUNDED", ["q", 100n, "succeeded"]), ask("r"), "REFUND_EXCEEDS_REMAINDER 0"],
  ["nor where all of it is pending", at("COMPLETED", ["q", 100n, "pending"]), ask("r"), "REFUND_EXCEEDS_REMAINDER 0"],
  ["a known refund is asked for once", at("COMPLETED", ["r", 10n, "pending"]), ask("r", 10n), ""],
  ["as many as there may be", at("COMPLETED", ...four), ask("r", 1n), "REFUND_LIMIT_REACHED"],
  ["not yet completed", at("VALIDATED"), ask("r", 1n), "PAYMENT_NOT_REFUNDABLE"],
  ["failed", at("FAILED"), ask("r", 1n), "PAYMENT_NOT_REFUNDABLE"],
  ["cancelled", at("CANCELLED"), ask("r", 1n), "PAYMENT_NOT_REFUNDABLE"],
  ["never initiated", undefined, ask("r", 1n), "PAYMENT_NOT_FOUND"],
  ["done in part", at("COMPLETED", ["r", 40n, "pending"]), confirm("r"), "PaymentRefunded 40 PARTIALLY_REFUNDED"],
  [
    "done to the last unit",
    at("PARTIALLY_REFUNDED", ["q", 60n, "succeeded"], ["r", 40n, "pending"]),
    confirm("r"),
    "PaymentRefunded 40 REFUNDED"
  ],
  ["done twice", at("REFUNDED", ["r", 100n, "succeeded"]), confirm("r"), ""],
  ["refused", at("COMPLETED", ["r", 40n, "pending"]), failed("r"), "RefundFailed 40"],
  ["refused twice", at("COMPLETED", ["r", 40n, "failed"]), failed("r"), ""],
  ["done stays done (DECISIONS D1.3)", at("REFUNDED", ["r", 100n, "succeeded"]), failed("r"), ""],
  ["a refund nobody asked for", at("COMPLETED"), confirm("r"), ""]
]
for (const [shows, state, command, then] of cases)
  test(`${shows}: ${command.type} → ${then || "nothing"}`, () => {
    const { events = [], refusal } = decide(settings)(state, command, 0)
    const [event] = events
    const facts = { ...event?.data, ...refusal?.details } as { readonly [name: string]: unknown }
    const told = [event?.type ?? refusal?.code, facts["refundable_amount"] ?? facts["amount"], event && facts["status"]]
    expect(told.filter((word) => word !== undefined).join(" ")).toBe(then)
    expect(events.length).toBeLessThanOrEqual(1)
  })

const command = fc.tuple(fc.constantFrom("ask", "confirm", "fail"), fc.constantFrom("r1", "r2", "r3", "r4", "r5", "r6"))

test("Σ refunds ≤ captured at every moment; every reserve is released or paid, and once", () => {
  const holds = fc.property(
    fc.array(fc.tuple(command, fc.bigInt({ min: 1n, max: 120n })), { maxLength: 40 }),
    (asked) => {
      let state: Payment = at("COMPLETED")
      const book = new Map<string, bigint>([["merchant:shop", 100n]])
      const move = (account: string, by: bigint) => book.set(account, (book.get(account) ?? 0n) + by)
      const ends = new Map<string, number>()
      for (const [n, [[verb, id], amount]] of asked.entries()) {
        const given = verb === "ask" ? ask(id, amount) : verb === "confirm" ? confirm(id) : failed(id)
        for (const event of decide(settings)(state, given, n).events ?? []) {
          const recorded = { ...event, id: "e", time: n, version: n } as PaymentEvent & {
            readonly id: string
            readonly time: number
            readonly version: number
          }
          state = evolve(state, recorded) as Payment
          for (const posting of postings(recorded)) {
            move(posting.source, -posting.amount)
            move(posting.destination, posting.amount)
          }
          // What the gateway's and the wallet's commits have moved by then.
          if (event.type === "PaymentRefunded") move("refunds:clearing", -event.data.amount)
          if (event.type === "PaymentRefunded" || event.type === "RefundFailed")
            ends.set(event.data.refund_id, (ends.get(event.data.refund_id) ?? 0) + 1)
        }
        expect(refunded(state) + pending(state) <= state.amount).toBe(true)
        expect(book.get("refunds:clearing") ?? 0n).toBe(pending(state))
        expect(book.get("merchant:shop")).toBe(refundable(state))
        expect((state.refunds ?? []).length).toBeLessThanOrEqual(MAX)
      }
      for (const { id, status } of state.refunds ?? []) expect(ends.get(id) ?? 0).toBe(status === "pending" ? 0 : 1)
      expect(state.status === "REFUNDED").toBe(refunded(state) === state.amount)
    }
  )
  fc.assert(holds, { numRuns: RUNS })
})
