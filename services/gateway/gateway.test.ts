// The payment's story across its attempts: the happy path, and the cases that have a number.
import { describe, expect, test } from "bun:test"
import { minor } from "../../shared/contract/money.ts"
import { AMOUNT, begun, charged, fenced, http503, NOON, notCharged, PAYMENT, Stream, soft, timeout } from "./testing.ts"

test("the happy path is two commits of one event each, and no timer", () => {
  const stream = new Stream()
  expect(stream.begin().map(({ type }) => type)).toEqual(["GatewayRequestSent"])
  expect(stream.wakeAt()).toBeUndefined()
  expect(stream.calls).toHaveLength(1)
  expect(stream.calls[0]?.idempotency_key).toBe(`${PAYMENT}:stripe:1:charge`)
  expect(stream.answer(charged).map(({ type }) => type)).toEqual(["GatewayResponseReceived"])
  expect(stream.wakeAt()).toBeUndefined()
  expect(stream.state.phase).toBe("settled")
  expect(stream.postings.map(({ kind, ref, amount }) => [kind, ref, amount])).toEqual([["charge", "stripe:1", AMOUNT]])
})

test("P10 every try of a charge goes under one key, and a rotated one never", () => {
  const stream = begun()
  for (const handle of ["pi_1", "pi_1", "pi_1"]) {
    stream.answer({ ...timeout, handle })
    stream.wake()
    stream.answer(notCharged)
  }
  const charges = stream.calls.filter(({ operation }) => operation === "charge")
  expect(charges.map((call) => [call.try, call.idempotency_key])).toEqual([
    [1, `${PAYMENT}:stripe:1:charge`],
    [2, `${PAYMENT}:stripe:1:charge`],
    [3, `${PAYMENT}:stripe:1:charge`]
  ])
  expect(stream.calls.at(-1)?.operation).toBe("fence")
})

test("P11 a stored 500 is left by a read and a fence, never by sending the same again", () => {
  const stream = begun()
  stream.answer(http503)
  expect(stream.told()).toEqual(["sent charge stripe 1.1", "charge http_503, again in 0 s", "sent read stripe 1.1"])
  stream.answer(notCharged)
  expect(stream.answer({ outcome: "unknown", reason: "http_500" }).map(({ type }) => type)).toEqual([
    "GatewayTimeoutOccurred"
  ])
  stream.wake()
  stream.answer(notCharged)
  expect(stream.calls.at(-1)?.idempotency_key).toBe(`${PAYMENT}:stripe:1:fence:2`)
  expect(stream.calls.filter(({ operation }) => operation === "charge")).toHaveLength(1)
})

test("P16 a second provider waits for the first one's fence, and a success that comes after it goes back", () => {
  const stream = begun()
  const first = stream.calls[0]
  stream.answer(http503)
  stream.answer(notCharged)
  stream.answer(fenced)
  expect(stream.attempts()).toEqual(["stripe 1 FENCED", "paypal 1 STARTED"])
  const second = stream.calls.at(-1)
  expect(stream.answer(charged, first).map(({ type }) => type)).toEqual([
    "GatewayResponseReceived",
    "GatewayRequestSent"
  ])
  const reversal = stream.calls.at(-1)
  stream.answer({ ...charged, provider_reference: "capture" }, second)
  stream.answer({ outcome: "reversed", provider_reference: "re_1" }, reversal)
  expect(stream.attempts()).toEqual(["stripe 1 REVERSED", "paypal 1 SUCCEEDED"])
  expect(stream.told().slice(-5)).toEqual([
    "charge late_success",
    "sent reverse stripe 1.1",
    "charge succeeded",
    "reverse reversed",
    "LateSuccessReversed"
  ])
  expect(stream.postings.map(({ kind, ref }) => `${kind} ${ref}`)).toEqual([
    "charge stripe:1",
    "charge paypal:1",
    "charge_reversal stripe:1"
  ])
})

test("P18 a success learned late, from an attempt that is unknown, is the payment's", () => {
  const stream = begun()
  const first = stream.calls[0]
  stream.answer(timeout)
  stream.wake()
  expect(stream.answer(charged, first).map(({ type }) => type)).toEqual(["GatewayResponseReceived"])
  expect(stream.state.phase).toBe("settled")
  expect(stream.answer(charged)).toEqual([])
})

