/** The journal on the real Postgres: several writers on one stream, snapshots, restarts. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { fileURLToPath } from "node:url"
import { Effect, Layer, type Scope } from "effect"
import { testDatabase } from "../../../infra/testing/postgres.ts"
import { topicPartition } from "../../contract/topics.ts"
import { credit, type Tally, tally } from "../../testing/tally.ts"
import { Ids } from "../ids.ts"
import { makeJournal } from "./journal.ts"
import { postgresStoreFrom } from "./postgres.ts"
import { JournalStore } from "./store.ts"

const migrations = [{ service: "journal", dir: fileURLToPath(new URL("migrations", import.meta.url)) }]
let database: Awaited<ReturnType<typeof testDatabase>>
beforeAll(async () => {
  database = await testDatabase({ migrations })
})
afterAll(() => database.drop())

const it = (name: string, body: () => Effect.Effect<void, unknown, JournalStore | Ids | Scope.Scope>) =>
  test(name, () => {
    const layers = Layer.mergeAll(postgresStoreFrom({ url: database.url }), Ids.layer)
    return Effect.runPromise(Effect.scoped(Effect.suspend(body)).pipe(Effect.provide(layers)))
  })

/** A process of its own: its own connection, its own states in memory. */
const open = (name: string, settings = { snapshotEvery: 100, statesMax: 1_000 }) =>
  Effect.gen(function* () {
    const store = yield* (yield* JournalStore).open(name)
    return { store, journal: yield* makeJournal(tally, store, settings) }
  })

const streamOf = (user: string) => ({ tp: tpOf(user), stream: `wallet-${user}` })
const tpOf = (user: string) => topicPartition("wallet-events", `t/${user}`)

it("F42 P53 two processes write one wallet at once: every command lands once, versions have no gap", () =>
  Effect.gen(function* () {
    const [one, two] = [yield* open("one"), yield* open("two")]
    const commits = Array.from({ length: 40 }, (_, n) =>
      Effect.retry(
        (n % 2 === 0 ? one : two).journal.commit([
          { message: credit("hot", String(n)) },
          { message: credit("hot", "more") }
        ]),
        { times: 5 }
      )
    )
    yield* Effect.all(
      [0, 1].map((side) =>
        Effect.forEach(
          commits.filter((_, n) => n % 2 === side),
          (commit) => commit,
          { discard: true }
        )
      ),
      { concurrency: 2 }
    )
    const stored = (yield* one.store.load([streamOf("hot")], 1)).get("wallet-hot")
    const versions = stored?.events.map(({ version }) => version) ?? []
    expect((stored?.snapshot?.version ?? 0) + versions.length).toBe(80)
  }))

it("a message both processes are given is applied by one of them", () =>
  Effect.gen(function* () {
    const [one, two] = [yield* open("one"), yield* open("two")]
    const messages = Array.from({ length: 20 }, (_, n) => ({ message: credit("twin", String(n)) }))
    yield* Effect.all([one.journal.commit(messages), two.journal.commit(messages)], { concurrency: 2 })
    const stored = (yield* one.store.load([streamOf("twin")], 1)).get("wallet-twin")
    expect(stored?.events.length).toBe(20)
  }))

it("a refusal decided on a remembered state is decided again on the stored one", () =>
  Effect.gen(function* () {
    const limited = { ...tally, decide: limit }
    const store = yield* (yield* JournalStore).open("one")
    const slow = yield* makeJournal(limited, store)
    yield* slow.commit([{ message: credit("shared", "1", 1n) }])
    const other = yield* open("two")
    yield* other.journal.commit([{ message: credit("shared", "2", 9n) }])
    const [outcome] = (yield* slow.commit([{ message: credit("shared", "3", 1n) }])).outcomes
    expect(outcome?._tag).toBe("Applied")
  }))

