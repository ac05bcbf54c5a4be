// A payment that waits for breakers, and one whose time runs out.
import { describe, expect, test } from "bun:test"
import { begun, NOON, notCharged, openUntil, PATIENCE_MS, PAYMENT, rulesOf, Stream, timeout } from "./testing.ts"

describe("the queue", () => {
  const resume = (stream: Stream) => stream.take({ type: "ResumeQueued", data: { payment_id: PAYMENT } })

  test("a breaker closes: who waits is asked for again at once, and nobody else hears of it", () => {
    const stream = begun()
    expect(resume(stream)).toEqual([])
    stream.answer(openUntil(60_000))
    stream.answer(openUntil(30_000))
    stream.now += 100
    resume(stream)
    expect(stream.told().at(-1)).toBe("sent charge stripe 2.1")
    expect(resume(stream)).toEqual([])
    stream.answer(timeout)
    expect(resume(stream)).toEqual([])
    expect(resume(new Stream())).toEqual([])
  })
})

describe("F28 the payment's time runs out: a charge that cannot end before the deadline does not begin", () => {
  const late = (left_ms: number, bring: (stream: Stream) => void) => {
    const stream = begun()
    stream.now += PATIENCE_MS - left_ms
    bring(stream)
    return stream.told().at(-1)
  }
  const { timeout_ms } = rulesOf()
  const rejected = (stream: Stream) => stream.answer({ outcome: "rejected", code: "why" })
  const found = (stream: Stream) => {
    stream.answer(timeout)
    stream.verify()
    stream.answer(notCharged)
  }
  for (const [what, left_ms, bring, told] of [
    ["another provider, in time", 2 * timeout_ms, rejected, "sent charge paypal 1.1"],
    ["another provider, too late", 2 * timeout_ms - 1, rejected, "failed GATEWAY_UNAVAILABLE"],
    ["the same charge again, in time", timeout_ms, found, "sent charge stripe 1.2"],
    ["the same charge again, too late: fenced instead", timeout_ms - 1, found, "sent fence stripe 1.1"],
    ["asking, at any time", -1, (stream: Stream) => stream.verify(), "sent read stripe 1.1"]
  ] as const)
    test(what, () => expect(late(left_ms, bring)).toBe(told))

  test("waiting for a breaker ends while a charge could still end", () => {
    const stream = begun()
    for (const _ of [1, 2]) stream.answer(openUntil(PATIENCE_MS))
    stream.wake()
    expect(PATIENCE_MS - (stream.now - NOON)).toBe(2 * timeout_ms)
    for (const _ of [1, 2]) stream.answer(openUntil(PATIENCE_MS))
    expect(stream.told().at(-1)).toBe("failed GATEWAY_UNAVAILABLE")
  })
})
