import { expect, test } from "bun:test"
import { Deferred, Effect, Exit, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Message } from "../contract/envelope.ts"
import { topicPartition } from "../contract/topics.ts"
import { around, credit, send, tally } from "../testing/tally.ts"
import { Bus } from "./bus/bus.ts"
import type { Ids } from "./ids.ts"
import { Memory, memoryOf } from "./journal/memory.ts"
import { type JournalStore, OffsetsMoved, OutcomeUnknown, Poison, type Store, Unavailable } from "./journal/store.ts"
import { silent } from "./observer.ts"
import { defaultBounds, makeProcessor } from "./processor.ts"

type Needs = Bus | JournalStore | Ids | Scope.Scope

const it = (
  name: string,
  body: (memory: Memory) => Effect.Effect<void, unknown, Needs>,
  worse?: (store: Store) => Store
) =>
  test(name, () => {
    const memory = new Memory()
    const program = Effect.scoped(Effect.suspend(() => body(memory)))
    return Effect.runPromise(program.pipe(Effect.provide(around(memory, worse)), Effect.provide(TestClock.layer())))
  })

const start = Effect.gen(function* () {
  const processor = yield* makeProcessor({ decider: tally, topics: ["wallet-commands"] })
  yield* Effect.forkScoped(processor.run)
  return processor
})
/** Lets everything that is ready run, and time pass, a step at a time. */
const settle = Effect.forEach(Array.from({ length: 50 }), () => TestClock.adjust("1 second"), { discard: true })
const credited = (memory: Memory, user: string) => memory.streams.get(`wallet-${user}`)?.length ?? 0
const position = (memory: Memory, user: string) =>
  memory.positions.get(`wallet/${topicPartition("wallet-commands", `t/${user}`)}`) ?? 0

it("what was in the log before the start is processed, in order, once", (memory) =>
  Effect.gen(function* () {
    yield* send(memoryOf(memory), credit("ana", "1"), credit("ana", "2"), credit("bob", "3"))
    yield* start
    yield* settle
    expect([credited(memory, "ana"), credited(memory, "bob")]).toEqual([2, 1])
    const references = memory.streams
      .get("wallet-ana")
      ?.map(({ message }) => (message.data as { reference: string }).reference)
    expect(references).toEqual(["1", "2"])
  }))

it("a submitter hears the events or the refusal", () =>
  Effect.gen(function* () {
    const { submit } = yield* start
    const applied = yield* submit({ message: credit("ana", "1") })
    const refused = yield* submit({ message: credit("ana", "refused") })
    expect(applied._tag === "Applied" ? applied.events.map(({ type }) => type) : applied._tag).toEqual([
      "WalletCredited"
    ])
    expect(refused).toMatchObject({ _tag: "Refused", refusal: { code: "WALLET_LOCKED" } })
  }))

it("the same command submitted twice is applied once", (memory) =>
  Effect.gen(function* () {
    const { submit } = yield* start
    const message = credit("ana", "1")
    const both = Effect.all([submit({ message }), submit({ message })])
    const asked = yield* Effect.forkChild(both)
    yield* settle
    const outcomes = yield* Fiber.join(asked)
    expect(outcomes.map(({ _tag }) => _tag)).toEqual(["Applied", "Skipped"])
    expect(credited(memory, "ana")).toBe(1)
  }))

it("P85 a message that throws is a dead letter with its cause; its stream waits, all others go on", (memory) =>
  Effect.gen(function* () {
    const bad = credit("ana", "throws")
    const others = Array.from({ length: 300 }, (_, n) => credit(`user${n}`, "ok"))
    yield* send(memoryOf(memory), bad, credit("ana", "behind it"), ...others)
    yield* start
    yield* settle
    const [letter, ...more] = memory.rows("bus.dead_letters")
    expect(more).toEqual([])
    expect(letter).toMatchObject({ unit: "wallet-ana", error_class: "defect", message_id: bad.id, status: "dead" })
    expect(String(letter?.["error"])).toContain("this message is poison")
    expect(memory.rows("bus.parked_messages").map(({ unit }) => unit)).toEqual(["wallet-ana"])
    expect(credited(memory, "ana")).toBe(0)
    expect(others.filter(({ correlationid }) => credited(memory, correlationid) !== 1)).toEqual([])
    expect(position(memory, "ana")).toBeGreaterThan(0)
  }))

