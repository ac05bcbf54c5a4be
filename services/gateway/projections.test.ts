import { expect, test } from "bun:test"
import { Schema } from "effect"
import type { Recorded } from "../../shared/contract/envelope.ts"
import type { GatewayEvent } from "../../shared/contract/gateway.ts"
import { minor } from "../../shared/contract/money.ts"
import type { Answer } from "./calls.ts"
import { gatewayDecider } from "./gateway.ts"
import { State } from "./state.ts"
import {
  AMOUNT,
  charged,
  fenced,
  http503,
  messageOf,
  NOON,
  notCharged,
  PAYMENT,
  rulesOf,
  Stream,
  timeout,
  USD
} from "./testing.ts"

const decider = gatewayDecider(rulesOf())

/** The rows that each event of a story writes into a table, folded anew from its events, by one of their columns. */
const written = (stream: Stream, name: string, column: string) => {
  let state = decider.initial
  return stream.events.flatMap(({ at, ...fact }, i) => {
    const event = { ...fact, id: `${i}`, time: at, version: i + 1 } as Recorded<GatewayEvent>
    state = decider.evolve(state, event)
    const rows = decider.project(state, event, messageOf(fact, at)).filter(({ table }) => table.name === name)
    return rows.map(({ row }) => `${fact.type} ${row[column]}`)
  })
}

test("a payment that goes through at once writes one row of its attempt, and the intent none", () => {
  const stream = new Stream()
  stream.begin()
  stream.answer(charged)
  expect(written(stream, "gateway.attempts", "status")).toEqual(["GatewayResponseReceived SUCCEEDED"])
})

test("an unknown attempt is a row from the moment it is unknown", () => {
  const stream = new Stream()
  stream.begin()
  stream.answer(http503)
  stream.answer(notCharged)
  stream.answer(fenced)
  expect(written(stream, "gateway.attempts", "status")).toEqual([
    "GatewayTimeoutOccurred UNKNOWN",
    "GatewayResponseReceived UNKNOWN",
    "GatewayResponseReceived FENCED"
  ])
  expect(written(stream, "payment.progress", "state")).toEqual([
    "GatewayRequestSent GATEWAY_PROCESSING",
    "GatewayTimeoutOccurred GATEWAY_RETRYING",
    "GatewayFallbackTriggered GATEWAY_FALLBACK"
  ])
})

test("every column of a row is there, and nothing else", () => {
  const stream = new Stream()
  stream.begin()
  stream.answer(charged)
  const event = { ...stream.events[1], id: "e", time: NOON, version: 2 } as Recorded<GatewayEvent>
  const [projected] = decider.project(stream.state, event, messageOf(event, NOON))
  expect(Object.keys(projected?.row ?? {})).toEqual(Object.keys(projected?.table.columns ?? { none: "" }))
  expect(projected?.row).toEqual({
    payment_id: PAYMENT,
    provider: "stripe",
    attempt: 1,
    status: "SUCCEEDED",
    key: `${PAYMENT}:stripe:1:charge`,
    handle: "pi_1",
    provider_reference: "pi_1",
    code: null,
    amount: AMOUNT,
    currency: USD,
    started_at: NOON,
    updated_at: NOON
  })
})

test("a charge and its reversal are two lines of the provider's book", () => {
  const stream = new Stream()
  stream.begin()
  const first = stream.calls[0]
  stream.answer(http503)
  stream.answer(fenced)
  stream.answer(charged, first)
  stream.answer({ outcome: "reversed", provider_reference: "re_1" })
  const [control, taken] = ["provider:stripe:control", "provider:stripe:charged"]
  const line = { amount: AMOUNT, currency: USD, payment_id: PAYMENT, ref: "stripe:1" }
  expect(stream.postings).toEqual([
    { source: control, destination: taken, kind: "charge", ...line },
    { source: taken, destination: control, kind: "charge_reversal", ...line }
  ])
})

test("a breaker's row follows its events", () => {
  const stream = new Stream()
  const open = { to: "open", provider: "paypal", failures: 3, until: NOON + 30_000, reason: "3 failures in a row" }
  const rows = [open, { to: "half_open", provider: "paypal" }, { to: "closed", provider: "paypal" }].flatMap((data) => {
    const [fact] = stream.take({ type: "RecordBreaker", data })
    const event = { ...fact, id: "e", time: NOON, version: stream.version } as Recorded<GatewayEvent>
    return decider.project(stream.state, event, messageOf(event, NOON)).map(({ row }) => row)
  })
  const row = { provider: "paypal", forced: false, updated_at: NOON }
  expect(rows).toEqual([
    { ...row, state: "open", failures: 3, until: NOON + 30_000, reason: open.reason },
    { ...row, state: "half_open", failures: 3, until: null, reason: null },
    { ...row, state: "closed", failures: 0, until: null, reason: null }
  ])
})

test("P20 a 5xx to a charge is told as an unavailable provider, anything else as an unknown outcome", () => {
  const reasonOf = (answer: Answer) => {
    const stream = new Stream()
    stream.begin()
    stream.answer(answer)
    return written(stream, "payment.progress", "reason").at(-1)
  }
  expect(reasonOf(http503)).toBe("GatewayTimeoutOccurred provider_unavailable")
  expect(reasonOf(timeout)).toBe("GatewayTimeoutOccurred provider_outcome_unknown")
})

test("a snapshot is JSON and comes back as it was", () => {
  const stream = new Stream()
  stream.begin()
  stream.answer(http503)
  stream.answer(notCharged)
  const text = JSON.stringify(Schema.encodeSync(State)(stream.state))
  expect(Schema.decodeUnknownSync(State)(JSON.parse(text))).toEqual(stream.state)
  expect(stream.state.payment?.amount).toBe(minor(5000n))
})
