import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { Result } from "effect"
import { parse } from "yaml"
import { decode, encodeCommand, encodeEvent, tenantOf } from "./codec.ts"
import type { Message } from "./envelope.ts"
import { COMMANDS, describe as describeType, EVENTS, types } from "./messages.ts"
import { exponent, format, isCurrency, MAX_MINOR, minor } from "./money.ts"
import { murmur2, PARTITIONS, partitionNumber, partitionOf, topicOf, topicPartition } from "./topics.ts"

const envelope = (type: string, data: unknown): Message => ({
  id: "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01",
  type,
  subject: "payment-1",
  time: 1_764_063_000_123,
  tenant: "acme",
  partitionkey: "acme/ana",
  correlationid: "c",
  causationid: "d",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  actor: "service:saga",
  schema: 1,
  data
})

for (const type of types()) {
  test(`${type}: its example survives the wire as event and as command`, () => {
    const entry = describeType(type)
    if (entry === undefined) throw new Error("not described")
    const body = JSON.stringify({ ...envelope(type, entry.example), time: new Date(1_764_063_000_123).toISOString() })
    const message = Result.getOrThrow(decode(body))
    expect(Result.getOrThrow(decode(encodeCommand(message)))).toEqual(message)
    const { id, subject, causationid } = message
    expect(Result.getOrThrow(decode(encodeEvent(message), { id, type, subject, causationid }))).toEqual(message)
    expect(entry.trigger.length).toBeGreaterThan(5)
    expect(entry.consumers.length).toBeGreaterThan(0)
    expect(entry.topic in PARTITIONS).toBe(true)
  })
}

test("every event the mission names exists", () => {
  const named =
    "PaymentInitiated PaymentValidated PaymentCompleted PaymentFailed PaymentCancelled PaymentRefunded " +
    "ConcurrentPaymentDetected " +
    "WalletCreated WalletCredited WalletBalanceChecked WalletDeducted WalletDeductionFailed " +
    "WalletRefunded WalletLocked WalletUnlocked " +
    "GatewayRequestSent GatewayResponseReceived GatewayTimeoutOccurred GatewayFallbackTriggered CircuitBreakerOpened " +
    "CircuitBreakerHalfOpened CircuitBreakerClosed SagaStarted SagaStepCompleted SagaStepFailed " +
    "SagaCompleted SagaFailed " +
    "CompensationStarted CompensationCompleted SagaStuck"
  expect(named.split(" ").filter((name) => !Object.hasOwn(EVENTS, name))).toEqual([])
})

test("no type is both event and command", () => {
  expect(Object.keys(EVENTS).filter((type) => Object.hasOwn(COMMANDS, type))).toEqual([])
})

test("F12 a message of a newer schema is refused, not read as if it were the old one", () => {
  const { example } = describeType("SagaCompleted") ?? {}
  const body = { ...envelope("SagaCompleted", example), schema: 2, time: "2026-11-25T09:30:00.000Z" }
  const refused = decode(JSON.stringify(body))
  expect(Result.isFailure(refused) && refused.failure).toMatchObject({
    type: "SagaCompleted",
    error: "schema 2 is newer than 1, the newest known here"
  })
})

test("what cannot be understood is told apart, never thrown", () => {
  const error = (body: string) => Result.match(decode(body), { onFailure: (f) => f.error, onSuccess: () => "decoded" })
  expect(error("{")).toContain("no JSON")
  expect(error("[]")).toContain("not a JSON object")
  expect(error('{"type":"Nonsense"}')).toBe("unknown message type Nonsense")
  expect(error('{"type":"PaymentValidated","id":"1","partitionkey":"t/u","time":"yesterday"}')).toBe(
    "envelope is incomplete"
  )
  expect(
    error(JSON.stringify({ ...envelope("PaymentValidated", { payment_id: 5 }), time: "2026-01-01T00:00:00Z" }))
  ).toContain("payment_id")
})

test("P69 a bigint goes to the wire as a decimal string, up to 2^53 - 1", () => {
  const data = { wallet_id: "w", payment_id: "p", amount: MAX_MINOR, currency: "USD", balance: 0n, available: 0n }
  expect(encodeEvent(envelope("WalletDeducted", data))).toContain('"amount":"9007199254740991"')
  expect(() => minor(MAX_MINOR + 1n)).toThrow(RangeError)
  expect(() => minor(-1n)).toThrow(RangeError)
})

test("currencies carry their ISO 4217 exponent", () => {
  const digits = (code: string) => (isCurrency(code) ? exponent(code) : "unknown")
  expect(["USD", "JPY", "KWD", "CLP", "usd", "XXX"].map(digits)).toEqual([2, 0, 3, 0, "unknown", "unknown"])
  const text = (amount: bigint, code: string) => (isCurrency(code) ? format(amount, code) : "")
  expect([text(100000n, "USD"), text(5n, "USD"), text(500n, "JPY"), text(-1234n, "KWD")]).toEqual([
    "1000.00 USD",
    "0.05 USD",
    "500 JPY",
    "-1.234 KWD"
  ])
})

test("partitions are those of redpanda/topics.yaml, found by Kafka's murmur2", () => {
  const file = parse(readFileSync(new URL("../../redpanda/topics.yaml", import.meta.url), "utf8")) as {
    topics: ReadonlyArray<{ name: string; partitions: number }>
  }
  expect(Object.fromEntries(file.topics.map(({ name, partitions }) => [name, partitions]))).toMatchObject({
    ...PARTITIONS
  })
  // Vectors of org.apache.kafka.common.utils.UtilsTest#testMurmur2.
  const hash = (text: string) => murmur2(new TextEncoder().encode(text))
  expect([hash("21"), hash("foobar"), hash("a-little-bit-long-string"), hash("abc")]).toEqual([
    -973932308, -790332482, -985981536, 479470107
  ])
  const tp = topicPartition("wallet-events", "acme/ana")
  expect([topicOf(tp), partitionNumber(tp)]).toEqual(["wallet-events", partitionOf("acme/ana", 8)])
  expect(tenantOf("acme/ana")).toBe("acme")
})
