import { expect, test } from "bun:test"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import { around, credit, send, tally } from "../testing/tally.ts"
import { Memory, memoryOf } from "./journal/memory.ts"
import type { Store } from "./journal/store.ts"
import { makeProcessor } from "./processor.ts"
import { makeTimers } from "./timers.ts"

const DUE_MS = 1_000_000
/** Wants to be woken at one moment for ever, and says each time why it was. */
const sleeper: typeof tally = {
  ...tally,
  route: ({ type, subject }) => (type === "CreditWallet" || type === "TimerFired" ? subject : undefined),
  decide: (state, message, now) => {
    if (message.type === "CreditWallet") return tally.decide(state, message, now)
    const reason = (message.data as { readonly kind: string }).kind
    return { events: [{ type: "WalletLocked", data: { wallet_id: message.subject, reason } }] }
  },
  wakeAt: () => DUE_MS
}

const it = (name: string, body: (memory: Memory) => Effect.Effect<void, unknown>) =>
  test(name, () => {
    const memory = new Memory()
    return Effect.runPromise(Effect.suspend(() => body(memory)).pipe(Effect.provide(TestClock.layer())))
  })

/** One life of a process: what it does, and the end of everything it had in memory. */
const life = (memory: Memory, how: "works" | "only fires") =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const looked = yield* Effect.gen(function* () {
      const processor = yield* makeProcessor({ decider: sleeper, topics: ["wallet-commands"] })
      const timers = yield* makeTimers()
      if (how === "only fires") return yield* timers.sweep
      const looked = yield* timers.restart
      yield* Effect.forkScoped(processor.run)
      return looked
    }).pipe(Effect.provideService(Scope.Scope, scope), Effect.provide(around(memory)))
    yield* TestClock.adjust("1 second")
    yield* Scope.close(scope, Exit.void)
    return looked
  })

const woken = (memory: Memory) =>
  (memory.streams.get("wallet-ana") ?? []).flatMap(({ message }) =>
    message.type === "WalletLocked" ? [(message.data as { readonly reason: string }).reason] : []
  )

it("P22 every restart is heard, also where the deadline it finds armed is still the same; the timer stays", (memory) =>
  Effect.gen(function* () {
    yield* send(memoryOf(memory), credit("ana", "1"))
    yield* life(memory, "works")
    for (let restarts = 1; restarts <= 3; restarts++) {
      yield* life(memory, "works")
      expect(woken(memory)).toEqual(Array(restarts).fill("restart"))
      expect([...memory.timers.values()]).toMatchObject([{ stream: "wallet-ana", due_at: DUE_MS }])
    }
  }))

it("P22 a deadline fired and the process died before anybody heard: the restart finds it all the same", (memory) =>
  Effect.gen(function* () {
    yield* send(memoryOf(memory), credit("ana", "1"))
    yield* life(memory, "works")
    yield* TestClock.adjust(DUE_MS)
    yield* life(memory, "only fires")
    expect(memory.timers.size).toBe(0)
    expect(yield* life(memory, "works")).toBe(1)
    expect(woken(memory)).toEqual(["due", "restart"])
    expect([...memory.timers.values()]).toMatchObject([{ stream: "wallet-ana", due_at: DUE_MS }])
  }))

it("F11 two starts at once: rows that the other has fired are no failure, what it left is fired", (memory) =>
  Effect.gen(function* () {
    yield* send(memoryOf(memory), credit("ana", "1"), credit("bob", "1"))
    yield* life(memory, "works")
    let raced = false
    const overtaken = (store: Store): Store => ({
      ...store,
      write: (write) => {
        if (!raced && write.fired.length > 0) {
          raced = true
          memory.timers.delete("wallet-ana")
        }
        return store.write(write)
      }
    })
    const restart = Effect.flatMap(makeTimers(), (timers) => timers.restart)
    expect(yield* Effect.scoped(Effect.provide(restart, around(memory, overtaken)))).toBe(1)
    expect([raced, memory.timers.size]).toEqual([true, 0])
  }))
