import { expect, test } from "bun:test"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import type { Failure } from "../../shared/contract/payment.ts"
import { decide, evolve, type Payment, type State, type Status } from "./payment.ts"

const settings = { maxPaymentAmount: 500n, maxPaymentAmountOf: new Map([["casino", 50n]]), maxRefundsPerPayment: 3 }
const payment: Payment = {
  status: "INITIATED",
  walletId: "w",
  userId: "ana",
  merchantId: "shop",
  amount: minor(100n),
  currency: "USD" as Currency,
  initiatedAt: 0,
  rejected: false,
  cancelRequested: false
}
const at = (status: Status, more: Partial<Payment> = {}): Payment => ({ ...payment, status, ...more })
const lack: Failure = { code: "INSUFFICIENT_FUNDS", stage: "WALLET_VALIDATION", reason: "r" }
const concurrent: Failure = { ...lack, code: "INSUFFICIENT_FUNDS_CONCURRENT", concurrent_payment_id: "winner" }
const message = (type: string, data: object = {}): Message => ({
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
  data: { payment_id: "p", ...data }
})
const initiate = message("InitiatePayment", {
  wallet_id: "w",
  user_id: "ana",
  merchant_id: "shop",
  amount: minor(100n),
  currency: "USD",
  initiated_at: 7
})
const confirm = message("ConfirmPayment", { provider: "stripe", provider_reference: "pi_1" })
const fail = message("MarkPaymentAsFailed", { failure: lack })
const cancelled = message("MarkPaymentAsCancelled", { reason: "r" })
const askCancel = message("RequestPaymentCancel", { reason: "r" })
const validate = message("ValidatePayment")

/** State, command, the types of the events or the code of the refusal, and the status after. */
const cases: ReadonlyArray<readonly [State, Message, ReadonlyArray<string> | string, Status | undefined]> = [
  [undefined, initiate, ["PaymentInitiated"], "INITIATED"],
  [payment, initiate, [], "INITIATED"],
  [undefined, confirm, "PAYMENT_NOT_FOUND", undefined],
  [payment, validate, ["PaymentValidated"], "VALIDATED"],
  [at("VALIDATED"), validate, [], "VALIDATED"],
  [{ ...payment, amount: minor(501n) }, validate, ["PaymentRejected"], "INITIATED"],
  [{ ...payment, merchantId: "casino" }, validate, ["PaymentRejected"], "INITIATED"],
  [{ ...payment, rejected: true }, validate, [], "INITIATED"],
  [at("VALIDATED"), confirm, ["PaymentCompleted"], "COMPLETED"],
  [at("COMPLETED"), confirm, [], "COMPLETED"],
  [at("FAILED"), confirm, "ILLEGAL_TRANSITION", "FAILED"],
  [at("CANCELLED"), confirm, "ILLEGAL_TRANSITION", "CANCELLED"],
  [at("VALIDATED"), fail, ["PaymentFailed"], "FAILED"],
  [at("FAILED"), fail, [], "FAILED"],
  [at("COMPLETED"), fail, "ILLEGAL_TRANSITION", "COMPLETED"],
  [at("REFUNDED"), fail, "ILLEGAL_TRANSITION", "REFUNDED"],
  [payment, cancelled, ["PaymentCancelled"], "CANCELLED"],
  [at("CANCELLED"), cancelled, [], "CANCELLED"],
  [at("COMPLETED"), cancelled, "ILLEGAL_TRANSITION", "COMPLETED"],
  [at("VALIDATED"), askCancel, ["PaymentCancelRequested"], "VALIDATED"],
  [at("VALIDATED", { cancelRequested: true }), askCancel, [], "VALIDATED"],
  [at("COMPLETED"), askCancel, "PAYMENT_NOT_CANCELLABLE", "COMPLETED"],
  [at("CANCELLED"), askCancel, [], "CANCELLED"],
  [payment, message("TimerFired", { kind: "due", due_at: 0 }), [], "INITIATED"]
]
for (const [given, command, then, status] of cases) {
  const before = `${given?.status ?? "none"}${given?.rejected ? ", rejected" : ""}`
  test(`${before}, ${command.type} → ${then || "nothing"}`, () => {
    const decision = decide(settings)(given, command, 9)
    const types = decision.events?.map(({ type }) => type)
    expect<ReadonlyArray<string> | string | undefined>(types ?? decision.refusal?.code).toEqual(then as string)
    const after = (decision.events ?? []).reduce<State>(
      (state, event, n) => evolve(state, { ...event, id: "e", time: 9, version: n + 1 }),
      given
    )
    expect(after?.status).toBe(status)
  })
}

test("a payment that lost its funds to another one says so in the same commit", () => {
  const decision = decide(settings)(at("VALIDATED"), message("MarkPaymentAsFailed", { failure: concurrent }), 9)
  expect(decision.events?.map(({ type }) => type)).toEqual(["PaymentFailed", "ConcurrentPaymentDetected"])
  expect(decision.events?.[1]?.data).toMatchObject({ winner: "winner", concurrent_payments: ["winner", "p"] })
})
