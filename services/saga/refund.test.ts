/** A refund's saga: reserve first, provider next, wallet last; a timeout asks; a refusal releases. */
import { expect, test } from "bun:test"
import { Schema } from "effect"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import type { Outgoing } from "../../shared/runtime/decider.ts"
import { sagaDecider } from "./decider.ts"
import type { Saga, State } from "./state.ts"

const decider = sagaDecider({
  sagaTimeoutMs: 300_000,
  stepTimeoutMs: 60_000,
  recoveryIntervalMs: 10_000,
  stuckAfterMs: 300_000
})
const DAY_MS = 24 * 3_600_000
const USD = "USD" as Currency

const completed: Saga = {
  order: {
    payment_id: "p",
    wallet_id: "w",
    user_id: "ana",
    merchant_id: "shop",
    amount: minor(100n),
    currency: USD,
    initiated_at: 0,
    deadline: 300_000
  },
  status: "COMPLETED",
  step: "ConfirmPayment",
  deducted: true,
  undo: [],
  compensated: false,
  closing: false,
  stepDeadline: 60_000,
  recoveries: 0,
  startedAt: 0,
  stuckTold: false,
  parked: false
}
const message = (type: string, refund_id: string, data: object = {}): Message => ({
  id: "m",
  type,
  subject: "saga-p",
  time: 0,
  tenant: "t",
  partitionkey: "t/ana",
  correlationid: "p",
  causationid: "p",
  actor: "test",
  schema: 1,
  data: { payment_id: "p", refund_id, ...data }
})
const money = { amount: minor(40n), currency: USD }
const requested = (id = "r") => message("RefundRequested", id, { wallet_id: "w", user_id: "ana", ...money })
const refunded = (id = "r") => message("GatewayRefunded", id, { provider_reference: "re_1" })
const refused = message("GatewayRefundRefused", "r", { code: "DISPUTED", reason: "paypal: a dispute is open" })
const pending = message("GatewayRefundPending", "r")
const unknown = message("GatewayRefundUnknown", "r")
const received = (id = "r") => message("WalletRefundReceived", id)
const confirmed = (id = "r") => message("PaymentRefunded", id)
const released = message("RefundFailed", "r")
const timer = (kind: "due" | "restart"): Message => ({ ...message("TimerFired", ""), data: { kind, due_at: 0 } })

class Play {
  state: State = completed
  version = 7
  now = 0
  sent: Array<Outgoing> = []
  said: Array<string> = []

  hear(...messages: ReadonlyArray<Message>): this {
    for (const each of messages)
      for (const event of decider.decide(this.state, each, this.now).events ?? []) {
        const recorded = { ...event, id: "e", time: this.now, version: ++this.version }
        this.state = decider.evolve(this.state, recorded)
        this.said.push(event.type)
        this.sent.push(...(decider.react(this.state, recorded).commands ?? []))
      }
    return this
  }
  at(now: number): this {
    this.now = now
    return this
  }
  commands(): ReadonlyArray<string> {
    const types = this.sent.map(({ command }) => command.type)
    this.sent = []
    return types
  }
  refund = (id = "r") => this.state?.refunds?.find(({ order }) => order.refund_id === id)
  wakeAt = () => decider.wakeAt(this.state)
}

test("provider, then wallet, then payment, then the user; each command has one name for the refund's life", () => {
  const play = new Play()
  expect(play.hear(requested()).commands()).toEqual(["RefundWithGateway"])
  expect(play.hear(refunded()).commands()).toEqual(["CreditRefund"])
  expect(play.hear(received()).commands()).toEqual(["ConfirmRefund"])
  play.hear(confirmed())
  expect(play.sent.map(({ name }) => name)).toEqual(["refund:r:NotifyUser"])
  expect(play.commands()).toEqual(["NotifyUser"])
  expect(play.refund()).toMatchObject({ status: "COMPLETED", provider_reference: "re_1" })
  expect(play.wakeAt()).toBeUndefined()
  expect(play.hear(refunded(), received(), confirmed(), requested()).commands()).toEqual([])
})

test("P34 pending and unknown are no end: nothing is credited, and the gateway looks after it", () => {
  for (const open of [pending, unknown]) {
    const play = new Play().hear(requested()).at(1_000)
    play.commands()
    expect(play.hear(open, open).commands()).toEqual([])
    expect(play.said).toEqual(["SagaRefundStarted", "SagaRefundWaits"])
    expect(play.wakeAt()).toBe(1_000 + DAY_MS)
    expect(
      play
        .at(1_000 + DAY_MS)
        .hear(timer("due"))
        .commands()
    ).toEqual(["VerifyRefund"])
    expect(play.hear(refunded()).commands()).toEqual(["CreditRefund"])
  }
})

