/** What only the store in Postgres can show: lost connections, refusals of the database, and how each is named. */
import { describe, expect, test } from "bun:test"
import { randomUUID } from "node:crypto"
import { Effect, Result, type Scope } from "effect"
import { topicOf } from "../../contract/topics.ts"
import type { Table } from "../decider.ts"
import type { PostgresUnderTest } from "./database.contract.ts"
import { postgresStoreFrom } from "./postgres.ts"
import { balances, command, commandsOf, event, eventsOf, keys, posting, slow, walletWrite } from "./samples.contract.ts"
import { JournalStore, type Store, type StoreFailure, type Write } from "./store.ts"

type Body = (store: Store, database: PostgresUnderTest) => Effect.Effect<void, StoreFailure, Scope.Scope>

type Declare = (title: string, body: Body, timeoutMs?: number) => void

const trials =
  (makeStore: () => Promise<PostgresUnderTest>): Declare =>
  (title, body, timeoutMs) =>
    test(
      title,
      async () => {
        const database = await makeStore()
        const opened = Effect.flatMap(JournalStore, ({ open }) => open("trial"))
        const run = Effect.flatMap(opened, (store) => body(store, database)).pipe(Effect.provide(database.layer))
        try {
          await Effect.runPromise(Effect.scoped(run))
        } finally {
          await database.end()
        }
      },
      timeoutMs
    )

const count = ({ sql }: PostgresUnderTest, what: string) =>
  Effect.promise(async () => Number((await sql.unsafe(`select count(*) as n from ${what}`))[0]!["n"]))

const failed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.result(effect), (result) => (Result.isFailure(result) ? result.failure : undefined))
const failureOf = (store: Store, write: Partial<Write>) => failed(store.write(walletWrite(write)))

/** The n-th write from 0: between two accounts that always hold 1,000 together. */
const transfer = (n: number, cause: string): Partial<Write> => ({
  events: [event("w1", n + 1, { cause })],
  commands: [command("w1")],
  postings: [posting(`payment-${n}`)],
  offsets: [{ tp: commandsOf(), from: n, to: n + 1 }],
  tables: [
    { table: slow, rows: [{ id: randomUUID() }] },
    {
      table: balances,
      rows: [
        { id: "a", balance: BigInt(999 - n), note: `${n + 1}` },
        { id: "b", balance: BigInt(n + 1), note: `${n + 1}` }
      ]
    }
  ]
})

const WRITES = 200

