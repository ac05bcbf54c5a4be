// Fallback, breakers, closing, and what happens when nobody answers.
import { describe, expect, test } from "bun:test"
import {
  begun,
  charged,
  fenced,
  http503,
  NOON,
  notCharged,
  openUntil,
  rulesOf,
  Stream,
  soft,
  timeout
} from "./testing.ts"

describe("fallback", () => {
  for (const outcome of ["rejected", "not_sent", "not_executed"] as const)
    test(`after ${outcome}, which took nothing and cannot`, () => {
      const stream = begun()
      stream.answer({ outcome, code: "why" })
      expect(stream.told(2)).toEqual(["fallback stripe to paypal", "sent charge paypal 1.1"])
    })

  test("ends when nobody is left", () => {
    const stream = begun()
    stream.answer({ outcome: "rejected", code: "why" })
    stream.answer({ outcome: "not_sent", code: "unreachable" })
    expect(stream.told().at(-1)).toBe("failed GATEWAY_UNAVAILABLE")
    expect(stream.close().map(({ type }) => type)).toEqual(["GatewayClosed"])
  })

  test("never for a charge that is pending", () => {
    const stream = begun()
    stream.answer({ outcome: "pending", code: "PENDING_REVIEW" })
    expect(stream.attempts()).toEqual(["stripe 1 PENDING"])
    for (let asked = 0; asked < 10; asked++) {
      stream.wake()
      stream.answer({ outcome: "pending" })
    }
    expect(stream.calls.every(({ operation }) => operation !== "fence")).toBe(true)
    stream.wake()
    stream.answer(charged)
    expect(stream.state.phase).toBe("settled")
  })

  test("a fence that finds the charge has found the payment", () => {
    const stream = begun()
    stream.answer(http503)
    stream.answer(notCharged)
    stream.answer(charged)
    expect(stream.told().at(-1)).toBe("fence succeeded")
    expect(stream.state.phase).toBe("settled")
  })

  test("a provider that cannot take the currency is not asked", () => {
    const rules = rulesOf()
    const stream = new Stream({ ...rules, providers: [{ provider: "paypal", accepts: () => false }] })
    stream.begin()
    expect(stream.told()).toEqual(["failed GATEWAY_UNAVAILABLE"])
  })
})

describe("open breakers", () => {
  test("one: the next provider at once", () => {
    const stream = begun()
    stream.answer(openUntil(60_000))
    expect(stream.told(2)).toEqual(["fallback stripe to paypal", "sent charge paypal 1.1"])
  })

  test("all: the payment waits for the first of them, then asks under a new number", () => {
    const stream = begun()
    stream.answer(openUntil(60_000))
    stream.answer(openUntil(30_000))
    expect(stream.events.at(-1)).toMatchObject({ type: "GatewayQueued", data: { until: NOON + 30_000 } })
    expect(stream.timer("due")).toEqual([])
    stream.wake()
    expect(stream.now).toBe(NOON + 30_000)
    expect(stream.told().at(-1)).toBe("sent charge stripe 2.1")
    stream.answer(charged)
    expect(stream.state.phase).toBe("settled")
  })

  test("all, to the deadline: failed, and the memory stays small", () => {
    const stream = begun()
    while (stream.state.phase === "open" || stream.state.phase === "queued") {
      if (stream.state.phase === "queued") stream.wake()
      else stream.answer({ ...openUntil(0), retry_at: stream.now + 500 })
    }
    expect(stream.told().at(-1)).toBe("failed GATEWAY_UNAVAILABLE")
    // A charge that begins later could not end before it.
    expect(stream.now).toBe(NOON + 300_000 - 2 * 30_000)
    expect(stream.state.attempts.length).toBeLessThan(30)
  })

  test("all but after a real attempt: failed at once", () => {
    const stream = begun()
    stream.answer({ outcome: "rejected", code: "why" })
    stream.answer(openUntil(30_000))
    expect(stream.told().at(-1)).toBe("failed GATEWAY_UNAVAILABLE")
  })

  test("a replay that meets one stays unknown", () => {
    const stream = begun()
    stream.answer(timeout)
    stream.wake()
    stream.answer(notCharged)
    stream.answer(openUntil(60_000))
    expect(stream.attempts()).toEqual(["stripe 1 UNKNOWN"])
  })

  test("closing a waiting payment", () => {
    const stream = begun()
    stream.answer(openUntil(60_000))
    stream.answer(openUntil(60_000))
    expect(stream.close().map(({ type }) => type)).toEqual(["GatewayClosed"])
    expect(stream.wakeAt()).toBeUndefined()
  })
})

describe("closing", () => {
  test("before it began: a later start is refused", () => {
    const stream = new Stream()
    expect(stream.close().map(({ type }) => type)).toEqual(["GatewayClosed"])
    expect(stream.begin()).toEqual([])
    expect(stream.calls).toEqual([])
  })

  test("a charge that is known is kept: the saga completes", () => {
    const stream = begun()
    stream.answer(charged)
    expect(stream.close().map(({ type }) => type)).toEqual(["GatewayCloseRefused"])
  })

  test("a charge that comes to light while closing is kept as well", () => {
    const stream = begun()
    expect(stream.close().map(({ type }) => type)).toEqual(["GatewayCloseRefused"])
    stream.answer(charged)
    expect(stream.told().at(-1)).toBe("charge succeeded")
  })

  test("a charge that comes to light after it goes back", () => {
    const stream = begun()
    const charge = stream.calls[0]
    stream.close()
    stream.answer(timeout)
    stream.wake()
    stream.answer(notCharged)
    stream.answer(fenced)
    expect(stream.state.phase).toBe("closed")
    stream.answer(charged, charge)
    stream.answer({ outcome: "reversed", provider_reference: "re_1" })
    expect(stream.told().at(-1)).toBe("LateSuccessReversed")
  })

  test("no fallback and no failure any more: the end is GatewayClosed", () => {
    const stream = begun()
    stream.close()
    stream.answer(soft)
    expect(stream.told().at(-1)).toBe("GatewayClosed")
  })

  test("a pending charge that nobody wants is fenced", () => {
    const stream = begun()
    stream.answer({ outcome: "pending" })
    stream.close()
    stream.answer({ outcome: "pending" })
    expect(stream.calls.at(-1)?.operation).toBe("fence")
    stream.answer(fenced)
    expect(stream.told().at(-1)).toBe("GatewayClosed")
  })
})

