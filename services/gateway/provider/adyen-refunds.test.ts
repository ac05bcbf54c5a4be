// Refunds at Adyen under every fault: what they are taken for, what the same call says again, and what moved: once.
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { Clock, Effect } from "effect"
import { control } from "../../../infra/simulator/testing.ts"
import { type Currency, minor } from "../../../shared/contract/money.ts"
import { type RefundAnswer, type RefundCall, refundKeyOf } from "../calls.ts"
import { PAYMENT, USD } from "../testing.ts"
import { adyenRefundNotice } from "./adyen-notice.ts"
import { asking, callOf, type Outside, open, TIMEOUT_MS } from "./testing.ts"

const AFTER_MS = 150
const DAY_MS = 24 * 3_600_000
let outside: Outside

beforeAll(async () => {
  outside = await open()
})
afterAll(async () => {
  await outside.runtime.dispose()
  await outside.simulator.stop()
})

const now = () => Effect.runSync(Clock.currentTimeMillis)

const refund = async (call: RefundCall): Promise<RefundAnswer> => {
  const [first] = await outside.runtime.runPromise(outside.perform(call))
  if (first?.command.type !== "RecordRefundAnswer") throw new Error("no answer")
  return first.command.data
}

const paid = async (payment_id: string): Promise<RefundCall> => {
  const ask = asking(outside)
  const { handle } = await ask(callOf(payment_id, "adyen", "charge"))
  const { provider_reference: charge_reference = "" } = await ask({
    ...callOf(payment_id, "adyen", "charge", handle),
    try: 2
  })
  const refund_id = `${payment_id}-refund`
  const idempotency_key = refundKeyOf(payment_id, "adyen", refund_id)
  const amount = { amount: minor(2000n), currency: USD }
  const call = { payment_id, refund_id, provider: "adyen", try: 1, idempotency_key, charge_reference } as const
  return { operation: "refund", ...call, ...amount, started_at: now() }
}

const refunds = async (id: string) =>
  (await control(outside.simulator.url).ledger(id)).filter(({ kind }) => kind === "refund").map(({ amount }) => amount)

/** [fault, code, what it is taken for, what the same call then says, refunds in the end] */
const table: ReadonlyArray<readonly [string, string, string, string, number]> = [
  ["none", "", "pending", "pending", 1],
  ["decline", "", "pending", "pending", 0],
  ["async", "", "pending", "pending", 1],
  ["reject-before", "", "refused 137", "refused 137", 0],
  ["429", "", "unknown 429", "pending", 1],
  ["409", "422", "unknown in_progress", "pending", 1],
  ["409", "409_final", "unknown key_spent", "pending", 1],
  ["5xx-before", "500", "unknown http_500", "unknown http_500", 0],
  ["5xx-after", "500", "unknown http_500", "unknown http_500", 1],
  ["5xx-before", "503_transient", "unknown transient_error", "pending", 1],
  ["5xx-after", "503_transient", "unknown transient_error", "pending", 1],
  ["hang-before", "", "unknown timeout", "pending", 1],
  ["hang-after", "", "unknown timeout", "pending", 1],
  ["reset-after", "", "unknown reset", "pending", 1],
  ["cut-body-after", "", "unknown cut", "pending", 1],
  ["empty-200-after", "", "unknown unreadable_answer", "pending", 1],
  ["html-502-after", "", "unknown unreadable_answer", "pending", 1],
  ["execute-late", "", "unknown timeout", "pending", 1]
]
const say = ({ outcome, code }: RefundAnswer) => (code === undefined ? outcome : `${outcome} ${code}`)

describe("P32 a refund is done once, under one key", () => {
  for (const [fault, code, told, then, done] of table)
    test(`${fault} ${code}: ${told}; the same call then: ${then}`, async () => {
      const { arm, wire } = control(outside.simulator.url)
      const call = await paid(`refund-${fault}-${code}`)
      const armed = { fault, op: "refund", after_ms: AFTER_MS + TIMEOUT_MS, ...(code === "" ? {} : { code }) }
      expect((await arm("adyen", armed)).status).toBe(200)
      expect(say(await refund(call))).toBe(told)
      await arm("adyen", { fault: "none" })
      if (fault === "async" || fault === "execute-late") await Bun.sleep(2 * AFTER_MS + TIMEOUT_MS)
      expect(say(await refund({ ...call, try: 2 }))).toBe(then)
      expect(await refunds(call.payment_id)).toEqual(Array.from({ length: done }, () => 2000))
      const sent = (await wire(call.payment_id)).filter(({ op }) => op === "refund")
      expect(new Set(sent.map(({ idempotency_key, body_hash }) => `${idempotency_key} ${body_hash}`)).size).toBe(1)
    })
})

test("the key has room: an id of the platform's in it, and no more than Adyen takes", async () => {
  const call = { ...(await paid("long")), refund_id: PAYMENT }
  expect((await refund(call)).outcome).toBe("pending")
  const keys = (await control(outside.simulator.url).wire("long")).map(({ idempotency_key }) => idempotency_key)
  expect(keys.at(-1)).toBe(`adyen:refund:${PAYMENT}`)
  expect(String(keys.at(-1)).length).toBeLessThanOrEqual(64)
})

test("what was received is not sent again, and what Adyen may have forgotten neither", async () => {
  const call = await paid("old")
  expect(await refund({ ...call, reference: "MOD" })).toMatchObject({ outcome: "pending", reference: "MOD" })
  expect(say(await refund({ ...call, started_at: now() - 6 * DAY_MS }))).toBe("unknown key_may_be_forgotten")
  const rupiah = { amount: minor(150n), currency: "IDR" as Currency }
  expect(say(await refund({ ...call, ...rupiah }))).toBe("refused amount_not_expressible")
  expect(await refunds("old")).toEqual([])
})

describe("P33 P34 a notification tells what became of it", () => {
  const item = (eventCode: string, success: string, more: object = {}) => ({
    eventCode,
    success,
    pspReference: "MOD",
    merchantReference: `${PAYMENT}/refund-1`,
    reason: "",
    ...more
  })
  for (const [eventCode, success, answer] of [
    ["REFUND", "true", { outcome: "succeeded", reference: "MOD" }],
    ["REFUND", "false", { outcome: "failed", reference: "MOD", code: "REFUND" }],
    ["REFUND_FAILED", "true", { outcome: "failed", reference: "MOD", code: "REFUND_FAILED" }],
    ["REFUNDED_REVERSED", "true", { outcome: "failed", reference: "MOD", code: "REFUNDED_REVERSED" }]
  ] as const)
    test(`${eventCode} ${success}: ${answer.outcome}`, () =>
      expect(adyenRefundNotice(item(eventCode, success))).toEqual({
        payment_id: PAYMENT,
        refund_id: "refund-1",
        answer
      }))

  test("of anything else it says nothing", () => {
    expect(adyenRefundNotice(item("CAPTURE", "true"))).toBeUndefined()
    expect(adyenRefundNotice(item("REFUND", "true", { merchantReference: `${PAYMENT}-1` }))).toBeUndefined()
  })
})
