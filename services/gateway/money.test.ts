// Money safety by property: a hostile run of one payment against a model of its providers. The model knows the truth
// that the decider has to find out: what was charged, what is still under way and may be executed later, what can
// never be.
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { blocks } from "./attempt.ts"
import { type Answer, type ProviderCall, RECEIVED } from "./calls.ts"
import { AMOUNT, rulesOf, Stream, USD } from "./testing.ts"

interface Truth {
  charged: boolean
  refunded: boolean
  fenced: boolean
  declined: Answer | undefined
  /** To be captured, where that is a call of its own. */
  authorised?: boolean
}

const reference = (call: ProviderCall) => `${call.provider}_${call.attempt}`
const told = (call: ProviderCall): Answer => ({
  outcome: "succeeded",
  handle: reference(call),
  provider_reference: reference(call),
  amount: AMOUNT,
  currency: USD
})
const DECLINES: ReadonlyArray<Answer> = [
  { outcome: "declined", code: "generic_decline", decline_class: "soft" },
  { outcome: "declined", code: "stolen_card", decline_class: "hard" },
  { outcome: "declined", code: "insufficient_funds", decline_class: "funds" }
]
const REFUSALS: ReadonlyArray<Answer> = [
  { outcome: "rejected", code: "401" },
  { outcome: "not_sent", code: "unreachable" },
  { outcome: "not_executed", code: "rate_limit" },
  { outcome: "not_sent", code: "breaker_open", retry_at: 0 }
]
const DOUBTS: ReadonlyArray<Answer> = [
  { outcome: "unknown", reason: "timeout" },
  { outcome: "unknown", reason: "http_503" },
  { outcome: "unknown", reason: "in_progress" },
  { outcome: "pending" }
]

/** `liar`: a provider charges what it has cancelled · `adyen`: one that cannot be asked and only ever promises. */
type Kind = "honest" | "liar" | "adyen"
/** Only what is sent on a pspReference can take money there. */
const harmless = ({ provider, handle }: ProviderCall) => provider === "adyen" && handle === undefined

class World {
  readonly stream: Stream
  readonly truths = new Map<string, Truth>()
  /** Sent, and not executed yet; an answer that told nothing leaves it here: it may be executed later. */
  flying: Array<ProviderCall> = []
  /** Answers that were given, and may be given again. */
  readonly given: Array<readonly [ProviderCall, Answer]> = []
  /** A provider that charges what it has cancelled breaks its word; then only the reversal helps. */
  readonly liar: boolean
  private seen = 0

  constructor(kind: Kind) {
    this.stream = new Stream(kind === "adyen" ? rulesOf({ tries: 3 }, "adyen", "paypal") : rulesOf({ tries: 2 }))
    this.liar = kind === "liar"
    this.follow(() => this.stream.begin())
  }

  truth(call: ProviderCall): Truth {
    const key = reference(call)
    const known = this.truths.get(key)
    if (known !== undefined) return known
    const fresh: Truth = { charged: false, refunded: false, fenced: false, declined: undefined }
    this.truths.set(key, fresh)
    return fresh
  }

  kept = () => [...this.truths.values()].filter(({ charged, refunded }) => charged && !refunded).length

  /** Another attempt could take money, or has it. */
  private elsewhere(call: ProviderCall): boolean {
    const open = this.flying.some(
      (other) =>
        other.operation === "charge" && reference(other) !== reference(call) && !this.ended(other) && !harmless(other)
    )
    const held = [...this.truths].some(([key, t]) => key !== reference(call) && t.charged && !t.refunded)
    return open || held
  }
  private ended = (call: ProviderCall) => this.truth(call).fenced || this.truth(call).declined !== undefined

  /** Runs a message and checks every rule that must hold at all times. */
  follow(message: () => unknown): void {
    const { closing, phase: before } = this.stream.state
    message()
    const { stream } = this
    // What the saga was told cannot be untold.
    if (before === "failed" || before === "closed") expect(["failed", "closed"]).toContain(stream.state.phase)
    if (closing) expect(stream.calls.slice(this.seen).some(({ operation }) => operation === "charge")).toBe(false)
    for (const call of stream.calls.slice(this.seen)) {
      if (call.operation === "charge" && !this.liar) expect(this.elsewhere(call)).toBe(false)
      this.flying.push(call)
    }
    this.seen = stream.calls.length
    expect(stream.state.attempts.filter(blocks).length).toBeLessThanOrEqual(1)
    expect(stream.postings.filter(({ kind }) => kind === "charge").length).toBeLessThanOrEqual(this.truths.size)
    if (this.liar) return
    expect(this.kept()).toBeLessThanOrEqual(1)
    const { phase } = stream.state
    if (phase === "settled") expect(this.kept()).toBe(1)
    if (phase === "failed" || phase === "closed") {
      expect(this.kept()).toBe(0)
      const open = (call: ProviderCall) => call.operation === "charge" && !this.ended(call) && !harmless(call)
      expect(this.flying.some(open)).toBe(false)
    }
  }

