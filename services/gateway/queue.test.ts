// A payment that waits for breakers, and one whose time runs out.
import { describe, expect, test } from "bun:test"
import { begun, openUntil, PAYMENT, Stream, timeout } from "./testing.ts"

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
