/** What operators say to a saga: resume, compensate. And what its row shows them. */
import { describe, expect, test } from "bun:test"
import type { Projected } from "../../shared/runtime/decider.ts"
import { project } from "./projections.ts"
import { decide } from "./saga.ts"
import {
  atGateway,
  charged,
  checked,
  completed,
  declined,
  deducted,
  due,
  failed,
  initiated,
  lacking,
  message,
  Play,
  restart,
  settings,
  unknown,
  validated,
  wakeAt
} from "./testing.ts"

const resume = message("ResumeSaga", { reason: "the wallet is back" })
const compensate = message("CompensateSaga", { reason: "the customer asked" })
const refund = message("WalletRefunded")
const closed = message("GatewayClosed")
const refused = message("GatewayCloseRefused", { reason: "attempt 1 at stripe is unknown" })

/** Four step times later: three recoveries and the end of them. */
const givenUp = (play: Play): Play => {
  for (let n = 1; n <= 4; n++) play.at(play.now + 60_000).hear(due)
  play.commands()
  return play
}
const compensationFailed = () => givenUp(atGateway().hear(declined))
/** What the last event wrote of the saga's row. */
const rowOf = ({ state, last }: Play): Projected["row"] | undefined =>
  last && project(state, last, message("any")).find(({ table }) => table.name === "saga.sagas")?.row

test("P107 a refund that always fails: capped tries, then COMPENSATION_FAILED, parked; nothing loops", () => {
  const play = atGateway().hear(declined)
  const name = play.sent.at(-1)?.name as string
  play.commands()
  for (let n = 1; n <= 3; n++) {
    play.at(n * 60_000).hear(due)
    expect(play.sent.map((sent) => sent.name)).toEqual([name]) // the same command, so it is applied once
    play.commands()
  }
  expect(play.at(240_000).hear(due).commands()).toEqual([])
  expect(play.last).toMatchObject({ type: "SagaParked", data: { compensating: true } })
  expect(rowOf(play)).toMatchObject({ status: "COMPENSATION_FAILED", parked: true })
  expect(JSON.parse(String(rowOf(play)?.["waits"]))).toMatchObject({
    recoveries: 3,
    reason: "no answer after 3 recoveries"
  })
  for (let n = 5; n < 50; n++) play.at(n * 60_000).hear(due, restart)
  expect([play.commands(), wakeAt(play.state)]).toEqual([[], undefined])
})

test("P107 resumed, its step goes out again under the same name; recoveries count from zero", () => {
  const play = compensationFailed()
  play.hear(resume)
  expect(play.sent.map(({ command, name }) => [command.type, name])).toEqual([
    ["RefundWalletBalance", "undo:DeductWalletBalance:true"]
  ])
  expect(play.state).toMatchObject({ status: "COMPENSATING", parked: false, recoveries: 0 })
  expect(rowOf(play)).toMatchObject({ status: "COMPENSATING", parked: false, waits: null })
  expect(wakeAt(play.state)).toBe(play.now + 60_000)
  play.commands()
  expect(play.hear(refund).commands()).toEqual(["MarkPaymentAsFailed"])
  expect(play.hear(failed).state?.status).toBe("FAILED")
})

test("resumed in vain it gives up again, after as many tries", () => {
  const play = compensationFailed().hear(resume)
  play.commands()
  for (let n = 1; n <= 3; n++)
    expect(
      play
        .at(play.now + 60_000)
        .hear(due)
        .commands()
    ).toEqual(["RefundWalletBalance"])
  play.at(play.now + 60_000).hear(due)
  expect(play.said.filter((type) => type === "SagaParked")).toHaveLength(2)
})

test("an answer that comes all the same ends its being parked, and its row says so", () => {
  const play = compensationFailed().hear(refund)
  expect(play.said.at(-1)).toBe("CompensationStepCompleted")
  expect(rowOf(play)).toMatchObject({ status: "COMPENSATING", parked: false })
  const forward = givenUp(new Play().hear(initiated)).hear(validated)
  expect(rowOf(forward)).toMatchObject({ status: "PROCESSING", parked: false, step: "CheckWalletBalance" })
  expect(rowOf(forward.hear(checked))).toBeUndefined() // a step that goes well writes no row
})

