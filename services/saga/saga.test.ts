import { expect, test } from "bun:test"
import {
  atGateway,
  charged,
  checked,
  completed,
  declined,
  deducted,
  deductionFailed,
  due,
  failed,
  initiated,
  lacking,
  message,
  Play,
  restart,
  unknown,
  validated,
  wakeAt
} from "./testing.ts"

test("a payment that goes well: five steps, each command once, in order", () => {
  const play = atGateway().hear(charged, completed)
  expect(play.commands()).toEqual([
    "ValidatePayment",
    "CheckWalletBalance",
    "DeductWalletBalance",
    "ProcessWithGateway",
    "ConfirmPayment",
    "NotifyUser"
  ])
  expect(play.state?.status).toBe("COMPLETED")
  expect(wakeAt(play.state)).toBeUndefined()
})

test("repeated and late answers change nothing", () => {
  const play = atGateway().hear(initiated, validated, checked, deducted, charged, charged, completed, completed, failed)
  expect(play.said.length).toBe(7)
  expect(play.state?.status).toBe("COMPLETED")
})

test("scenario 2: a lack of funds is marked at once, nothing is undone", () => {
  const play = new Play().hear(initiated, validated)
  play.commands()
  expect(play.hear(lacking).commands()).toEqual(["MarkPaymentAsFailed"])
  expect(play.hear(failed).commands()).toEqual(["NotifyUser"])
  expect(play.said.slice(-2)).toEqual(["SagaStepFailed", "SagaFailed"])
})

test("a wallet that refuses the deduction has nothing to give back", () => {
  const play = new Play().hear(initiated, validated, checked)
  play.commands()
  expect(play.hear(deductionFailed).commands()).toEqual(["MarkPaymentAsFailed"])
})

test("a decline gives the money back first, and only then the payment is FAILED", () => {
  const play = atGateway()
  play.commands()
  expect(play.hear(declined).commands()).toEqual(["RefundWalletBalance"])
  expect(play.hear(failed).state?.status).toBe("FAILED") // even if it were told out of order
  const again = atGateway().hear(declined)
  again.commands()
  expect(again.hear(message("WalletRefunded")).commands()).toEqual(["MarkPaymentAsFailed"])
  expect(again.hear(failed).commands()).toEqual(["NotifyUser"])
  expect(again.said.slice(-2)).toEqual(["CompensationCompleted", "SagaFailed"])
})

test("P108 an unknown outcome is never compensated: time only asks", () => {
  const play = atGateway().hear(unknown)
  play.commands()
  expect(play.state?.status).toBe("AWAITING_GATEWAY")
  expect(play.at(60_000).hear(due).commands()).toEqual(["VerifyWithGateway"])
  expect(play.at(120_000).hear(due).commands()).toEqual(["VerifyWithGateway"])
  expect(play.at(300_000).hear(due).commands()).toEqual(["CloseGateway"])
  expect(play.hear(message("GatewayCloseRefused", { reason: "unknown" })).commands()).toEqual([])
  for (let hour = 1; hour < 100; hour++) play.at(hour * 3_600_000).hear(due)
  expect(new Set(play.commands())).toEqual(new Set(["VerifyWithGateway"]))
  expect(play.said.filter((type) => type === "SagaStuck").length).toBe(1)
  expect(play.hear(charged).commands()).toEqual(["ConfirmPayment"])
})

test("time is up with nothing at a provider: the gateway says so, the money goes back", () => {
  const play = atGateway().at(300_000).hear(due)
  play.commands()
  expect(play.hear(message("GatewayClosed")).commands()).toEqual(["RefundWalletBalance"])
  expect(play.state?.failure?.code).toBe("PAYMENT_TIMED_OUT")
})

test("time is up while the deduction is in flight: it is undone, done or not", () => {
  const play = new Play().hear(initiated, validated, checked)
  play.commands()
  play.at(300_000).hear(due)
  expect(play.sent[0]?.command).toMatchObject({ type: "RefundWalletBalance", data: { deducted: false } })
  expect(play.hear(message("WalletDeductionVoided")).state?.undo).toEqual([])
})