it("P85 after a restart the stream is still parked: nothing slips past the dead letter", (memory) =>
  Effect.gen(function* () {
    yield* send(memoryOf(memory), credit("ana", "throws"))
    yield* Effect.scoped(Effect.andThen(start, settle))
    yield* send(memoryOf(memory), credit("ana", "later"))
    yield* (yield* Bus).refresh
    yield* start
    yield* settle
    expect(credited(memory, "ana")).toBe(0)
    expect(memory.rows("bus.parked_messages").length).toBe(1)
  }))

it("P85 a record that cannot be read is a dead letter too", (memory) =>
  Effect.gen(function* () {
    const good = credit("ana", "fine")
    yield* send(memoryOf(memory), good)
    const tp = topicPartition("wallet-commands", "t/ana")
    memory.log.get(tp)?.unshift({ body: "{not json", message: good, event: false })
    yield* start
    yield* settle
    expect(memory.rows("bus.dead_letters")).toMatchObject([{ error_class: "decode", unit: `partition-${tp}` }])
    expect(credited(memory, "ana")).toBe(1)
  }))

const poisoned = (store: Store): Store => ({
  ...store,
  write: (write) =>
    write.events.some(({ message }) => (message.data as { reference?: string }).reference === "unstorable")
      ? Effect.fail(new Poison({ code: "22001", detail: "value too long" }))
      : store.write(write)
})
it(
  "a message whose rows the store refuses is found by halving, and stands alone in the dead letters",
  (memory) =>
    Effect.gen(function* () {
      const users = Array.from({ length: 50 }, (_, n) => credit(`user${n}`, n === 23 ? "unstorable" : "ok"))
      yield* send(memoryOf(memory), ...users)
      yield* start
      yield* settle
      expect(memory.rows("bus.dead_letters")).toMatchObject([{ error_class: "data", unit: "wallet-user23" }])
      expect(users.filter(({ correlationid }) => credited(memory, correlationid) === 1).length).toBe(49)
    }),
  poisoned
)

it("a submission whose rows are taken hears which constraint, and leaves nothing", (memory) =>
  Effect.gen(function* () {
    const { submit } = yield* start
    yield* submit({ message: credit("ana", "1", 1n, "same") })
    const second = yield* Effect.flip(submit({ message: credit("bob", "2", 1n, "same") }))
    expect(second).toMatchObject({ _tag: "RowTaken", constraint: "postings_once" })
    expect([credited(memory, "bob"), memory.rows("bus.dead_letters").length]).toEqual([0, 0])
  }))

/** Fails the first writes as told, each after or before it has done its work. */
const flaky =
  (failures: ReadonlyArray<readonly ["before" | "after", Unavailable | OutcomeUnknown]>) =>
  (store: Store): Store => {
    const left = [...failures]
    return {
      ...store,
      write: (write) => {
        if (write.group !== "wallet") return store.write(write)
        const [when, failure] = left.shift() ?? []
        if (failure === undefined) return store.write(write)
        return when === "before" ? Effect.fail(failure) : Effect.andThen(store.write(write), Effect.fail(failure))
      }
    }
  }
const away = new Unavailable({ detail: "the disk is full" })
const lost = new OutcomeUnknown({ detail: "connection lost" })

it(
  "a store that is away makes nothing poison: the processor waits, says so, and goes on",
  (memory) =>
    Effect.gen(function* () {
      const processor = yield* start
      const asked = yield* Effect.forkChild(processor.submit({ message: credit("ana", "1") }))
      yield* TestClock.adjust("10 millis")
      expect(processor.healthy()).toBe(false)
      yield* settle
      expect((yield* Fiber.join(asked))._tag).toBe("Applied")
      expect([processor.healthy(), memory.rows("bus.dead_letters").length]).toEqual([true, 0])
    }),
  flaky([
    ["before", away],
    ["before", away],
    ["before", away]
  ])
)

