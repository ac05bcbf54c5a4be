/** A refund at the provider that charged: one key for ever, asked again while unknown, looked at while pending. */
import { expect, test } from "bun:test"
import { Schema } from "effect"
import { type Answer, refundKeyOf } from "./calls.ts"
import { State } from "./state.ts"
import { begun, charged, fenced, NOON, notCharged, PAYMENT, rulesOf, type Stream, soft, timeout } from "./testing.ts"

const rules = rulesOf({ backoff_ms: 1_000, recovery_ms: 60_000 })
const HOUR_MS = 3_600_000
const atPaypal: Answer = { ...charged, handle: "order_1", provider_reference: "capture_1" }
const silent = { outcome: "unknown", code: "timeout" } as const
const done = { outcome: "succeeded", reference: "re_1" } as const
const pending = { outcome: "pending", reference: "re_1" } as const
const refused = { outcome: "refused", code: "DISPUTED", message: "a dispute is open" } as const
const failed = { outcome: "failed", reference: "re_1", code: "lost_or_stolen_card" } as const

const paid = (): Stream => {
  const stream = begun(rules)
  stream.answer(charged)
  stream.postings.splice(0)
  stream.events.splice(0)
  return stream
}
const asked = (): Stream => {
  const stream = paid()
  stream.refund("r", 2_000n)
  return stream
}
const moved = ({ postings }: Stream) =>
  postings.map(({ source, destination, amount, kind, ref }) => `${source} → ${destination} ${amount} ${kind} ${ref}`)
const statusOf = ({ state }: Stream) => state.refunds?.[0]?.status
const keys = ({ refunds }: Stream) => [...new Set(refunds.map(({ idempotency_key }) => idempotency_key))]

test("done at once: off the provider's book, by the reference of the charge", () => {
  const stream = asked()
  expect(stream.refunds[0]).toMatchObject({ operation: "refund", provider: "stripe", charge_reference: "pi_1", try: 1 })
  stream.refunded(done)
  expect(stream.told()).toEqual(["refund r stripe 1", "GatewayRefunded"])
  expect(moved(stream)).toEqual(["provider:stripe:charged → provider:stripe:control 2000 refund r"])
  expect([statusOf(stream), stream.wakeAt()]).toEqual(["SUCCEEDED", undefined])
  expect(stream.refund("r", 2_000n)).toEqual([])
  expect(stream.refunded(done)).toEqual([])
})

test("P28 the one that charged is asked, with its own reference, though it was the second", () => {
  const stream = begun(rules)
  stream.answer(soft)
  stream.answer(atPaypal)
  stream.refund("r", 2_000n)
  expect(stream.refunds).toMatchObject([{ provider: "paypal", charge_reference: "capture_1" }])
})

test("P28 and no other, where the first attempt was fenced", () => {
  const stream = begun(rules)
  stream.answer(timeout)
  stream.wake()
  stream.answer({ ...notCharged })
  stream.answer({ outcome: "unknown", reason: "http_500", handle: "pi_1" })
  stream.answer(notCharged)
  stream.answer(fenced)
  stream.answer(atPaypal)
  stream.refund("r", 2_000n)
  expect(stream.refunds.map(({ provider }) => provider)).toEqual(["paypal"])
})