/** Ends the store's backend again and again, at no particular moment. */
const killing = ({ sql }: PostgresUnderTest, done: () => boolean) =>
  Effect.promise(async () => {
    let kills = 0
    while (!done()) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40))
      const rows = await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'journal-trial' and datname = current_database()`
      kills += rows.length
    }
    return kills
  })

/** All of a write, counted: with n writes each of these is n. */
const traces = Effect.fnUntraced(function* (database: PostgresUnderTest) {
  const tables = ["journal.events", "bus.log", "ledger.postings", "trial.slow"]
  return yield* Effect.all(tables.map((table) => count(database, table)))
})

const lostConnections = (trial: Declare) => {
  trial(
    `F43 P47: the backend is killed at random during ${WRITES} writes: each whole or absent, and causes() tells which`,
    (store, database) =>
      Effect.gen(function* () {
        yield* store.offsets("wallet", [commandsOf()])
        let unknown = 0
        let done = 0
        const writeAll = Effect.gen(function* () {
          while (done < WRITES) {
            const cause = randomUUID()
            const failure = yield* failureOf(store, transfer(done, cause))
            if (failure?._tag === "OutcomeUnknown") unknown++
            if (failure !== undefined) expect(["OutcomeUnknown", "Unavailable"]).toContain(failure._tag)
            const told = yield* Effect.retry(store.causes([{ tp: eventsOf(), cause }]), { times: 50 })
            if (failure === undefined) expect(told.has(cause)).toBe(true)
            if (told.has(cause)) done++
            expect(yield* traces(database)).toEqual([done, done, done, done])
          }
        })
        const [, kills] = yield* Effect.all([writeAll, killing(database, () => done >= WRITES)], { concurrency: 2 })
        expect(kills).toBeGreaterThan(10)
        expect(unknown).toBeGreaterThan(3)
        const rows = yield* Effect.promise(() => database.rows(balances))
        expect(rows).toEqual([
          { id: "a", balance: BigInt(1_000 - WRITES), note: `${WRITES}` },
          { id: "b", balance: BigInt(WRITES), note: `${WRITES}` }
        ])
        const sum = yield* Effect.promise(() => database.sql`select sum(amount) as sum from ledger.postings`)
        expect(Number(sum[0]!["sum"])).toBe(WRITES * 5)
        const tps = [eventsOf(), commandsOf()]
        const heads = yield* Effect.retry(store.heads(tps), { times: 5 })
        expect(heads).toEqual(new Map(tps.map((tp) => [tp, WRITES])))
        expect((yield* store.offsets("wallet", [commandsOf()])).get(commandsOf())).toBe(WRITES)
      }),
    120_000
  )

  test("a server that is not there is unavailable, not an unknown outcome", async () => {
    const layer = postgresStoreFrom({ url: "postgres://wallet:none@127.0.0.1:1/none" })
    const opened = Effect.flatMap(JournalStore, ({ open }) => open("trial"))
    const failure = await Effect.runPromise(Effect.flip(Effect.scoped(opened)).pipe(Effect.provide(layer)))
    expect(failure).toMatchObject({ _tag: "Unavailable" })
  })
}

const databaseRefusals = (trial: Declare) => {
  trial("P54: the database refuses a negative balance, whatever the decider thought", (store, database) =>
    Effect.gen(function* () {
      const rows = [{ id: "a", balance: -1n, note: null }]
      const failure = yield* failureOf(store, { events: [event("w1", 1)], tables: [{ table: balances, rows }] })
      expect(failure).toMatchObject({ _tag: "Poison", code: "23514" })
      expect(yield* count(database, "journal.events")).toBe(0)
      expect((yield* store.heads([eventsOf()])).get(eventsOf())).toBe(0)
    })
  )

  trial("a posting moves more than nothing", (store) =>
    Effect.gen(function* () {
      expect(yield* failureOf(store, { postings: [posting("p1", "", 0n)] })).toMatchObject({ _tag: "Poison" })
    })
  )

  trial("what text cannot hold is poison", (store) =>
    Effect.gen(function* () {
      const rows = [{ id: "a\u0000", balance: 1n, note: null }]
      expect(yield* failureOf(store, { tables: [{ table: balances, rows }] })).toMatchObject({ _tag: "Poison" })
    })
  )

  trial("a missing partition row is loud, and no event is dropped", (store, database) =>
    Effect.gen(function* () {
      yield* Effect.promise(() => database.sql`delete from bus.partitions where tp = ${eventsOf()}`)
      const write = { events: [event("w1", 1)], commands: [command("w1")], postings: [posting("p1")] }
      const failure = yield* failureOf(store, write)
      expect(failure).toMatchObject({ _tag: "Unavailable", detail: expect.stringContaining("WF002") })
      expect((yield* store.heads([commandsOf()])).get(commandsOf())).toBe(0)
      expect(yield* count(database, "ledger.postings")).toBe(0)
      expect(yield* failed(store.heads([eventsOf()]))).toMatchObject({ _tag: "Unavailable" })
    })
  )

  trial("a partition row that comes back does not hand out an offset again", (store, database) =>
    Effect.gen(function* () {
      yield* store.write(walletWrite({ events: [event("w1", 1), event("w1", 2)] }))
      yield* Effect.promise(() => database.sql`delete from bus.partitions where tp = ${eventsOf()}`)
      const again = yield* Effect.flatMap(JournalStore, ({ open }) => open("again")).pipe(
        Effect.provide(database.layer)
      )
      expect((yield* again.write(walletWrite({ events: [event("w1", 3)] }))).get(eventsOf())).toBe(2)
    })
  )

  trial("a read-only server is unavailable, and an unknown column is not poison", (store, database) =>
    Effect.gen(function* () {
      const broken: Table = { ...keys, columns: { ...keys.columns, missing: "text" } }
      const rows = [{ tenant: "a", key: "k", open: true, missing: "x" }]
      expect(yield* failureOf(store, { tables: [{ table: broken, rows }] })).toMatchObject({ _tag: "Unavailable" })
      const name = new URL(database.url).pathname.slice(1)
      yield* Effect.promise(() => database.sql.unsafe(`alter database ${name} set default_transaction_read_only = on`))
      yield* Effect.promise(
        () => database.sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
          where application_name = 'journal-trial' and datname = current_database()`
      )
      yield* Effect.retry(store.heads([eventsOf()]), { times: 5 })
      expect(yield* failureOf(store, { events: [event("w1", 1)] })).toMatchObject({
        _tag: "Unavailable",
        detail: expect.stringContaining("25006")
      })
    })
  )
}

const views = (trial: Declare) => {
  trial("processed_events and outbox show what was processed and what was sent", (store, database) =>
    Effect.gen(function* () {
      const write = walletWrite({ events: [event("w1", 1)], commands: [command("w1")] })
      yield* store.write(write)
      const { sql } = database
      const processed = yield* Effect.promise(() => sql`select event_id, service from journal.processed_events`)
      expect([...processed]).toEqual([{ event_id: write.events[0]!.cause, service: "wallet" }])
      expect(`${processed[0]!["service"]}-events`).toBe(topicOf(eventsOf()))
      const outbox = yield* Effect.promise(() => sql`select tp, off from bus.outbox order by tp, off`)
      expect([...outbox]).toEqual([
        { tp: eventsOf(), off: 0n },
        { tp: commandsOf(), off: 0n }
      ])
    })
  )
}

export const postgresContract = (makeStore: () => Promise<PostgresUnderTest>): void => {
  describe("Postgres alone", () => {
    const trial = trials(makeStore)
    lostConnections(trial)
    databaseRefusals(trial)
    views(trial)
  })
}
