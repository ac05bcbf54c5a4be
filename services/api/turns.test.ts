import { expect, test } from "bun:test"
import { Deferred, Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { makeTurns } from "./turns.ts"

const it = (name: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  test(name, () => Effect.runPromise(Effect.suspend(body).pipe(Effect.scoped, Effect.provide(TestClock.layer()))))

/** Requests that run until they are told to end, by name. */
const house = Effect.gen(function* () {
  const turns = yield* makeTurns(2)
  const running: Array<string> = []
  const ends = new Map<string, Deferred.Deferred<void>>()
  const ask = Effect.fnUntraced(function* (key: string, name: string) {
    const end = yield* Deferred.make<void>()
    ends.set(name, end)
    const work = Effect.andThen(
      Effect.sync(() => running.push(name)),
      Deferred.await(end)
    )
    const fiber = yield* Effect.forkChild(turns.of(key)(work))
    yield* TestClock.adjust(1)
    return fiber
  })
  const end = (name: string) =>
    Effect.andThen(Deferred.succeed(ends.get(name) as Deferred.Deferred<void>, undefined), TestClock.adjust(1))
  return { running, ask, end }
})

it("alone, a user has the whole machine", () =>
  Effect.gen(function* () {
    const { running, ask } = yield* house
    for (const name of ["a1", "a2", "a3", "a4"]) yield* ask("a", name)
    expect(running).toEqual(["a1", "a2", "a3", "a4"])
  }))

it("P56 while others are about a user's requests beyond the bound wait in their order, and nobody else's", () =>
  Effect.gen(function* () {
    const { running, ask, end } = yield* house
    for (const name of ["a1", "a2"]) yield* ask("a", name)
    yield* ask("b", "b1")
    for (const name of ["a3", "a4"]) yield* ask("a", name)
    yield* ask("b", "b2")
    expect(running).toEqual(["a1", "a2", "b1", "b2"])
    yield* end("a2")
    yield* end("a1")
    expect(running).toEqual(["a1", "a2", "b1", "b2", "a3", "a4"])
  }))

it("a second after the others have left, everybody who waits is let in by the next who leaves", () =>
  Effect.gen(function* () {
    const { running, ask, end } = yield* house
    for (const name of ["a1", "a2"]) yield* ask("a", name)
    yield* ask("b", "b1")
    for (const name of ["a3", "a4", "a5"]) yield* ask("a", name)
    yield* end("b1")
    yield* TestClock.adjust("2 seconds")
    yield* end("a1")
    expect(running).toEqual(["a1", "a2", "b1", "a3", "a4", "a5"])
  }))

it("who gives up while waiting leaves no gap, and a failure lets the next in", () =>
  Effect.gen(function* () {
    const { running, ask, end } = yield* house
    yield* ask("b", "b1")
    for (const name of ["a1", "a2"]) yield* ask("a", name)
    const third = yield* ask("a", "a3")
    yield* ask("a", "a4")
    yield* Fiber.interrupt(third)
    yield* end("a1")
    expect(running).toEqual(["b1", "a1", "a2", "a4"])
  }))
