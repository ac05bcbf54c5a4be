/** A saga played message by message, as the journal runs it. For the tests of this folder. */
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import type { SagaEvent } from "../../shared/contract/saga.ts"
import type { Outgoing } from "../../shared/runtime/decider.ts"
import { evolve } from "./evolve.ts"
import { react } from "./react.ts"
import { wakeAt as wakeAtWith } from "./recover.ts"
import { decide } from "./saga.ts"
import type { State } from "./state.ts"

export const settings = {
  sagaTimeoutMs: 300_000,
  stepTimeoutMs: 60_000,
  recoveryIntervalMs: 60_000,
  stuckAfterMs: 300_000
}
export const wakeAt = (state: State) => wakeAtWith(state, settings)
const USD = "USD" as Currency
export const message = (type: string, data: object = {}): Message => ({
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
  data: { payment_id: "p", ...data }
})

/** Plays messages through the saga at a given time each and collects what it says and sends. */
export class Play {
  state: State = undefined
  version = 0
  now = 0
  readonly said: Array<string> = []
  last: Recorded<SagaEvent> | undefined
  sent: Array<Outgoing> = []

  hear(...messages: ReadonlyArray<Message>): this {
    for (const each of messages) {
      for (const event of decide(settings)(this.state, each, this.now).events ?? []) this.record(event)
    }
    return this
  }
  at(now: number): this {
    this.now = now
    return this
  }
  private record(event: SagaEvent): void {
    const recorded = { ...event, id: "e", time: this.now, version: ++this.version }
    this.state = evolve(settings)(this.state, recorded)
    this.last = recorded
    this.said.push(event.type)
    this.sent.push(...(react(this.state, recorded).commands ?? []))
  }
  /** Types of the commands sent since the last look. */
  commands(): ReadonlyArray<string> {
    const types = this.sent.map(({ command }) => command.type)
    this.sent = []
    return types
  }
}

export const order = {
  wallet_id: "w",
  user_id: "ana",
  merchant_id: "shop",
  amount: minor(100n),
  currency: USD,
  initiated_at: 0
}
export const funds = {
  wallet_id: "w",
  currency: USD,
  requested_amount: 100n,
  available_balance: 40n,
  deficit_amount: 60n
}
export const initiated = message("PaymentInitiated", order)
export const validated = message("PaymentValidated")
export const checked = message("WalletBalanceChecked", { ...funds, sufficient_funds: true })
export const lacking = message("WalletBalanceChecked", { ...funds, sufficient_funds: false })
export const deducted = message("WalletDeducted", { amount: minor(100n) })
export const deductionFailed = message("WalletDeductionFailed", { ...funds, code: "WALLET_LOCKED" })
export const charged = message("GatewayResponseReceived", {
  outcome: "succeeded",
  provider: "stripe",
  provider_reference: "pi_1"
})
export const unknown = message("GatewayTimeoutOccurred", { provider: "stripe" })
export const declined = message("GatewayPaymentFailed", { code: "PAYMENT_DECLINED", reason: "r", provider: "stripe" })
export const completed = message("PaymentCompleted")
export const failed = message("PaymentFailed")
export const due = message("TimerFired", { kind: "due", due_at: 0 })
export const restart = message("TimerFired", { kind: "restart", due_at: 0 })
export const atGateway = () => new Play().hear(initiated, validated, checked, deducted)
