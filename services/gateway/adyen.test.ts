// A provider that cannot be asked: what the decider does instead, one story a test.
import { describe, expect, test } from "bun:test"
import { type Answer, RECEIVED } from "./calls.ts"
import { AMOUNT, begun, charged, fenced, NOON, rulesOf, type Stream, timeout, USD } from "./testing.ts"

const atAdyen = (): Stream => begun(rulesOf({}, "adyen", "paypal"))
const authorised: Answer = { outcome: "not_charged", handle: "PSP" }
const captured: Answer = {
  outcome: "succeeded",
  code: RECEIVED,
  handle: "PSP",
  provider_reference: "PSP",
  amount: AMOUNT,
  currency: USD
}
const http500: Answer = { outcome: "unknown", reason: "http_500", handle: "PSP" }
/** The cancel was received: only where no capture is in doubt that is the end. */
const cancelReceived = (stream: Stream): Answer => {
  const call = stream.calls.at(-1)
  const uncaptured = call?.handle === undefined || call.untaken === true
  return uncaptured ? { ...fenced, code: "cancel_received" } : { outcome: "unknown", reason: "cancel_received" }
}
/** As the receiver of notifications hands it on. */
const notified = (stream: Stream, answer: Answer) => {
  const charge = stream.calls[0]
  if (charge === undefined) throw new Error("nothing was sent")
  return stream.answer(answer, { ...charge, operation: "read", try: 0 })
}
const inDoubt = (): Stream => {
  const stream = atAdyen()
  stream.answer(authorised)
  stream.answer(http500)
  stream.answer(cancelReceived(stream))
  return stream
}

test("authorised, its handle committed, then captured under the same attempt's key", () => {
  const stream = atAdyen()
  stream.answer(authorised)
  stream.answer(captured)
  expect(stream.told()).toEqual([
    "sent charge adyen 1.1",
    "charge not_charged",
    "sent charge adyen 1.2",
    "charge succeeded"
  ])
  expect(stream.calls.map(({ handle }) => handle)).toEqual([undefined, "PSP"])
  expect(new Set(stream.calls.map(({ idempotency_key }) => idempotency_key)).size).toBe(1)
  expect([stream.state.phase, stream.wakeAt(), stream.now]).toEqual(["settled", undefined, NOON])
})

test("one try is one capture", () => {
  const stream = begun(rulesOf({ tries: 1 }, "adyen"))
  stream.answer(authorised)
  expect(stream.calls.at(-1)).toMatchObject({ operation: "charge", handle: "PSP" })
})

test("an unknown authorisation is sent again under its key, never read", () => {
  const stream = atAdyen()
  stream.answer(timeout)
  stream.wake()
  stream.answer(authorised)
  stream.answer(captured)
  expect(stream.told(1)).toEqual([
    "charge timeout, again in 1 s",
    "sent charge adyen 1.2",
    "charge not_charged",
    "sent charge adyen 1.3",
    "charge succeeded"
  ])
})

test("an authorisation that stays unknown is cancelled by our reference: nothing can have been captured", () => {
  const stream = atAdyen()
  for (let n = 1; n <= 3; n++) {
    stream.answer(timeout)
    stream.wake()
  }
  stream.answer(cancelReceived(stream))
  expect(stream.attempts()).toEqual(["adyen 1 FENCED", "paypal 1 STARTED"])
})

test("P20 an authorisation's server error is not sent again: cancelled at once, then the next provider", () => {
  const stream = atAdyen()
  stream.answer({ outcome: "unknown", reason: "http_503" })
  stream.answer(cancelReceived(stream))
  expect(stream.told(1)).toEqual([
    "charge http_503, again in 0 s",
    "sent fence adyen 1.1",
    "fence fenced",
    "fallback adyen to paypal",
    "sent charge paypal 1.1"
  ])
})

test("a lost capture is sent again under its key, and its first answer comes back", () => {
  const stream = atAdyen()
  stream.answer(authorised)
  stream.answer({ ...timeout, handle: "PSP" })
  stream.wake()
  stream.answer(captured)
  expect(stream.told(4)).toEqual(["sent charge adyen 1.3", "charge succeeded"])
})

