// An operator's word: about an attempt that nobody knows of, and about a breaker.
import { describe, expect, test } from "bun:test"
import type { Fact } from "../../shared/contract/envelope.ts"
import { minor } from "../../shared/contract/money.ts"
import { gatewayDecider } from "./gateway.ts"
import { FOREVER } from "./operator.ts"
import {
  AMOUNT,
  begun,
  charged,
  fenced,
  messageOf,
  NOON,
  notCharged,
  rulesOf,
  Stream,
  soft,
  timeout
} from "./testing.ts"

const refusalOf = (stream: Stream, outcome: "charged" | "not_charged") => {
  const data = { payment_id: "p", outcome, evidence: "e", reason: "r" }
  return gatewayDecider(rulesOf()).decide(stream.state, messageOf({ type: "ResolveAttempt", data }, NOON), NOON).refusal
}
const unknown = () => {
  const stream = begun()
  stream.answer(timeout)
  return stream
}
const review = () => {
  const stream = unknown()
  while (stream.attempts()[0] !== "stripe 1 REVIEW") {
    stream.wake()
    stream.answer(timeout)
  }
  return stream
}

/** CASES P17: who brings the truth must not matter. Each tells it in its own way; then all of them tell it again. */
const WAYS: Readonly<Record<string, (stream: Stream) => unknown>> = {
  "(a) the poll": (stream) => {
    if (stream.state.attempts[0]?.asking === undefined) stream.wake()
    return stream.answer(charged)
  },
  "(b) a call-back": (stream) => stream.callback(charged),
  "(c) an operator": (stream) => stream.resolve("charged"),
  "(d) asking for it": (stream) => {
    stream.verify()
    return stream.answer(charged)
  }
}
const onlyNews = (stream: Stream) => ({
  phase: stream.state.phase,
  attempts: stream.attempts(),
  reference: stream.state.attempts[0]?.provider_reference,
  succeeded: stream.events.filter(({ data }) => (data as { outcome?: string }).outcome === "succeeded").length,
  postings: stream.postings.map(({ kind, amount }) => [kind, amount])
})

describe("P17 an unknown attempt was charged: one transition, whoever says so", () => {
  const known = {
    phase: "settled",
    attempts: ["stripe 1 SUCCEEDED"],
    reference: "pi_1",
    succeeded: 1,
    postings: [["charge", AMOUNT]]
  }
  for (const [from, begin] of Object.entries({ unknown, review }))
    for (const [name, tell] of Object.entries(WAYS))
      test(`${from}: ${name}`, () => {
        const stream = begin()
        tell(stream)
        expect(onlyNews(stream)).toMatchObject(known)
        stream.callback(charged)
        stream.answer(charged)
        stream.verify()
        expect(refusalOf(stream, "charged")?.code).toBe("NOTHING_UNKNOWN")
        expect(refusalOf(stream, "not_charged")?.code).toBe("NOTHING_UNKNOWN")
        expect(onlyNews(stream)).toMatchObject(known)
        expect(stream.wakeAt()).toBeUndefined()
      })
})

describe("P17 an unknown attempt was not charged: the next provider is asked, once", () => {
  const fence = (stream: Stream) => {
    if (stream.state.attempts[0]?.asking === undefined) stream.wake()
    stream.answer({ ...notCharged, handle: "pi_1" })
    return stream.answer(fenced)
  }
  const ways = {
    "(a) the poll": fence,
    "(b) a call-back": (stream: Stream) => stream.callback(fenced),
    "(c) an operator": (stream: Stream) => stream.resolve("not_charged", "ticket 4711"),
    "(d) asking for it": (stream: Stream) => {
      stream.verify()
      return stream.answer(fenced)
    }
  }
  for (const [name, tell] of Object.entries(ways))
    test(name, () => {
      const stream = begun(rulesOf({ tries: 1 }))
      stream.answer(timeout)
      tell(stream)
      expect(stream.attempts()).toEqual(["stripe 1 FENCED", "paypal 1 STARTED"])
      stream.callback(fenced)
      expect(stream.told().filter((event) => event.startsWith("fallback"))).toHaveLength(1)
    })
})

test("the evidence and the reason stand in the event; a charge is known by its evidence", () => {
  const stream = unknown()
  const [event] = stream.resolve("charged", "pi_from_the_dashboard")
  expect(event?.data).toMatchObject({
    outcome: "succeeded",
    provider_reference: "pi_from_the_dashboard",
    evidence: "pi_from_the_dashboard",
    message: "seen there",
    amount: AMOUNT
  })
})

describe("refused where nothing is unknown", () => {
  const cases: ReadonlyArray<readonly [string, () => Stream]> = [
    ["no provider was asked", () => new Stream()],
    ["the answer is still expected", begun],
    ["declined", () => declined()],
    ["pending: the provider will tell", () => pending()]
  ]
  const declined = () => {
    const stream = begun()
    stream.answer({ ...soft, decline_class: "hard" })
    return stream
  }
  const pending = () => {
    const stream = begun()
    stream.answer({ outcome: "pending" })
    return stream
  }
  test.each(cases)("%s", (_, begin) => {
    const stream = begin()
    for (const outcome of ["charged", "not_charged"] as const)
      expect(refusalOf(stream, outcome)?.code).toBe("NOTHING_UNKNOWN")
  })
})