test("a deduction that comes to light while it is undone is undone for certain", () => {
  const play = new Play().hear(initiated, validated, checked).at(300_000).hear(due)
  play.commands()
  play.hear(deducted)
  expect(play.sent[0]?.command).toMatchObject({ type: "RefundWalletBalance", data: { deducted: true } })
  play.commands()
  expect(play.hear(message("WalletRefunded")).commands()).toEqual(["MarkPaymentAsFailed"])
})

test("a step without an answer is sent again under the same name, three times, then a person is paged", () => {
  const play = new Play().hear(initiated)
  const [first] = play.sent
  play.commands()
  for (let n = 1; n <= 3; n++) {
    play.at(n * 60_000).hear(due)
    expect(play.sent[0]?.name).toBe(first?.name as string)
    expect(play.commands()).toEqual(["ValidatePayment"])
  }
  play.at(240_000).hear(due)
  expect(play.said.at(-1)).toBe("SagaParked")
  expect(wakeAt(play.state)).toBe(300_000) // only to be flagged stuck
  expect(play.at(300_000).hear(due).commands()).toEqual([])
  expect([play.said.at(-1), wakeAt(play.state)]).toEqual(["SagaStuck", undefined])
  expect(play.hear(validated).commands()).toEqual(["CheckWalletBalance"]) // late truth still counts
})

test("a restart asks the provider, and repeats nothing else: the log still holds it", () => {
  expect(atGateway().hear(restart).commands().at(-1)).toBe("VerifyWithGateway")
  const early = new Play().hear(initiated)
  early.commands()
  expect(early.hear(restart).commands()).toEqual([])
})

/** What a new process finds a saga at, and what it does about it. */
const found: ReadonlyArray<readonly [string, () => Play, string | undefined]> = [
  ["ValidatePayment", () => new Play().hear(initiated), "continue"],
  ["CheckWalletBalance", () => new Play().hear(initiated, validated), "continue"],
  ["DeductWalletBalance", () => new Play().hear(initiated, validated, checked), "continue"],
  ["ProcessWithGateway", atGateway, "verify"],
  ["an unknown outcome", () => atGateway().hear(unknown), "verify"],
  ["ConfirmPayment", () => atGateway().hear(charged), "continue"],
  ["a refund of the wallet", () => atGateway().hear(declined), "compensate"],
  ["the mark of a payment with nothing to undo", () => new Play().hear(initiated, validated, lacking), "compensate"],
  ["its end", () => atGateway().hear(charged, completed), undefined]
]
for (const [where, play, action] of found)
  test(`10.5 a restart finds a saga at ${where}: ${action ?? "nothing to do"}, told and not counted`, () => {
    const restarted = play()
    const [said, wakes] = [restarted.said.length, wakeAt(restarted.state)]
    for (let restarts = 0; restarts < 5; restarts++) restarted.hear(restart)
    const told = restarted.said.slice(said)
    expect(told).toEqual(action === undefined ? [] : Array(5).fill("SagaRecoveryAttempted"))
    if (action === undefined) return
    expect(restarted.last?.data).toMatchObject({ action, reason: "restart", recoveries: 0 })
    expect(wakeAt(restarted.state)).toBe(wakes)
  })

test("a timer that fires early changes nothing and is armed again", () => {
  const play = new Play().hear(initiated)
  expect(wakeAt(play.state)).toBe(60_000)
  play.at(59_999).hear(due)
  expect(play.said).toEqual(["SagaStarted"])
})

const cancel = message("PaymentCancelRequested", { reason: "ordered twice" })

test("a cancellation before the provider is asked undoes what was done", () => {
  const play = new Play().hear(initiated, validated, checked)
  play.commands()
  expect(play.hear(cancel).commands()).toEqual(["RefundWalletBalance"])
  expect(play.hear(message("WalletDeductionVoided")).commands()).toEqual(["MarkPaymentAsCancelled"])
  expect(play.hear(message("PaymentCancelled")).commands()).toEqual(["NotifyUser"])
})

test("a cancellation after it is not accepted", () => {
  const play = atGateway()
  play.commands()
  expect(play.hear(cancel).commands()).toEqual([])
  expect(play.state?.status).toBe("PROCESSING")
})

test("after the charge the confirmation is repeated, never undone", () => {
  const play = atGateway().hear(charged)
  play.commands()
  expect(play.at(400_000).hear(due).commands()).toEqual(["ConfirmPayment"])
  expect(wakeAt(play.state)).toBeGreaterThan(400_000)
})