test("a capture refused by its only answer is the end there", () => {
  const stream = atAdyen()
  stream.answer(timeout)
  stream.wake()
  stream.answer(authorised)
  stream.answer({ outcome: "rejected", code: "167", handle: "PSP" })
  expect(stream.attempts()).toEqual(["adyen 1 REJECTED", "paypal 1 STARTED"])
})

describe("P16 a capture in doubt after its cancel was received", () => {
  test("is unknown: it blocks every other provider, and is never captured again", () => {
    const stream = inDoubt()
    for (let n = 0; n < 10; n++) {
      stream.wake()
      stream.answer(cancelReceived(stream))
    }
    expect(stream.attempts()).toEqual(["adyen 1 UNKNOWN"])
    expect(stream.calls.slice(2).every(({ operation }) => operation === "fence")).toBe(true)
    expect(stream.close().map(({ type }) => type)).toContain("GatewayCloseRefused")
  })

  test("is the payment's when the notification says that it was captured", () => {
    const stream = inDoubt()
    notified(stream, charged)
    expect([stream.state.phase, ...stream.attempts()]).toEqual(["settled", "adyen 1 SUCCEEDED"])
  })

  test("is fenced when the notification says that it was cancelled", () => {
    const stream = inDoubt()
    notified(stream, fenced)
    expect(stream.attempts()).toEqual(["adyen 1 FENCED", "paypal 1 STARTED"])
  })

  test("is not charged because a capture was received late: it may come to nothing", () => {
    const stream = inDoubt()
    expect(stream.answer(captured, stream.calls[1])).toEqual([])
    notified(stream, fenced)
    expect(stream.attempts()).toEqual(["adyen 1 FENCED", "paypal 1 STARTED"])
  })

  test("is given back when it comes to light after the payment went elsewhere", () => {
    const stream = inDoubt()
    notified(stream, fenced)
    notified(stream, charged)
    stream.answer({ outcome: "pending" })
    const { calls } = stream
    stream.answer(
      { outcome: "reversed", provider_reference: "MOD" },
      { ...(calls.at(-1) as (typeof calls)[0]), try: 0 }
    )
    expect(stream.attempts()).toEqual(["adyen 1 REVERSED", "paypal 1 STARTED"])
    expect(stream.told().at(-1)).toBe("LateSuccessReversed")
  })
})

test("P108 closed between authorisation and capture: cancelled, and closed with the cancel's receipt", () => {
  const stream = atAdyen()
  stream.close()
  stream.answer(authorised)
  expect(stream.calls.at(-1)).toMatchObject({ operation: "fence", handle: "PSP", untaken: true })
  stream.answer(cancelReceived(stream))
  expect(stream.told().slice(-2)).toEqual(["fence fenced", "GatewayClosed"])
})

test("what the provider will tell later is waited for, and cancelled when nobody wants it", () => {
  const stream = atAdyen()
  stream.answer({ outcome: "pending", code: "Received" })
  for (let n = 0; n < 5; n++) {
    stream.wake()
    stream.answer({ outcome: "unknown", reason: "cannot_be_asked" })
  }
  expect(new Set(stream.calls.slice(1).map(({ operation }) => operation))).toEqual(new Set(["read"]))
  stream.close()
  stream.answer(cancelReceived(stream))
  expect(stream.told().slice(-2)).toEqual(["fence fenced", "GatewayClosed"])
})

test("what the provider told later is captured, once", () => {
  const stream = atAdyen()
  stream.answer({ outcome: "pending", code: "Received" })
  const first = stream.calls[0]
  stream.answer(authorised, { ...(first as NonNullable<typeof first>), try: 0 })
  expect(stream.answer(authorised, first)).toEqual([])
  stream.answer(captured)
  expect(stream.told(1)).toEqual(["charge pending", "charge not_charged", "sent charge adyen 1.2", "charge succeeded"])
})

test("when Adyen may have forgotten the key, nothing is sent again", () => {
  const stream = atAdyen()
  stream.answer(authorised)
  stream.answer({ ...timeout, handle: "PSP" })
  stream.now += 6 * 24 * 3_600_000
  stream.wake()
  expect(stream.calls.at(-1)?.operation).toBe("fence")
})