  /** The provider does what it was asked, and what it then says. */
  execute(call: ProviderCall, dice: number): Answer {
    const truth = this.truth(call)
    this.flying = this.flying.filter((other) => other !== call)
    const lies = this.liar && dice % 2 === 0
    if (call.provider === "adyen") return this.promise(call, truth, dice)
    switch (call.operation) {
      case "charge":
        if (truth.charged) return told(call)
        if (truth.declined !== undefined) return truth.declined
        if (truth.fenced && !lies) return { outcome: "fenced" }
        if (dice % 4 === 1) return (truth.declined = DECLINES[dice % DECLINES.length] as Answer)
        if (dice % 4 === 2) return { ...(REFUSALS[dice % REFUSALS.length] as Answer), retry_at: this.stream.now + 5000 }
        truth.charged = true
        return told(call)
      case "read":
        return this.look(call)
      case "fence":
        if (truth.charged) return told(call)
        truth.fenced = true
        return { outcome: "fenced" }
      case "reverse":
        truth.refunded = true
        return { outcome: "reversed", provider_reference: `re_${reference(call)}` }
    }
  }

  /** Two calls to charge, the second of which is received whatever it comes to; a cancel likewise. */
  private promise(call: ProviderCall, truth: Truth, dice: number): Answer {
    const handle = reference(call)
    switch (call.operation) {
      case "charge":
        // The first answer is what the key says for good.
        if (call.handle === undefined && truth.authorised) return { outcome: "not_charged", handle }
        if (call.handle === undefined && truth.declined !== undefined) return truth.declined
        if (call.handle === undefined && dice % 4 === 1) return (truth.declined = DECLINES[dice % 3] as Answer)
        if (!truth.charged && dice % 4 === 2) return { outcome: "rejected", code: "137" }
        truth.authorised = true
        if (call.handle === undefined) return { outcome: "not_charged", handle }
        truth.charged ||= !truth.fenced
        return { ...told(call), code: RECEIVED }
      case "read":
        return { outcome: "unknown", reason: "cannot_be_asked" }
      case "fence":
        truth.fenced ||= !truth.charged
        return { outcome: call.handle === undefined || call.untaken === true ? "fenced" : "unknown" }
      case "reverse":
        truth.refunded = true
        return { outcome: "pending" }
    }
  }

  /** What Adyen tells by itself, in any order and as often as it likes; true if it was news. */
  private notify(): boolean {
    const before = this.stream.version
    for (const call of this.stream.calls.filter(({ provider }) => provider === "adyen")) {
      const { charged, refunded, fenced, declined, authorised } = this.truth(call)
      if (authorised) this.answer({ ...call, try: 0 }, { outcome: "not_charged", handle: reference(call) })
      if (declined !== undefined) this.answer({ ...call, operation: "read", try: 0 }, declined)
      if (charged && !refunded) this.answer({ ...call, operation: "read", try: 0 }, told(call))
      if (fenced) this.answer({ ...call, operation: "read", try: 0 }, { outcome: "fenced" })
      if (refunded) this.answer({ ...call, operation: "reverse", try: 0 }, { outcome: "reversed" })
    }
    return this.stream.version > before
  }

  look(call: ProviderCall): Answer {
    const { charged, refunded, fenced, declined } = this.truth(call)
    if (charged) return refunded ? { outcome: "reversed" } : told(call)
    return declined ?? { outcome: fenced ? "fenced" : "not_charged" }
  }

  answer(call: ProviderCall, answer: Answer): void {
    this.given.push([call, answer])
    this.follow(() => this.stream.answer(answer, call))
  }

