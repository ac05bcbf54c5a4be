/** A payment's timeline and stream tell its refunds: what led to what, in words, and nothing twice on resuming. */
import { afterAll, afterEach, expect, test } from "bun:test"
import { type Payment, refundOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"
import { toldTo } from "./records.ts"
import { refundsOf } from "./refunding.ts"

const platform = await startPlatform()
const { api, sim } = platform
const { ended, paid } = refundsOf(platform)
afterAll(platform.stop)
afterEach(() => sim.reset())

interface Told {
  readonly id: string
  readonly type: string
  readonly stream: string
  readonly why?: string
}
const timeline = async ({ id }: Payment): Promise<ReadonlyArray<Told>> =>
  JSON.parse((await api.get(`/api/v1/payments/${id}/timeline`)).text).data

interface Sent {
  readonly position: string
  readonly event: string
  readonly id: string
}
/** The whole stream, as it came; each event's own id, and the position a client would resume from. */
const streamed = async ({ id }: Payment, from?: string): Promise<ReadonlyArray<Sent>> => {
  const headers = from === undefined ? {} : { "last-event-id": from }
  const answer = await api.get(`/api/v1/payments/${id}/stream`, { headers })
  if (answer.status === 204) return []
  const blocks = answer.text.split("\n\n").filter((block) => block.includes("data: "))
  return blocks.map((block) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? ""
    return { position: field("id"), event: field("event"), id: JSON.parse(field("data")).id }
  })
}

const REFUND = [
  "RefundRequested",
  "SagaRefundStarted",
  "GatewayRefundSent",
  "GatewayRefunded",
  "SagaRefundStepCompleted",
  "WalletRefundReceived",
  "SagaRefundStepCompleted",
  "PaymentRefunded",
  "SagaRefundStepCompleted",
  "SagaRefundCompleted",
  "UserNotified"
]

test("the timeline tells a refund from the wish to the user's message, each step with its reason", async () => {
  const payment = await paid(5_000)
  await toldTo(platform, payment.id)
  const before = (await timeline(payment)).length
  refundOf(await api.refund(payment.id, { amount: 2_000, reason: "one book came torn" }))
  await toldTo(platform, payment.id, 2)
  const told = (await timeline(payment)).slice(before)
  expect(told.map(({ type }) => type)).toEqual(REFUND)
  const words = told.map(({ why }) => why)
  expect(words).not.toContain(undefined)
  expect(words.slice(0, 3)).toEqual([
    "one book came torn",
    "a refund was asked for and its money is set aside",
    "stripe charged the payment, so it gives the money back"
  ])
})

test("and one that was refused, and one that was asked twice", async () => {
  const payment = await paid(5_000)
  await toldTo(platform, payment.id)
  const before = (await timeline(payment)).length
  await sim.behaviour("stripe", { fault: "decline", op: "refund", count: 1 })
  await api.refund(payment.id)
  await sim.behaviour("stripe", { fault: "reset-after", op: "refund", count: 1 })
  await ended(refundOf(await api.refund(payment.id)).id)
  await toldTo(platform, payment.id, 3)
  const told = (await timeline(payment)).slice(before)
  expect(told.map(({ type }) => type).filter((type) => type.startsWith("Gateway"))).toEqual([
    "GatewayRefundSent",
    "GatewayRefundRefused",
    "GatewayRefundSent",
    "GatewayRefundUnknown",
    "GatewayRefundSent",
    "GatewayRefunded"
  ])
  expect(told.find(({ type }) => type === "RefundFailed")?.why).toContain("stripe: declined")
  expect(told.find(({ type }) => type === "GatewayRefundUnknown")?.why).toContain("asked again under the same key")
})

test("the stream says what the timeline says, and goes on where the client left, after the end too", async () => {
  const payment = await paid(5_000)
  await toldTo(platform, payment.id)
  const first = await streamed(payment)
  const end = String(first.at(-1)?.position)
  expect([first.at(-1)?.event, await streamed(payment, end)]).toEqual(["end", []])
  refundOf(await api.refund(payment.id, { amount: 1_000 }))
  refundOf(await api.refund(payment.id, { amount: 1_000 }))
  await toldTo(platform, payment.id, 3)
  const all = (await timeline(payment)).map(({ id }) => id)
  const again = await streamed(payment)
  expect(
    again
      .slice(0, -1)
      .map(({ id }) => id)
      .sort()
  ).toEqual(all.toSorted())
  const later = await streamed(payment, end)
  expect(later.at(-1)?.event).toBe("end")
  expect([...first.slice(0, -1), ...later.slice(0, -1)].map(({ id }) => id).sort()).toEqual(all.toSorted())
  for (const at of [again[20], again[30], again.at(-2)]) {
    const rest = (await streamed(payment, at?.position)).slice(0, -1).map(({ id }) => id)
    const heard = again.slice(0, again.findIndex(({ position }) => position === at?.position) + 1)
    expect([...heard.map(({ id }) => id), ...rest].sort()).toEqual(all.toSorted())
  }
})

test("a stream stays open while a refund is pending, until it has ended and the user is told", async () => {
  const payment = await paid(5_000)
  await toldTo(platform, payment.id)
  await sim.behaviour("stripe", { fault: "async", op: "refund", count: 1, after_ms: 3_600_000 })
  const asked = refundOf(await api.refund(payment.id, {}, { prefer: "respond-async" }))
  const listening = streamed(payment)
  const isThere = ({ op, payment_id }: { readonly op: string; readonly payment_id?: string }) =>
    op === "refund" && payment_id === payment.id
  await eventually("stripe has the refund", async () => (await sim.wire()).some(isThere), Boolean)
  await sim.advance(3_600_000)
  await ended(asked.id)
  const told = await listening
  expect(told.slice(-2).map(({ event }) => event)).toEqual(["notification", "end"])
  expect(told.filter(({ event }) => event === "WalletRefundReceived")).toHaveLength(1)
  expect(told.filter(({ event }) => event === "notification")).toHaveLength(2)
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