test("where the truth is at a provider, resuming asks for it", () => {
  const play = atGateway().hear(unknown)
  play.commands()
  expect(play.hear(resume).commands()).toEqual(["VerifyWithGateway"])
  expect(play.state?.status).toBe("AWAITING_GATEWAY")
})

describe("compensate", () => {
  const cases = [
    ["before anything is done: the payment is marked", () => new Play().hear(initiated), ["MarkPaymentAsFailed"]],
    [
      "while the deduction is under way: it is undone, done or not",
      () => new Play().hear(initiated, validated, checked),
      ["RefundWalletBalance"]
    ],
    ["at the provider: it has to close first", () => atGateway(), ["CloseGateway"]],
    ["with an unknown outcome: the same", () => atGateway().hear(unknown), ["CloseGateway"]],
    ["when it was asked to close before: once more", () => atGateway().at(300_000).hear(due), ["CloseGateway"]],
    ["while it compensates: the step once more", () => atGateway().hear(declined), ["RefundWalletBalance"]],
    ["when that had given up: the same", compensationFailed, ["RefundWalletBalance"]]
  ] as const
  test.each(cases)("%s", (_, begun, commands) => {
    const play = begun()
    play.commands()
    expect(play.hear(compensate).commands()).toEqual([...commands])
  })

  test("closed at the provider, the money goes back, and the reason is the operator", () => {
    const play = atGateway().hear(unknown, compensate)
    play.commands()
    expect(play.hear(closed).commands()).toEqual(["RefundWalletBalance"])
    expect(play.state?.failure).toMatchObject({ code: "PAYMENT_STOPPED", stage: "SAGA" })
  })

  test("while an attempt could take money it waits; a charge that comes to light is kept", () => {
    const play = atGateway().hear(unknown, compensate)
    play.commands()
    expect(play.hear(refused).commands()).toEqual([])
    expect(play.state).toMatchObject({ status: "AWAITING_GATEWAY", closing: true })
    expect(play.hear(charged).commands()).toEqual(["ConfirmPayment"])
  })
})

describe("refused", () => {
  const cases = [
    ["resume, completed", () => atGateway().hear(charged, completed), resume, "SAGA_ENDED"],
    ["compensate, completed", () => atGateway().hear(charged, completed), compensate, "SAGA_ENDED"],
    ["compensate, failed", () => new Play().hear(initiated, validated, lacking, failed), compensate, "SAGA_ENDED"],
    ["compensate, charged", () => atGateway().hear(charged), compensate, "SAGA_NOT_COMPENSATABLE"]
  ] as const
  test.each(cases)("%s", (_, begun, word, code) => {
    const { state, now } = begun()
    const { refusal } = decide(settings)(state, word, now)
    expect(refusal).toMatchObject({ code, details: { payment_id: "p" } })
  })

  test("of a saga that never began, nothing is said", () => {
    expect(decide(settings)(undefined, resume, 0)).toEqual({ events: [] })
  })
})

test("a saga that has ended is not stuck, whatever it was before", () => {
  const play = atGateway().hear(unknown).at(400_000).hear(due)
  play.at(460_000).hear(due)
  expect(rowOf(play)?.["stuck_since"]).toBe(0)
  play.hear(charged, completed)
  expect(rowOf(play)).toMatchObject({ status: "COMPLETED", stuck_since: null, waits: null })
})

test("a deduction that comes to light after it gave up is undone for certain", () => {
  const play = givenUp(new Play().hear(initiated, validated, checked).at(300_000).hear(due))
  play.hear(deducted)
  expect(play.sent.at(-1)?.command).toMatchObject({ type: "RefundWalletBalance", data: { deducted: true } })
})