  step(kind: number, dice: number): unknown {
    const { stream } = this
    const call = this.flying[dice % Math.max(1, this.flying.length)]
    const again = this.given[dice % Math.max(1, this.given.length)]
    const doubt = DOUBTS[dice % DOUBTS.length] as Answer
    switch (kind % 13) {
      case 0:
      case 1:
      case 2:
        // Most charges are in doubt, or the payment would end before it becomes interesting.
        if (call?.operation === "charge" && dice % 7 > 1) return this.answer(call, doubt)
        return call && this.answer(call, this.execute(call, dice))
      case 3:
      case 4:
        // The answer tells nothing, and the request is still on its way.
        return call && this.answer(call, doubt)
      case 5:
        // Executed, and the answer is lost.
        if (call === undefined) return
        this.execute(call, dice)
        return this.answer(call, doubt)
      case 6:
        // Executed by a process that died before it could say so.
        return call && this.execute(call, dice)
      case 7:
        return again && this.answer(again[0], again[1])
      case 8:
        stream.now += (dice % 90) * 1000
        return this.follow(() => stream.timer("due"))
      case 9:
        return dice % 3 === 0 ? this.notify() : this.follow(() => stream.timer("restart"))
      case 10:
        return this.follow(() => stream.verify())
      case 11:
        return this.vouch(dice)
      default: {
        if (dice % 4 > 0) return this.follow(() => stream.begin())
        const before = stream.events.length
        this.follow(() => stream.close())
        expect(stream.told(before).some((event) => event.startsWith("GatewayClose"))).toBe(true)
      }
    }
  }

  /** An operator says what became of the unknown attempt; with a provider that lies, the operator may be mistaken. */
  private vouch(dice: number): unknown {
    const { stream } = this
    const attempt = stream.state.attempts.find(({ status }) => status === "UNKNOWN" || status === "REVIEW")
    const call = stream.calls.find((sent) => sent.provider === attempt?.provider && sent.attempt === attempt.n)
    if (call === undefined) return undefined
    const { charged, refunded } = this.truth(call)
    const mistaken = this.liar && dice % 2 === 0
    if (charged && !refunded && !mistaken) return this.follow(() => stream.resolve("charged", reference(call)))
    const mayYet = this.flying.some((other) => other.operation === "charge" && reference(other) === reference(call))
    return mayYet && !this.liar ? undefined : this.follow(() => stream.resolve("not_charged", "looked it up"))
  }

  /** From now on everybody answers the truth: the payment must come to an end. */
  calm(): void {
    for (let asked = 0; asked < 500; asked++) {
      const call = this.flying[0]
      // What was promised and then lost is waited for until the saga's time is over.
      if (asked === 250) this.follow(() => this.stream.close())
      if (call !== undefined) this.answer(call, this.execute(call, 4))
      else if (this.notify()) continue
      else if (this.stream.wakeAt() !== undefined) this.follow(() => this.stream.wake())
      else if (!this.news()) return
    }
    expect("the payment ended").toBe("it goes on for ever")
  }

  /** Whoever made the calls is restarted, and webhooks tell what nobody has asked about. */
  private news(): boolean {
    const before = this.stream.version
    this.follow(() => this.stream.timer("restart"))
    for (const call of this.stream.calls.filter(({ operation }) => operation === "charge"))
      if (this.truth(call).charged && !this.truth(call).refunded) this.answer(call, told(call))
    return this.stream.version > before
  }
}

const script = fc.array(fc.tuple(fc.nat(12), fc.nat(1000)), { minLength: 20, maxLength: 80, size: "max" })
const RUNS = 5000

describe("P16 P108 whatever happens on the way", () => {
  for (const [kind, name] of [
    ["honest", "honest providers"],
    ["liar", "a provider that breaks its word"],
    ["adyen", "a provider that cannot be asked"]
  ] as const)
    test(`one charge at most is kept with ${name}`, () => {
      fc.assert(
        fc.property(script, (steps) => {
          const world = new World(kind)
          for (const [kind, dice] of steps) world.step(kind, dice)
          world.calm()
          const { phase } = world.stream.state
          expect(["settled", "failed", "closed"]).toContain(phase)
          expect(world.kept()).toBe(phase === "settled" ? 1 : 0)
          expect(world.stream.wakeAt()).toBeUndefined()
          const { postings } = world.stream
          const net = postings.map(({ kind }) => (kind === "charge" ? 1 : -1)).reduce((sum, n) => sum + n, 0)
          expect(net).toBe(phase === "settled" ? 1 : 0)
        }),
        { numRuns: RUNS, seed: 20261125 }
      )
    })
})
