/** In which order a payment's events read, and which are its own. */
import { expect, test } from "bun:test"
import { EXAMPLE } from "../../shared/contract/catalogue.ts"
import { after, positionOf, positionText, START, Telling, tellable } from "./telling.ts"
import { commandOf, PAYMENT, storedEvent, story } from "./testing/story.ts"

const telling = new Telling("default", { id: PAYMENT, user_id: "ana", wallet_id: EXAMPLE.wallet })
const ids = (events: ReadonlyArray<{ readonly id: string }>) => events.map(({ id }) => id)

test("within one millisecond every event follows what led to it", () => {
  for (const shuffled of [story, story.toReversed(), story.toSorted((a, b) => (a.body < b.body ? -1 : 1))])
    expect(ids(telling.inOrder(shuffled))).toEqual(ids(story))
})

test("also where the clock of one service is behind", () => {
  const behind = story.map((event) =>
    event.stream.startsWith("wallet") ? { ...event, body: event.body.replace("30:00.000Z", "29:59.900Z") } : event
  )
  expect(ids(telling.inOrder(behind))).toEqual(ids(story))
})

test("a recovery's question comes before its answer, an undoing after what it undoes", () => {
  const saga = (version: number, type: string, data: object = {}) =>
    storedEvent([`saga-${PAYMENT}`, version, type, EXAMPLE.other, data], `${9 - version}`)
  const told = [
    saga(5, "SagaRecoveryAttempted", { action: "verify" }),
    storedEvent([`gateway-${PAYMENT}`, 4, "GatewayRequestSent", commandOf("VerifyWithGateway#5")], "0"),
    saga(6, "CompensationStarted"),
    storedEvent([`wallet-${EXAMPLE.wallet}`, 4, "WalletRefunded", commandOf("undo:DeductWalletBalance:true")], "1")
  ]
  expect(telling.inOrder(told.toReversed()).map(({ type }) => type)).toEqual(told.map(({ type }) => type))
})

test("says why, in the event's own words or in those of its kind", () => {
  const words = new Map(telling.inOrder(story).map(({ type, why }) => [type, why]))
  expect(words.get("GatewayRequestSent")).toBe("first provider of the order that supports USD")
  expect(words.get("GatewayResponseReceived")).toBe("stripe: the money is taken")
  expect(words.get("WalletDeducted")).toBe("the payment's amount left the wallet for clearing")
  expect(words.get("SagaStepCompleted")).toBe("the payment is confirmed: nothing is left to do")
  expect([...words.values()]).not.toContain(undefined)
})

test("asks for the payment's streams, and of the wallet only for what its saga caused", () => {
  const { streams, caused } = telling.unread([3, 7, 2, 10, 1])
  expect(streams.map(({ stream, after }) => [stream, after])).toEqual([
    [`payment-${PAYMENT}`, 3],
    [`saga-${PAYMENT}`, 7],
    [`gateway-${PAYMENT}`, 2],
    [`notification-${PAYMENT}`, 1]
  ])
  expect(caused.after).toBe(10)
  expect(caused.causes).toContain(commandOf("undo:DeductWalletBalance:false"))
})

test("a position is one version a stream", () => {
  const read = story.slice(0, 9).reduce(after, START)
  expect(positionText(read)).toBe("2.4.1.10.0")
  expect(positionOf("2.4.1.10.0")).toEqual(read)
  for (const text of ["", "1", "1.2.3.4", "1.2.3.4.5.6", "a.b.c.d.e", "-1.0.0.0.0", "1.2.3.4.5.end"])
    expect(positionOf(text)).toBeUndefined()
})

test("a stream with more than a page holds back the others", () => {
  const ordered = telling.inOrder(story)
  expect(tellable(ordered, 200)).toEqual({ events: ordered, whole: true })
  const { events, whole } = tellable(ordered, 3)
  expect(whole).toBe(false)
  expect(ids(events)).toEqual(ids(story.slice(0, 12)))
})