it("P55 joined halves are both there or neither: crossed by two processes, refused, broken, given twice", () =>
  Effect.gen(function* () {
    const [one, two] = [yield* open("one"), yield* open("two")]
    const pair = (from: string, to: string, reference = "r") => ({
      message: credit(from, "r"),
      joined: credit(to, reference)
    })
    const crossing = (from: string, to: string) => Array.from({ length: 5 }, () => pair(from, to))
    const commits = Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0 ? one.journal.commit(crossing("x", "y")) : two.journal.commit(crossing("y", "x"))
    )
    yield* Effect.all(
      [0, 1].map((side) =>
        Effect.forEach(
          commits.filter((_, n) => n % 2 === side),
          (commit) => Effect.retry(commit, { times: 5 }),
          { discard: true }
        )
      ),
      { concurrency: 2 }
    )
    const twice = pair("x", "y")
    yield* one.journal.commit([twice, twice])
    const again = yield* two.journal.commit([twice, pair("x", "y", "refused"), pair("y", "x", "refused")])
    expect(again.outcomes.map(({ _tag }) => _tag)).toEqual(["Skipped", "Refused", "Refused"])
    const broken = yield* Effect.flip(one.journal.commit([pair("x", "y"), pair("x", "y", "throws")]))
    expect(broken).toMatchObject({ index: 1 })
    expect(yield* Effect.flip(one.journal.commit([pair("x", "x")]))).toMatchObject({ index: 0 })
    const stored = yield* one.store.load([streamOf("x"), streamOf("y")], 2)
    for (const stream of ["wallet-x", "wallet-y"])
      expect(stored.get(stream)?.events.map(({ version }) => version)).toEqual(
        Array.from({ length: 101 }, (_, n) => n + 1)
      )
  }))

it("F11 what changes nothing on a remembered state is decided again on the stored one", () =>
  Effect.gen(function* () {
    const store = yield* (yield* JournalStore).open("one")
    const slow = yield* makeJournal({ ...tally, decide: silent }, store)
    yield* slow.commit([{ message: credit("idle", "1", 1n) }])
    const other = yield* open("two")
    yield* other.journal.commit([{ message: credit("idle", "2", 9n) }])
    const [outcome] = (yield* slow.commit([{ message: credit("idle", "3", 1n) }])).outcomes
    expect(outcome?._tag === "Applied" && outcome.events.length).toBe(1)
  }))
/** Takes everything for a repetition while the total is below 10. */
const silent: typeof tally.decide = (state: Tally, message, now) =>
  state.total > 0n && state.total < 10n ? { events: [] } : tally.decide(state, message, now)

/** Refuses while the total is below 10: a process that remembers 1 would refuse for ever. */
const limit: typeof tally.decide = (state: Tally, message, now) =>
  state.total > 0n && state.total < 10n
    ? { refusal: { code: "WALLET_LOCKED", reason: "below 10" } }
    : tally.decide(state, message, now)

it("F12 P95 a snapshot saves reading, and one of another schema is ignored: the states are equal", () =>
  Effect.gen(function* () {
    const first = yield* open("one", { snapshotEvery: 10, statesMax: 10 })
    for (let n = 0; n < 25; n++) yield* first.journal.commit([{ message: credit("old", String(n), 4n) }])
    const by = (schema: number) =>
      Effect.map(first.store.load([streamOf("old")], schema), (all) => all.get("wallet-old"))
    const [known, foreign] = [yield* by(1), yield* by(2)]
    expect(known?.snapshot?.version).toBe(20)
    expect(known?.events.length).toBe(5)
    expect([foreign?.snapshot, foreign?.events.length]).toEqual([undefined, 25])
  }))

it("states are forgotten, least recently used first, and read back", () =>
  Effect.gen(function* () {
    const { journal, store } = yield* open("one", { snapshotEvery: 100, statesMax: 2 })
    for (const user of ["a", "b", "c", "d", "a", "b"]) yield* journal.commit([{ message: credit(`lru-${user}`, "r") }])
    const stored = yield* store.load([streamOf("lru-a"), streamOf("lru-d")], 1)
    expect(stored.get("wallet-lru-a")?.events.map(({ version }) => version)).toEqual([1, 2])
    expect(stored.get("wallet-lru-d")?.events.length).toBe(1)
  }))