for (const when of ["before", "after"] as const) {
  it(
    `F43 the answer of a commit is lost, ${when} it was done: every message is applied once`,
    (memory) =>
      Effect.gen(function* () {
        const { submit } = yield* start
        yield* send(memoryOf(memory), credit("ana", "1"), credit("bob", "2"))
        yield* (yield* Bus).refresh
        const asked = yield* Effect.forkChild(submit({ message: credit("eve", "3") }))
        yield* settle
        yield* Fiber.join(asked)
        yield* settle
        expect(["ana", "bob", "eve"].map((user) => credited(memory, user))).toEqual([1, 1, 1])
        expect(memory.postings.size).toBe(3)
      }),
    flaky([[when, lost]])
  )
}

it("P14 the same records delivered to two instances: each command is applied once", (memory) =>
  Effect.gen(function* () {
    const commands = Array.from({ length: 40 }, (_, n) => credit(`user${n % 4}`, String(n)))
    yield* send(memoryOf(memory), ...commands)
    yield* start
    yield* start
    yield* settle
    expect([0, 1, 2, 3].map((n) => credited(memory, `user${n}`))).toEqual([10, 10, 10, 10])
  }))

it("F52 records published twice, and again after they were taken, have one effect", (memory) =>
  Effect.gen(function* () {
    yield* send(memoryOf(memory), credit("ana", "1"), credit("ana", "2"))
    const records = memory.read(topicPartition("wallet-commands", "t/ana"), 0, 10)
    const { publish } = yield* Bus
    yield* start
    publish(records)
    publish(records)
    yield* settle
    publish(records)
    yield* settle
    expect(records.length).toBe(2)
    expect([credited(memory, "ana"), position(memory, "ana")]).toEqual([2, 2])
  }))

it("a position that another instance moved is read again, and the process goes on from there", (memory) =>
  Effect.gen(function* () {
    yield* send(memoryOf(memory), credit("ana", "1"), credit("ana", "2"))
    const store = memoryOf(memory)
    const tp = topicPartition("wallet-commands", "t/ana")
    const stale = Effect.flip(store.write({ group: "wallet", ...blank, offsets: [{ tp, from: 5, to: 6 }] }))
    expect(yield* stale).toBeInstanceOf(OffsetsMoved)
    yield* start
    yield* settle
    expect(position(memory, "ana")).toBe(2)
  }))
const blank = {
  events: [],
  commands: [],
  postings: [],
  tables: [],
  armed: [],
  disarmed: [],
  fired: [],
  snapshots: []
}

it("more commands than may wait are turned away, those that wait are not lost", (memory) =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    const bounds = { batchMax: 1, waitingMax: 2, effectsMax: 1 }
    const processor = yield* makeProcessor({ decider: tally, topics: ["wallet-commands"], bounds })
    const asked = yield* Effect.forkChild(
      Effect.all(
        [1, 2, 3, 4].map((n) => Effect.exit(processor.submit({ message: credit("ana", String(n)) }))),
        {
          concurrency: "unbounded"
        }
      )
    )
    yield* TestClock.adjust("1 millis")
    yield* Effect.forkScoped(processor.run)
    yield* settle
    yield* Deferred.succeed(gate, undefined)
    const exits = yield* Fiber.join(asked)
    expect(exits.map(Exit.isSuccess)).toEqual([true, true, false, false])
    expect(credited(memory, "ana")).toBe(2)
  }))

it("P56 commands that keep coming in memory do not starve what stands in the log", (memory) =>
  Effect.gen(function* () {
    yield* send(memoryOf(memory), credit("bob", "1"))
    const batches: Array<ReadonlyArray<string>> = []
    const observer = {
      ...silent,
      committed: ({ events }: { readonly events: ReadonlyArray<Message> }) =>
        void batches.push(events.map(({ subject }) => subject))
    }
    const bounds = { ...defaultBounds, batchMax: 4 }
    const processor = yield* makeProcessor({ decider: tally, topics: ["wallet-commands"], bounds, observer })
    const hot = Array.from({ length: 20 }, (_, n) => processor.submit({ message: credit("ana", String(n)) }))
    yield* Effect.forkChild(Effect.all(hot, { concurrency: "unbounded" }))
    yield* TestClock.adjust("1 millis")
    yield* Effect.forkScoped(processor.run)
    yield* settle
    expect(batches[0]).toHaveLength(4)
    expect(batches[0]).toContain("wallet-bob")
    expect(credited(memory, "ana")).toBe(20)
  }))