describe("when nobody answers", () => {
  for (const look of ["verify", "restart"] as const)
    test(`${look}: a charge without an answer is read, and its late answer still counts`, () => {
      const stream = begun()
      const charge = stream.calls[0]
      look === "verify" ? stream.verify() : stream.timer("restart")
      expect(stream.attempts()).toEqual(["stripe 1 UNKNOWN"])
      expect(stream.told().at(-1)).toBe("sent read stripe 1.1")
      stream.answer(soft, charge)
      expect(stream.told().slice(-2)).toEqual(["fallback stripe to paypal", "sent charge paypal 1.1"])
    })

  test("verify while a read is under way adds nothing; a restart asks anew", () => {
    const stream = begun()
    stream.verify()
    expect(stream.verify()).toEqual([])
    stream.timer("restart")
    expect(stream.told().at(-1)).toBe("sent read stripe 1.2")
  })

  test("a payment that waits for breakers goes on at once in a new process, which knows of none", () => {
    const stream = begun()
    const open = { outcome: "not_sent", code: "breaker_open", retry_at: stream.now + 60_000 } as const
    stream.answer(open)
    stream.answer(open)
    expect([stream.state.phase, ...stream.timer("due")]).toEqual(["queued"])
    stream.timer("restart")
    expect(stream.told().at(-1)).toBe("sent charge stripe 2.1")
  })

  test("a read whose process died is asked again by the stream's own timer", () => {
    const stream = begun()
    stream.verify()
    expect(stream.wakeAt()).toBe(NOON + 90_000)
    stream.wake()
    expect(stream.told().at(-1)).toBe("sent read stripe 1.2")
  })

  test("a timer before its time changes nothing", () => {
    const stream = begun()
    expect(stream.timer("due")).toEqual([])
    stream.answer(timeout)
    expect(stream.timer("due")).toEqual([])
  })

  test("a settled payment has nothing to verify", () => {
    const stream = begun()
    stream.answer(charged)
    expect([...stream.verify(), ...stream.timer("restart"), ...stream.begin()]).toEqual([])
  })

  test("after a day a person is asked, once, and the machine asks daily", () => {
    const stream = begun()
    stream.answer(timeout)
    while (stream.now < NOON + 3 * 86_400_000) {
      stream.wake()
      stream.answer(timeout)
    }
    expect(stream.told().filter((event) => event === "GatewayReviewRequired")).toHaveLength(1)
    expect(stream.attempts()).toEqual(["stripe 1 REVIEW"])
    expect(stream.wakeAt()).toBe(stream.now + 86_400_000)
  })

  test("a reversal that lasts a day is a person's case as well, and goes on", () => {
    const stream = begun()
    const charge = stream.calls[0]
    stream.answer(http503)
    stream.answer(fenced)
    stream.answer(charged, charge)
    while (stream.now < NOON + 2 * 86_400_000) {
      stream.answer(
        timeout,
        stream.calls.findLast(({ operation }) => operation === "reverse")
      )
      stream.wake()
    }
    expect(stream.told().filter((event) => event === "GatewayReviewRequired")).toHaveLength(1)
    expect(stream.attempts()[0]).toBe("stripe 1 REVERSING")
  })

  test("a reversal goes on until it is done", () => {
    const stream = begun()
    const charge = stream.calls[0]
    stream.answer(http503)
    stream.answer(fenced)
    stream.answer(charged, charge)
    stream.answer(timeout)
    stream.wake()
    stream.answer({ outcome: "pending" })
    stream.wake()
    expect(stream.calls.filter(({ operation }) => operation === "reverse").map((call) => call.try)).toEqual([1, 2, 3])
    stream.answer({ outcome: "reversed", provider_reference: "re_1" })
    expect(stream.attempts()).toEqual(["stripe 1 REVERSED", "paypal 1 STARTED"])
  })
})

test("breaker reports become events once", () => {
  const stream = new Stream()
  const open = {
    to: "open",
    provider: "stripe",
    failures: 5,
    until: NOON + 60_000,
    reason: "5 failures in a row"
  } as const
  const report = (data: object) => stream.take({ type: "RecordBreaker", data }).map(({ type }) => type)
  expect(report(open)).toEqual(["CircuitBreakerOpened"])
  expect(report(open)).toEqual([])
  expect(report({ to: "half_open", provider: "stripe" })).toEqual(["CircuitBreakerHalfOpened"])
  expect(report({ to: "half_open", provider: "stripe" })).toEqual([])
  expect(report({ to: "closed", provider: "stripe" })).toEqual(["CircuitBreakerClosed"])
  expect(report({ to: "closed", provider: "stripe" })).toEqual([])
})
