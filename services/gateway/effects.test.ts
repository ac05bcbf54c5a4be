// What is done around a provider's call: the breaker is asked and told, throttled charges are repeated, nothing ever
// fails.
import { expect, test } from "bun:test"
import { Effect, Fiber, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import type { Operation } from "../../shared/contract/gateway.ts"
import { Breaker } from "./breakers.ts"
import type { Local, ProviderCall } from "./calls.ts"
import { performWith } from "./effects.ts"
import { type ProviderPort, type Told, undecided, unknown } from "./provider/port.ts"
import { Providers } from "./provider/registry.ts"
import { breakerRules } from "./settings.ts"
import { AMOUNT, PAYMENT, USD } from "./testing.ts"

const callOf = (operation: Operation): ProviderCall => ({
  payment_id: PAYMENT,
  provider: "stripe",
  attempt: 1,
  try: 1,
  operation,
  amount: AMOUNT,
  currency: USD,
  idempotency_key: `${PAYMENT}:stripe:1:${operation}`,
  started_at: 0
})

/** A provider that gives the answers of a list, the last one for ever, and counts what it is asked. */
const portOf = (...answers: ReadonlyArray<Effect.Effect<Told>>) => {
  const asked: Array<ProviderCall> = []
  const next = (call: ProviderCall) =>
    Effect.suspend(() => answers[Math.min(asked.push(call), answers.length) - 1] as Effect.Effect<Told>)
  const port: ProviderPort = {
    provider: "stripe",
    charge: next,
    read: next,
    fence: next,
    reverse: next,
    refund: () => Effect.succeed(undecided("not_asked_here")),
    accepts: () => true
  }
  return { port, asked }
}

const perform = performWith({ timeout_ms: 30_000, tracing: false })
const at = (port: ProviderPort) => Layer.mergeAll(Providers.ports([port]), Breaker.memory(breakerRules(undefined)))

const commands = (operation: Operation) =>
  Effect.map(perform(callOf(operation)), (local) => local.map(({ command }): Local => command))

/** In virtual time: as much of it passes as is asked for. */
const run = <A>(port: ProviderPort, work: Effect.Effect<A, never, Breaker | Providers>) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(work)
      yield* TestClock.adjust("10 minutes")
      return yield* Fiber.join(fiber)
    }).pipe(Effect.provide(at(port)), Effect.provide(TestClock.layer()), Random.withSeed("gateway"))
  )

const timeout = Effect.succeed(unknown("timeout"))
const handle = "pi_1"

test("five failures open the breaker; charges are kept back, and what cannot take money passes", async () => {
  const { port, asked } = portOf(timeout)
  const seen = await run(
    port,
    Effect.gen(function* () {
      const charges = yield* Effect.forEach(Array.from({ length: 6 }), () => commands("charge"))
      const others = yield* Effect.forEach(["read", "fence", "reverse"] as const, commands)
      return { charges, others }
    })
  )
  expect(seen.charges.map((all) => all.map(({ type }) => type).join())).toEqual([
    ...Array.from({ length: 4 }, () => "RecordAnswer"),
    "RecordAnswer,RecordBreaker",
    "RecordAnswer"
  ])
  expect(seen.charges[4]?.[0]?.data).toMatchObject({ outcome: "unknown", reason: "timeout", breaker_failures: 5 })
  expect(seen.charges[4]?.[1]?.data).toMatchObject({ to: "open", provider: "stripe", failures: 5 })
  expect(seen.charges[5]?.[0]?.data).toMatchObject({ outcome: "not_sent", code: "breaker_open", retry_at: 60_000 })
  expect(asked.map(({ operation }) => operation)).toEqual([
    ...Array.from({ length: 5 }, () => "charge" as const),
    "read",
    "fence",
    "reverse"
  ])
})

test("after the reset one probe passes, and its success closes the breaker", async () => {
  const decline: Told = { outcome: "declined", code: "generic_decline", decline_class: "soft", health: "ok" }
  const { port } = portOf(...Array.from({ length: 5 }, () => timeout), Effect.succeed(decline))
  const last = await run(
    port,
    Effect.gen(function* () {
      for (let n = 0; n < 5; n++) yield* commands("charge")
      yield* Effect.sleep("60 seconds")
      return yield* commands("charge")
    })
  )
  expect(last.map(({ type, data }) => ("to" in data ? `${type} ${data.to}` : type))).toEqual([
    "RecordAnswer",
    "RecordBreaker half_open",
    "RecordBreaker closed"
  ])
})

test("P116 a throttled charge is sent three times, under its one key, and then is not executed", async () => {
  const { port, asked } = portOf(
    Effect.succeed<Told>({ outcome: "not_executed", handle, code: "rate_limit", health: "neutral" })
  )
  const [answer] = await run(port, commands("charge"))
  expect(answer?.data).toMatchObject({ outcome: "not_executed", code: "rate_limit" })
  expect(new Set(asked.map(({ idempotency_key }) => idempotency_key)).size).toBe(1)
  expect(asked.map((call) => call.handle)).toEqual([undefined, handle, handle])
})

test("a throttled create has had its tries", async () => {
  const { port, asked } = portOf(
    Effect.succeed<Told>({ outcome: "not_executed", code: "rate_limit", health: "neutral" })
  )
  await run(port, commands("charge"))
  expect(asked).toHaveLength(1)
})

test("a provider that never answers, and an adapter that breaks, have told nothing", async () => {
  expect((await run(portOf(Effect.never).port, commands("charge")))[0]?.data).toMatchObject({
    outcome: "unknown",
    reason: "timeout"
  })
  expect((await run(portOf(Effect.die("a bug")).port, commands("read")))[0]?.data).toMatchObject({
    outcome: "unknown",
    reason: "adapter_defect"
  })
})

test("a provider without an adapter was sent nothing", async () => {
  const { port } = portOf(timeout)
  const [answer] = await run({ ...port, provider: "paypal" }, commands("charge"))
  expect(answer?.data).toMatchObject({ outcome: "not_sent", code: "no_adapter" })
})