/** Stripe has charged and says nothing; an operator vouches that it has not, and PayPal takes the money. */
const mistaken = () => {
  const stream = unknown()
  stream.resolve("not_charged", "ticket 4711")
  stream.answer({ ...charged, provider_reference: "capture" })
  expect(stream.state.phase).toBe("settled")
  return stream
}

describe("a word that the provider contradicts", () => {
  test("a late answer: the charge goes back by itself", () => {
    const stream = mistaken()
    stream.callback(charged)
    expect(stream.attempts()).toEqual(["stripe 1 REVERSING", "paypal 1 SUCCEEDED"])
    stream.answer({ outcome: "reversed", provider_reference: "re_1" })
    expect(stream.attempts()).toEqual(["stripe 1 REVERSED", "paypal 1 SUCCEEDED"])
    expect(stream.postings.map(({ kind, ref }) => `${kind} ${ref}`)).toEqual([
      "charge paypal:1",
      "charge stripe:1",
      "charge_reversal stripe:1"
    ])
  })

  test("nobody tells: the provider is asked to fence it, once the payment has ended, and finds the charge", () => {
    const stream = mistaken()
    expect(stream.wakeAt()).toBe(NOON + 60_000)
    stream.wake()
    expect(stream.calls.at(-1)).toMatchObject({ provider: "stripe", operation: "fence" })
    stream.answer(charged)
    expect(stream.calls.at(-1)).toMatchObject({ provider: "stripe", operation: "reverse" })
    stream.answer({ outcome: "reversed" })
    expect([stream.state.phase, stream.wakeAt()]).toEqual(["settled", undefined])
  })

  test("while another attempt has its turn, it is left alone", () => {
    const stream = unknown()
    stream.resolve("not_charged")
    expect(stream.wakeAt()).toBeUndefined()
    expect(stream.timer("restart").map(({ data }) => (data as { provider?: string }).provider)).toEqual(["paypal"])
  })

  test("the provider is silent: asked again daily", () => {
    const stream = mistaken()
    stream.wake()
    stream.answer(timeout)
    expect(stream.wakeAt()).toBe(stream.now + 86_400_000)
    stream.wake()
    stream.answer(fenced)
    expect([stream.attempts()[0], stream.wakeAt()]).toEqual(["stripe 1 FENCED", undefined])
  })

  test("the provider says the same: the matter is closed", () => {
    const stream = mistaken()
    stream.wake()
    expect(stream.answer(fenced)).toHaveLength(1)
    expect(stream.wakeAt()).toBeUndefined()
    expect(stream.state.attempts[0]?.vouched).toBeUndefined()
  })

  test("a wrong amount that a person has settled is not asked about any more", () => {
    const stream = begun()
    stream.answer({ ...charged, amount: minor(900n) })
    stream.resolve("not_charged", "refunded by hand")
    stream.answer({ ...charged, provider_reference: "capture" })
    expect([stream.attempts()[0], stream.wakeAt()]).toEqual(["stripe 1 FENCED", undefined])
  })
})

test("a payment that is closing ends with the operator's word", () => {
  const stream = unknown()
  stream.close()
  expect(stream.resolve("not_charged").map(({ type }) => type)).toEqual(["GatewayResponseReceived", "GatewayClosed"])
})

describe("a breaker by hand", () => {
  const by = (to: "open" | "closed"): Fact => ({ type: "ForceBreaker", data: { provider: "stripe", to, reason: "r" } })
  const report = (to: "open" | "half_open" | "closed"): Fact => ({
    type: "RecordBreaker",
    data: { to, provider: "stripe", ...(to === "open" && { failures: 5, until: NOON + 1, reason: "x" }) }
  })
  const OPENED = "CircuitBreakerOpened"
  const CLOSED = "CircuitBreakerClosed"
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<Fact>, ReadonlyArray<string>, ReadonlyArray<string>]> = [
    ["opened", [by("open")], [OPENED], ["stripe open"]],
    ["opened twice", [by("open"), by("open")], [OPENED], ["stripe open"]],
    ["opened over one that opened itself", [report("open"), by("open")], [OPENED, OPENED], ["stripe open"]],
    [
      "no call's end moves it",
      [by("open"), report("open"), report("half_open"), report("closed")],
      [OPENED],
      ["stripe open"]
    ],
    ["closed again", [by("open"), by("closed")], [OPENED, CLOSED], ["stripe open", "stripe closed"]],
    ["closed over one that opened itself", [report("open"), by("closed")], [OPENED, CLOSED], ["stripe closed"]],
    ["closed, and it is", [by("closed")], [], []],
    [
      "after that it moves by itself",
      [by("open"), by("closed"), report("open")],
      [OPENED, CLOSED, OPENED],
      ["stripe open", "stripe closed"]
    ]
  ]
  test.each(cases)("%s", (_, facts, events, forced) => {
    const stream = new Stream()
    for (const fact of facts) stream.take(fact)
    expect(stream.events.map(({ type }): string => type)).toEqual([...events])
    expect(stream.forced).toEqual([...forced])
  })

  test("forced open it has no end of its own", () => {
    const stream = new Stream()
    expect(stream.take(by("open"))[0]?.data).toMatchObject({
      estimated_recovery_time: FOREVER,
      forced: true,
      reason: "r"
    })
  })
})
