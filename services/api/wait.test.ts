import { expect, test } from "bun:test"
import { Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Message, Service } from "../../shared/contract/envelope.ts"
import { makeBell } from "./bell.ts"
import { type PaymentRecord, StoreUnavailable } from "./records.ts"
import { makeWait } from "./wait.ts"

const it = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, () => Effect.runPromise(Effect.suspend(body).pipe(Effect.scoped, Effect.provide(TestClock.layer()))))

const ended = (id: string): PaymentRecord => ({ id, status: "COMPLETED" }) as PaymentRecord

const fake = () => {
  const state = { asked: [] as Array<ReadonlyArray<string>>, ended: new Set<string>(), atProvider: [] as Array<string> }
  const store = {
    ended: (ids: ReadonlyArray<string>) =>
      Effect.sync(() => {
        state.asked.push(ids)
        return ids.filter((id) => state.ended.has(id)).map(ended)
      }),
    atProvider: (ids: ReadonlyArray<string>) => Effect.sync(() => ids.filter((id) => state.atProvider.includes(id)))
  }
  return { state, store }
}

const committed = (service: Service, correlationid: string, type: string) => ({
  service,
  messages: 1,
  events: [{ type, correlationid } as Message],
  durationMs: 1
})

it("asks for all that wait in one query, and not at all when nobody waits", () =>
  Effect.gen(function* () {
    const { state, store } = fake()
    const wait = yield* makeWait(store)
    yield* TestClock.adjust("1 second")
    expect(state.asked).toEqual([])
    const waiters = yield* Effect.forkChild(
      Effect.all(
        ["a", "b", "a"].map((id) => wait.ended(id, 10_000)),
        { concurrency: "unbounded" }
      )
    )
    yield* TestClock.adjust("8 millis")
    expect(state.asked.length).toBeGreaterThan(0)
    expect(state.asked.at(-1)).toEqual(["a", "b"])
    state.ended.add("a")
    yield* TestClock.adjust("8 millis")
    expect(state.asked.at(-1)).toEqual(["b"])
    state.ended.add("b")
    yield* TestClock.adjust("8 millis")
    expect((yield* Fiber.join(waiters)).map((payment) => payment?.id)).toEqual(["a", "b", "a"])
    const before = state.asked.length
    yield* TestClock.adjust("1 second")
    expect(state.asked.length).toBe(before)
  }))

it("lets go at the deadline, also when the store is away", () =>
  Effect.gen(function* () {
    const { state, store } = fake()
    const wait = yield* makeWait({ ...store, ended: () => new StoreUnavailable({ detail: "away" }) })
    const waiter = yield* Effect.forkChild(wait.ended("a", 2_000))
    yield* TestClock.adjust("2200 millis")
    expect(yield* Fiber.join(waiter)).toBeUndefined()
    expect(state.asked).toEqual([])
  }))

it("a store that never answers keeps nobody beyond a second", () =>
  Effect.gen(function* () {
    const wait = yield* makeWait({ ...fake().store, ended: () => Effect.never })
    const waiter = yield* Effect.forkChild(wait.ended("a", 2_000))
    yield* TestClock.adjust("3200 millis")
    expect(yield* Fiber.join(waiter)).toBeUndefined()
  }))

it("who asked for it hears that a provider has the payment, the others wait on", () =>
  Effect.gen(function* () {
    const { state, store } = fake()
    const wait = yield* makeWait(store)
    const canceller = yield* Effect.forkChild(wait.decided("a", 10_000))
    const payer = yield* Effect.forkChild(wait.ended("a", 10_000))
    yield* TestClock.adjust("8 millis")
    state.atProvider.push("a")
    yield* TestClock.adjust("8 millis")
    expect(yield* Fiber.join(canceller)).toBe("at provider")
    state.ended.add("a")
    yield* TestClock.adjust("8 millis")
    expect(yield* Fiber.join(payer)).toMatchObject({ id: "a" })
  }))

it("a release answers all, now and later", () =>
  Effect.gen(function* () {
    const wait = yield* makeWait(fake().store)
    const waiter = yield* Effect.forkChild(wait.ended("a", 10_000))
    yield* TestClock.adjust("8 millis")
    wait.release()
    expect(yield* Fiber.join(waiter)).toBeUndefined()
    expect(yield* wait.ended("b", 10_000)).toBeUndefined()
  }))

it("with a bell, a payment that has ended is asked for at once and alone", () =>
  Effect.gen(function* () {
    const { state, store } = fake()
    const bell = makeBell()
    const wait = yield* makeWait(store, bell)
    const waiters = yield* Effect.forEach(["a", "b"], (id) => Effect.forkChild(wait.ended(id, 10_000)))
    yield* TestClock.adjust("8 millis")
    expect(state.asked).toEqual([])
    state.ended.add("a")
    bell.observer.committed(committed("payment", "a", "PaymentCompleted"))
    bell.observer.committed(committed("saga", "b", "SagaCompleted"))
    bell.observer.committed(committed("payment", "nobody's", "PaymentFailed"))
    yield* TestClock.adjust("1 millis")
    expect(state.asked).toEqual([["a"]])
    expect(yield* Fiber.join(waiters[0] as (typeof waiters)[number])).toMatchObject({ id: "a" })
  }))

it("with a bell, what another process has ended is found by the next round", () =>
  Effect.gen(function* () {
    const { state, store } = fake()
    const wait = yield* makeWait(store, makeBell())
    const waiter = yield* Effect.forkChild(wait.ended("a", 10_000))
    state.ended.add("a")
    yield* TestClock.adjust("60 millis")
    expect(yield* Fiber.join(waiter)).toMatchObject({ id: "a" })
  }))