test("P32 an unknown outcome is asked again under the same key, ever more slowly, and never by a new one", () => {
  const stream = asked()
  const waits: Array<number> = []
  for (let n = 0; n < 30; n++) {
    const before = stream.now
    stream.refunded(silent)
    stream.wake()
    waits.push((stream.now - before) / 1_000)
  }
  expect(waits.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
  expect(keys(stream)).toEqual([refundKeyOf(PAYMENT, "stripe", "r")])
  expect(new Set(stream.refunds.map(({ started_at }) => started_at))).toEqual(new Set([NOON]))
  stream.refunded(done)
  expect(moved(stream)).toHaveLength(1)
})

test("P32 an end counts whichever try it answers; anything else only from the one that is awaited", () => {
  const stream = asked()
  const [first] = stream.refunds
  stream.refunded(silent)
  stream.wake()
  expect(stream.refunded(silent, first)).toEqual([])
  expect(stream.refunded(pending, first)).toEqual([])
  stream.refunded(done, first)
  expect(stream.refunded(done)).toEqual([])
  expect(moved(stream)).toHaveLength(1)
})

test("P34 pending is looked at by its reference until it ends, a tenth of its age apart", () => {
  const stream = asked()
  stream.refunded(pending)
  expect(statusOf(stream)).toBe("PENDING")
  let looks = 0
  while (stream.now < NOON + 5 * 24 * HOUR_MS) {
    stream.wake()
    expect(stream.refunds.at(-1)).toMatchObject({ reference: "re_1" })
    stream.refunded(pending)
    looks++
  }
  expect(looks).toBeLessThan(100)
  expect(stream.told()).not.toContain("GatewayRefundReviewRequired")
  stream.wake()
  stream.refunded(silent)
  expect(statusOf(stream)).toBe("PENDING")
  stream.wake()
  stream.refunded(done)
  expect(statusOf(stream)).toBe("SUCCEEDED")
  expect(keys(stream)).toHaveLength(1)
})

test("P35 a refusal moves nothing and is the end; so is a refund that comes to nothing while it is pending", () => {
  for (const answers of [[refused], [silent, refused], [pending, failed]]) {
    const stream = asked()
    for (const [n, answer] of answers.entries()) {
      if (n > 0) stream.wake()
      stream.refunded(answer)
    }
    expect(stream.told().at(-1)).toBe("GatewayRefundRefused")
    expect([statusOf(stream), stream.wakeAt(), moved(stream)]).toEqual(["REFUSED", undefined, []])
  }
})

test("F31 done, and failed days later: on the provider's book again, told once, for an operator", () => {
  const stream = asked()
  stream.refunded(done)
  stream.now += 3 * 24 * HOUR_MS
  stream.refunded(failed)
  expect(stream.told().slice(-2)).toEqual(["GatewayRefunded", "GatewayRefundReversed"])
  expect(moved(stream)).toEqual([
    "provider:stripe:charged → provider:stripe:control 2000 refund r",
    "provider:stripe:control → provider:stripe:charged 2000 refund_reversal r"
  ])
  expect(stream.refunded(failed)).toEqual([])
  expect(stream.refunded(done)).toEqual([])
})

test("a refusal of another send does not undo what is done", () => {
  const stream = asked()
  stream.refunded(done)
  expect(stream.refunded(refused)).toEqual([])
})

test("done after it was refused: the provider's book has it, and a person is asked", () => {
  const stream = asked()
  stream.refunded(refused)
  stream.refunded(done)
  expect(stream.told().slice(-2)).toEqual(["GatewayRefunded", "GatewayRefundReviewRequired"])
  expect(moved(stream)).toHaveLength(1)
})

test("unknown for a day: a person looks, once, and the machine goes on asking", () => {
  const stream = asked()
  while (stream.now < NOON + 60 * HOUR_MS) {
    stream.refunded(silent)
    stream.wake()
  }
  expect(stream.told().filter((told) => told === "GatewayRefundReviewRequired")).toHaveLength(1)
  expect(statusOf(stream)).toBe("UNKNOWN")
})

test("a restart asks again at once; the saga's question does not ask twice", () => {
  const stream = asked()
  const verify = { type: "VerifyRefund", data: { payment_id: PAYMENT, refund_id: "r", reason: "step_timeout" } }
  expect(stream.take(verify)).toEqual([])
  expect(stream.timer("restart")).toMatchObject([{ type: "GatewayRefundSent", data: { try: 2 } }])
  stream.refunded(silent)
  expect(stream.take(verify)).toMatchObject([{ type: "GatewayRefundSent", data: { try: 3 } }])
  expect(keys(stream)).toHaveLength(1)
})

test("without a charge that is kept there is nothing to give back", () => {
  const stream = begun(rules)
  stream.refund("r", 2_000n)
  expect(stream.events.at(-1)).toMatchObject({ type: "GatewayRefundRefused", data: { code: "NO_CHARGE" } })
})

test("a snapshot brings the refunds back", () => {
  const stream = asked()
  stream.refunded(pending)
  stream.refund("s", 100n)
  const stored = JSON.parse(JSON.stringify(Schema.encodeSync(State)(stream.state)))
  expect(Schema.decodeSync(State)(stored)).toEqual(stream.state)
})
