import { expect, test } from "bun:test"
import { diagram, folded, linesOf } from "./diagram.ts"
import { COLOURED, ending, tell, toldWhole, WIDTH } from "./narrator.ts"
import recorded from "./recorded.json" with { type: "json" }
import { type Beat, type Happened, holds, type Story, timelineOf } from "./story.ts"
import { rowsOf } from "./timeline.ts"

const story = recorded as unknown as Story

test("a recorded story, word for word", () => {
  expect(toldWhole(story).join("\n")).toMatchInlineSnapshot(`
    "
    Scenario 2 · Not enough in the wallet
    ─────────────────────────────────────

      Ben has 250.00 USD and wants to pay 1000.00 USD.

      Ben       POST /api/v1/payments  1000.00 USD to bike-shop, Idempotency-Key ben-order-1
      answer    400 after 35 ms
                INSUFFICIENT_FUNDS: Your wallet balance is 250.00 USD and the payment needs 1000.00 USD.
                Please top up at least 750.00 USD and pay again.

         ms  who      what happens                        the payment is     the saga
          0  payment  PaymentInitiated                    INITIATED          started
         12  payment  PaymentValidated                    VALIDATED          ValidatePayment ✓
         22  wallet   WalletBalanceChecked: not enough                       CheckWalletBalance ✗
         49  payment  PaymentFailed                       FAILED             FAILED
        106  notify   user told: "Payment failed"

      wallet    Ben: 250.00 USD, as before
      ledger    nothing in any provider's book
      message   Ben reads: Payment failed. Your payment of 1000.00 USD did not go through. Your balance
                is 250.00 USD. Please top up at least 750.00 USD and try again.

      ✓ refused as a client's matter: 400 INSUFFICIENT_FUNDS
      ✓ the answer has the three figures: 750.00 USD missing
      ✓ no provider was called: yes
      ✓ nothing left the wallet: yes
      ✓ the message names the balance and suggests a top-up: yes"
  `)
})

test("its timeline as a diagram: commands by their ids, what the saga heard, the answer at the end", () => {
  const drawn = { request: "POST /payments", answer: "400" }
  expect(linesOf(timelineOf(story, "payment"), drawn)).toEqual([
    "client->>api: POST /payments",
    "api->>payment: InitiatePayment and the key, one commit",
    "payment-->>saga: PaymentInitiated",
    "saga->>payment: ValidatePayment",
    "payment-->>saga: PaymentValidated",
    "saga->>wallet: CheckWalletBalance",
    "wallet-->>saga: WalletBalanceChecked, not enough",
    "saga->>payment: MarkPaymentAsFailed",
    "payment-->>saga: PaymentFailed",
    "api-->>client: 400",
    "saga->>notification: NotifyUser",
    "notification-->>client: Payment failed"
  ])
})

test("an event that nobody sent a command for has no command in the diagram", () => {
  const foreign = timelineOf(story, "payment").map((event) => ({ ...event, caused_by: "somebody else" }))
  const lines = linesOf(foreign, { request: "POST /payments", answer: "400" })
  expect(lines.filter((line) => line.startsWith("saga->>"))).toEqual([])
})

const LONG = "a sentence that goes on and on and does not come to its end before the line does, ".repeat(4)
const gateway = (version: number, type: string, data: object): Happened => ({
  id: `g${version}`,
  type,
  stream: "gateway-p",
  version,
  time: new Date(version * 1_000).toISOString(),
  caused_by: "",
  data: { provider: "stripe", operation: "charge", attempt: 1, ...data },
  why: LONG
})
const attempts: ReadonlyArray<Happened> = [
  gateway(1, "GatewayRequestSent", { try: 1 }),
  gateway(2, "GatewayTimeoutOccurred", { reason: "timeout", circuit_breaker_failures: 4 }),
  gateway(3, "GatewayRequestSent", { try: 2 }),
  gateway(4, "GatewayTimeoutOccurred", { reason: "breaker_open", circuit_breaker_failures: 5 }),
  gateway(5, "GatewayRequestSent", { operation: "fence", try: 1 }),
  gateway(6, "GatewayResponseReceived", { operation: "fence", outcome: "fenced" }),
  gateway(7, "GatewayFallbackTriggered", { primary_provider: "stripe", fallback_provider: "paypal" })
]

test("tries at a provider: what was not sent has no row, and each is said by whom it concerns", () => {
  expect(rowsOf(attempts).map(({ ms, who, what, payment }) => [ms, who, what, payment])).toEqual([
    [0, "gateway", "→ stripe: charge", "GATEWAY_PROCESSING"],
    [1_000, "stripe", "← no usable answer (timeout)", "GATEWAY_RETRYING"],
    [3_000, "gateway", "stripe not asked: breaker open", ""],
    [4_000, "gateway", "→ stripe: cancel it for good", ""],
    [5_000, "stripe", "← cancelled, nothing was taken", ""],
    [6_000, "gateway", "falls back to paypal", "GATEWAY_FALLBACK"]
  ])
})

test("nothing is wider than the terminal, and NO_COLOR's text is the coloured one without its codes", () => {
  const beats: ReadonlyArray<Beat> = [
    { kind: "says", text: LONG },
    { kind: "answers", status: 502, text: LONG, tookMs: 1_234_567 },
    { kind: "told", who: "Ana", title: "Payment failed", message: LONG },
    { kind: "timeline", name: "", usual: false, events: attempts },
    ...story.beats
  ]
  for (const beat of beats) {
    const plain = tell(beat, { strong: same, quiet: same, good: same, bad: same, name: same })
    expect(plain.filter((line) => [...line].length > WIDTH)).toEqual([])
    const coloured = tell(beat, COLOURED).map((line) => Bun.stripANSI(line))
    expect(coloured).toEqual([...plain])
  }
})
const same = (text: string) => text

test("a fact that is not so is seen at its line and at the end", () => {
  const wrong: Story = { ...story, beats: [{ kind: "fact", says: "charged once", holds: false, seen: "twice" }] }
  expect([holds(story), holds(wrong)]).toEqual([true, false])
  expect(toldWhole(wrong).at(-1)).toBe("  ✗ charged once: twice")
  const [, last] = ending([wrong], 1_500, { strong: same, quiet: same, good: same, bad: same, name: same })
  expect(last).toBe("1 fact checked in 1 scenario, 1.5 s: NOT so in scenario 2: see the lines with ✗")
})

test("what is as usual up to the debit becomes a note; what is not stays", () => {
  const usual = ["client->>api: 1", "saga->>wallet: DeductWalletBalance", "wallet-->>saga: WalletDeducted", "rest"]
  const other = ["client->>api: 2", ...usual.slice(1, 3), "more"]
  expect(folded(other, usual, "as usual")).toEqual(["client->>api: 2", "Note over client,wallet: as usual", "more"])
  const changed = other.with(1, "saga->>wallet: HoldFunds")
  expect(folded(changed, usual, "as usual")).toEqual(changed)
})

test("a diagram names who takes part, in the order in which a payment meets them", () => {
  expect(diagram(["gateway->>stripe: charge", "client->>api: pay"]).split("\n")).toEqual([
    "```mermaid",
    "sequenceDiagram",
    "  participant client",
    "  participant api",
    "  participant gateway",
    "  participant stripe",
    "  gateway->>stripe: charge",
    "  client->>api: pay",
    "```"
  ])
})