test("P20 a 503 is unknown; the read and the fence follow at once, and the next provider is asked", () => {
  const stream = begun()
  stream.answer(http503)
  stream.answer(notCharged)
  stream.answer(fenced)
  expect(stream.told()).toEqual([
    "sent charge stripe 1.1",
    "charge http_503, again in 0 s",
    "sent read stripe 1.1",
    "read not_charged",
    "sent fence stripe 1.1",
    "fence fenced",
    "fallback stripe to paypal",
    "sent charge paypal 1.1"
  ])
  expect(stream.now).toBe(NOON)
})

test("P21 a timeout is unknown and never failed, however long it lasts", () => {
  const stream = begun()
  stream.answer(timeout)
  while (stream.now < NOON + 3_600_000) {
    stream.wake()
    stream.answer(timeout)
  }
  expect(stream.attempts()).toEqual(["stripe 1 UNKNOWN"])
  expect(stream.told().some((event) => event.startsWith("failed") || event.startsWith("fallback"))).toBe(false)
})

test("P23 the same answer by two ways is one event", () => {
  const stream = begun()
  expect(stream.answer(charged)).toHaveLength(1)
  expect(stream.answer(charged)).toEqual([])
  expect(stream.postings).toHaveLength(1)
})

test("P25 another amount than asked is no success: a person looks, nothing else is tried", () => {
  const stream = begun()
  stream.answer({ ...charged, amount: minor(900n) })
  expect(stream.told().slice(1)).toEqual(["charge unknown", "GatewayReviewRequired"])
  expect(stream.attempts()).toEqual(["stripe 1 REVIEW"])
  expect(stream.close().map(({ type }) => type)).toEqual(["GatewayCloseRefused", "GatewayRequestSent"])
  expect(stream.calls.at(-1)?.operation).toBe("read")
  stream.answer({ ...charged, amount: minor(900n) })
  expect(stream.wakeAt()).toBe(stream.now + 86_400_000)
  expect(stream.postings).toEqual([])
})

test("P108 an unknown payment is closed only after the fence, and by itself", () => {
  const stream = begun()
  stream.answer(timeout)
  expect(stream.close().map(({ type }) => type)).toEqual(["GatewayCloseRefused", "GatewayRequestSent"])
  expect(stream.close().map(({ type }) => type)).toEqual(["GatewayCloseRefused"])
  stream.answer(notCharged)
  expect(stream.calls.at(-1)?.operation).toBe("fence")
  stream.answer(fenced)
  expect(stream.told().slice(-2)).toEqual(["fence fenced", "GatewayClosed"])
  expect(stream.begin()).toEqual([])
  expect(stream.close().map(({ type }) => type)).toEqual(["GatewayClosed"])
})

describe("P115 why it was declined decides, and the provider's code is kept", () => {
  const cases = [
    ["stolen_card", "hard", ["charge declined", "failed PAYMENT_DECLINED"]],
    ["insufficient_funds", "funds", ["charge declined", "failed PAYMENT_DECLINED"]],
    ["generic_decline", "soft", ["charge declined", "fallback stripe to paypal", "sent charge paypal 1.1"]]
  ] as const
  for (const [code, decline_class, told] of cases)
    test(code, () => {
      const stream = begun()
      stream.answer({ outcome: "declined", code, decline_class })
      expect(stream.told(1)).toEqual([...told])
      const failed = stream.events.find(({ type }) => type === "GatewayPaymentFailed")
      if (failed !== undefined) expect(failed.data).toMatchObject({ provider: "stripe", provider_code: code })
    })
  test("any decline makes the end a decline", () => {
    const stream = begun()
    stream.answer(soft)
    stream.answer({ outcome: "rejected", code: "PERMISSION_DENIED" })
    expect(stream.events.at(-1)?.data).toMatchObject({
      code: "PAYMENT_DECLINED",
      provider: "stripe",
      provider_code: "generic_decline"
    })
  })
})

test("P116 tries, spacing and queueing are all capped under a provider that always fails", () => {
  const stream = begun()
  const waits: Array<number> = []
  for (let asked = 0; asked < 40; asked++) {
    stream.answer(stream.calls.at(-1)?.operation === "read" ? notCharged : timeout)
    if (stream.calls.at(-1)?.operation !== "read" && stream.wakeAt() === stream.now) continue
    const before = stream.now
    if (stream.state.attempts[0]?.asking === undefined) {
      stream.wake()
      waits.push((stream.now - before) / 1000)
    }
  }
  expect(waits.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
  expect(stream.calls.filter(({ operation }) => operation === "charge")).toHaveLength(3)
})
