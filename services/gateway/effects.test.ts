// What is done around a provider's call: the breaker is asked and told, throttled charges are repeated, nothing ever
// fails.
import { expect, test } from "bun:test"
import { Clock, Effect, Fiber, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import type { Message } from "../../shared/contract/envelope.ts"
import type { Operation } from "../../shared/contract/gateway.ts"
import { Breaker } from "./breakers.ts"
import type { Local, ProviderCall } from "./calls.ts"
import { type Addressed, performWith } from "./effects.ts"
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

const perform = performWith({ timeout_ms: 30_000, in_flight: 100, tracing: false })
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

test("Retry-After is waited out, by the next charge as well; a long one is left to other providers", async () => {
  const throttled = (retry_after_ms: number) =>
    Effect.succeed<Told>({ outcome: "not_executed", handle, code: "rate_limit", retry_after_ms, health: "neutral" })
  const done = Effect.succeed<Told>({ outcome: "succeeded", handle, health: "ok" })
  const timed = (port: ProviderPort) =>
    run(
      port,
      Effect.gen(function* () {
        const began = yield* Clock.currentTimeMillis
        const [first] = yield* commands("charge")
        const between = (yield* Clock.currentTimeMillis) - began
        yield* commands("charge")
        return { first: first?.data, between, both: (yield* Clock.currentTimeMillis) - began }
      })
    )
  const soon = await timed(portOf(throttled(3_000), done).port)
  expect([soon.first, soon.between, soon.both]).toMatchObject([{ outcome: "succeeded" }, 3_000, 3_000])
  const { port, asked } = portOf(throttled(60_000), done)
  const late = await timed(port)
  expect([late.first, late.between, late.both]).toMatchObject([{ outcome: "not_executed" }, 0, 5_000])
  expect(late.first).not.toHaveProperty("retry_after_ms")
  expect(asked).toHaveLength(2)
})

/** Of the first answer: what became of the call, and why. */
const outcomeOf = ([first]: ReadonlyArray<Addressed>) => {
  if (first?.command.type !== "RecordAnswer") throw new Error("no answer")
  const { outcome, reason, code } = first.command.data
  return `${outcome} ${reason ?? code}`
}

const crowded = performWith({ timeout_ms: 30_000, in_flight: 2, tracing: false })

test("what does not fit waits its turn; what waits too long was not sent, and is no failure", async () => {
  const { port, asked } = portOf(Effect.never)
  const { charges, others, machine } = await run(
    port,
    Effect.gen(function* () {
      const charging = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 4 }, () => crowded(callOf("charge"))),
          { concurrency: "unbounded" }
        )
      )
      yield* Effect.sleep("1 second")
      const others = yield* crowded(callOf("read"))
      return { charges: yield* Fiber.join(charging), others, machine: yield* (yield* Breaker).look("stripe") }
    })
  )
  expect(charges.map(outcomeOf)).toEqual([
    "unknown timeout",
    "unknown timeout",
    "not_sent too_many_calls",
    "not_sent too_many_calls"
  ])
  expect(others[0]?.command.data).toMatchObject({ outcome: "unknown", reason: "timeout" })
  expect(asked.map(({ operation }) => operation)).toEqual(["charge", "charge", "read"])
  expect(machine).toMatchObject({ state: "closed", row: 2 })
})

test("a place that becomes free goes to who waited longest, and the breaker is asked again", async () => {
  const slow = Effect.as(Effect.sleep("1 second"), unknown("timeout"))
  const { port, asked } = portOf(slow)
  const all = await run(
    port,
    Effect.all(
      Array.from({ length: 9 }, () => crowded(callOf("charge"))),
      { concurrency: "unbounded" }
    )
  )
  expect(asked).toHaveLength(6)
  expect(all.map(outcomeOf)).toEqual([
    ...Array.from({ length: 6 }, () => "unknown timeout"),
    ...Array.from({ length: 3 }, () => "not_sent breaker_open")
  ])
})

test("a breaker that closes, by a probe or by hand, wakes who met it while it was open, once", async () => {
  const cause = { partitionkey: "t/ana" } as Message
  const { port } = portOf(
    ...Array.from({ length: 5 }, () => timeout),
    Effect.succeed({ outcome: "fenced", health: "ok" })
  )
  const waiting = (payment_id: string) => ({ ...callOf("charge"), payment_id })
  const { probe, again, byHand } = await run(
    port,
    Effect.gen(function* () {
      for (let n = 0; n < 5; n++) yield* commands("charge")
      for (const id of ["a", "b"]) yield* perform(waiting(id), cause)
      yield* Effect.sleep("60 seconds")
      const probe = yield* perform(waiting("b"), cause)
      const again = yield* perform({ provider: "stripe", force: "closed", until: 0 })
      yield* perform({ provider: "stripe", force: "open", until: 1e15 })
      yield* perform(waiting("c"), cause)
      return { probe, again, byHand: yield* perform({ provider: "stripe", force: "closed", until: 0 }) }
    })
  )
  const told = (all: ReadonlyArray<Addressed>) => all.map(({ subject, command }) => `${command.type} ${subject}`)
  expect(told(probe).slice(3)).toEqual(["ResumeQueued gateway-a"])
  expect(probe.at(-1)?.cause).toBe(cause)
  expect(told(again)).toEqual([])
  expect(told(byHand)).toEqual(["ResumeQueued gateway-c"])
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