test("P35 a refusal releases what was set aside; the wallet is not touched", () => {
  const play = new Play().hear(requested())
  play.commands()
  expect(play.hear(refused).commands()).toEqual(["MarkRefundAsFailed"])
  expect(play.hear(released).commands()).toEqual(["NotifyUser"])
  expect(play.refund()).toMatchObject({ status: "FAILED", failure: { code: "DISPUTED" } })
  expect(play.hear(refunded()).commands()).toEqual([])
})

test("a silent gateway is asked, as often as it takes; it is never counted", () => {
  const play = new Play().hear(requested())
  play.commands()
  for (let n = 0; n < 10; n++) {
    play.at(play.wakeAt() ?? 0)
    expect(play.hear(timer("due")).commands()).toEqual(["VerifyRefund"])
  }
  expect(play.refund()).toMatchObject({ status: "PROCESSING", recoveries: 0, parked: false })
})

for (const [step, heard, command] of [
  ["the wallet", [refunded()], "CreditRefund"],
  ["the payment", [refunded(), received()], "ConfirmRefund"],
  ["the release", [refused], "MarkRefundAsFailed"]
] as const)
  test(`${step} does not answer: at most 3 continues, then parked; a late answer still counts`, () => {
    const play = new Play().hear(requested(), ...heard)
    play.commands()
    for (let n = 0; n < 3; n++) {
      play.at(play.wakeAt() ?? 0)
      expect(play.hear(timer("due")).commands()).toEqual([command])
    }
    play.at(play.wakeAt() ?? 0)
    expect(play.hear(timer("due")).commands()).toEqual([])
    expect(play.said.at(-1)).toBe("SagaRefundParked")
    expect(play.wakeAt()).toBeUndefined()
    play.hear(step === "the release" ? released : step === "the wallet" ? received() : confirmed())
    expect(play.refund()?.parked).toBe(false)
    expect(play.commands()).toEqual([step === "the wallet" ? "ConfirmRefund" : "NotifyUser"])
  })

test("an operator resumes a refund that gave up: its step again, under the same name, counted from zero", () => {
  const play = new Play().hear(requested(), refunded())
  const name = play.sent.at(-1)?.name as string
  for (let n = 0; n < 4; n++) play.at(play.wakeAt() ?? 0).hear(timer("due"))
  expect(play.refund()?.parked).toBe(true)
  play.commands()
  play.hear({ ...message("ResumeSaga", ""), data: { payment_id: "p", reason: "the wallet is back" } })
  expect(play.sent.map((sent) => sent.name)).toEqual([name])
  expect(play.refund()).toMatchObject({ parked: false, recoveries: 0 })
  expect(play.wakeAt()).toBe(play.now + 60_000)
  play.hear(received(), confirmed())
  const again = decider.decide(play.state, message("ResumeSaga", ""), play.now)
  expect(again.refusal?.code).toBe("SAGA_ENDED")
})

test("an operator has a refund asked for that waits for its provider", () => {
  const play = new Play().hear(requested())
  play.commands()
  expect(play.hear(message("ResumeSaga", "")).commands()).toEqual(["VerifyRefund"])
})

test("a restart asks the provider where it was asked, and leaves the rest to the log", () => {
  const play = new Play().hear(requested("a"), requested("b"), refunded("b"))
  play.commands()
  expect(play.hear(timer("restart")).commands()).toEqual(["VerifyRefund"])
  expect(play.said.at(-1)).toBe("SagaRefundRecoveryAttempted")
})

test("two refunds of one payment run side by side, each with its own answers", () => {
  const play = new Play().hear(requested("a"), requested("b"))
  expect(play.commands()).toEqual(["RefundWithGateway", "RefundWithGateway"])
  play.hear(refunded("b"), received("b"), confirmed("b"))
  expect([play.refund("a")?.step, play.refund("b")?.status]).toEqual(["RefundWithGateway", "COMPLETED"])
})

test("a snapshot brings the refunds back", () => {
  const { state } = new Play().hear(requested("a"), requested(), refused)
  const stored = JSON.parse(JSON.stringify(Schema.encodeSync(decider.snapshot.codec)(state)))
  expect(Schema.decodeSync(decider.snapshot.codec)(stored)).toEqual(state)
})
