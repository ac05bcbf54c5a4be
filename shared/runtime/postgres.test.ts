import { afterAll, beforeAll, expect, test } from "bun:test"
import { Effect, Exit, Fiber } from "effect"
import { testDatabase } from "../../infra/testing/postgres.ts"
import {
  backend,
  balance,
  bump,
  database,
  idleInTransaction,
  openDatabase,
  reset,
  run,
  sleeping,
  sleepOnServer
} from "./postgres.fixture.ts"
import { isTransient, query, retryTransient, Sql, transaction } from "./postgres.ts"

beforeAll(() => openDatabase(testDatabase))
afterAll(() => database.drop())

test("a unique violation names its constraint and is not retried", async () => {
  let tries = 0
  const insert = Effect.andThen(
    Effect.sync(() => tries++),
    query((sql) => sql`insert into accounts values ('a', 0)`)
  )
  const failure = await run(Effect.andThen(reset, Effect.flip(retryTransient(transaction(insert)))))
  expect(failure).toMatchObject({ _tag: "UniqueViolation", constraint: "accounts_pkey" })
  expect(tries).toBe(1)
})

test("a typed failure and a defect roll back", async () => {
  await run(reset)
  const declined = transaction(Effect.andThen(bump("a", 5n), Effect.fail({ _tag: "Declined" } as const)))
  expect(await run(Effect.flip(declined))).toEqual({ _tag: "Declined" })
  const exit = await run(Effect.exit(transaction(Effect.andThen(bump("a", 5n), Effect.die("a bug")))))
  expect(Exit.hasDies(exit)).toBe(true)
  expect(await run(balance("a"))).toBe(0n)
})

test("a failure the body caught fails the transaction all the same", async () => {
  const insert = query((sql) => sql`insert into accounts values ('a', 0)`)
  const swallow = transaction(insert.pipe(Effect.catchTag("UniqueViolation", () => Effect.void)))
  expect(await run(Effect.andThen(reset, Effect.flip(swallow)))).toMatchObject({ _tag: "UniqueViolation" })
})

test("an interruption cancels the statement on the server and rolls back", async () => {
  await run(reset)
  await run(
    Effect.gen(function* () {
      const stuck = yield* Effect.forkChild(transaction(Effect.andThen(bump("a", 7n), sleepOnServer)))
      const pid = yield* Effect.promise(() => backend(sleeping))
      yield* Fiber.interrupt(stuck)
      const rows = yield* query(
        (sql) => sql`select 1 from pg_stat_activity where pid = ${pid} and pid <> pg_backend_pid() and state <> 'idle'`
      )
      expect(rows.length).toBe(0)
      expect(yield* balance("a")).toBe(0n)
    })
  )
})

test("an interruption cancels a single statement too", async () => {
  const started = performance.now()
  await run(
    Effect.gen(function* () {
      const stuck = yield* Effect.forkChild(sleepOnServer)
      yield* Effect.promise(() => backend(sleeping))
      yield* Fiber.interrupt(stuck)
    })
  )
  expect(performance.now() - started).toBeLessThan(5_000)
})

test("two serializable transactions that conflict: one is retried, both count", async () => {
  await run(reset)
  let tries = 0
  let waiting = 0
  const skew = (id: string) =>
    retryTransient(
      transaction(
        Effect.gen(function* () {
          tries++
          yield* query((sql) => sql`select sum(n) from accounts`)
          waiting++
          while (waiting < 2) yield* Effect.sleep("1 millis") // both have read before either writes
          yield* bump(id, 1n)
        })
      )
    )
  await run(Effect.all([skew("a"), skew("b")], { concurrency: 2 }))
  expect(tries).toBe(3)
  expect(await run(Effect.all([balance("a"), balance("b")]))).toEqual([1n, 1n])
})

test("retryTransient gives up after 5 tries", async () => {
  let tries = 0
  const raise = query((sql) => sql.unsafe("do $$ begin raise sqlstate '40001'; end $$"))
  const failure = await run(
    Effect.flip(
      retryTransient(
        Effect.andThen(
          Effect.sync(() => tries++),
          raise
        )
      )
    )
  )
  expect(failure._tag).toBe("Serialization")
  expect(isTransient(failure)).toBe(true)
  expect(tries).toBe(5)
})

test("1,004 statements and transactions at once on 4 connections all succeed", async () => {
  await run(reset)
  const long = Effect.replicateEffect(4)(query((sql) => sql`select pg_sleep(0.2)`))
  const short = Effect.all(
    Array.from({ length: 800 }, (_, i) => query((sql) => sql`select ${i}::int`)),
    {
      concurrency: "unbounded"
    }
  )
  const both = transaction(Effect.andThen(bump("a", 1n), bump("b", -1n)), "isolation level read committed")
  const transfers = Effect.all(
    Array.from({ length: 200 }, () => both),
    { concurrency: "unbounded" }
  )
  await run(Effect.all([long, short, transfers], { concurrency: "unbounded" }))
  expect(await run(Effect.all([balance("a"), balance("b")]))).toEqual([200n, -200n])
  expect(await run(query((sql) => sql.unsafe(`select pid from pg_stat_activity where ${idleInTransaction}`)))).toEqual(
    expect.objectContaining({ length: 0 })
  )
})

test("P102 a BEGIN never lands on a connection that strangers use", async () => {
  const notices: Array<string> = []
  const url = `${database.url}?max_pipeline=2`
  await run(query((sql) => sql`create table marks (round int, kind text, xact text)`))
  const mark = (round: number, kind: string) =>
    query((sql) => sql`insert into marks values (${round}, ${kind}, pg_current_xact_id()::text)`)
  const program = Effect.gen(function* () {
    for (let round = 0; round < 20; round++) {
      const singles = Array.from({ length: 6 }, () => mark(round, "single"))
      const begins = Array.from({ length: 5 }, (_, i) =>
        transaction(Effect.andThen(mark(round, `begin ${i}`), mark(round, `begin ${i}`)))
      )
      yield* Effect.all([...singles, ...begins], { concurrency: "unbounded" })
    }
    return yield* query<{ kinds: number; n: number }>(
      (sql) => sql`select count(distinct kind)::int as kinds, count(*)::int as n from marks group by round, xact`
    )
  })
  const transactions = await run(program, { max: 3, url, notices })
  expect(notices).not.toContain("25001") // "there is already a transaction in progress"
  expect(transactions.every(({ kinds }) => kinds === 1)).toBe(true)
  expect(transactions.filter(({ n }) => n === 1).length).toBe(120)
  expect(transactions.filter(({ n }) => n === 2).length).toBe(100)
})

test("P104 the pool inside a transaction: waiting is bounded, nothing hangs, the pool recovers", async () => {
  const program = Effect.gen(function* () {
    const outer = yield* Sql
    const inner = Effect.provideService(balance("a"), Sql, outer) // what a service that captured the pool would do
    const starving = transaction(Effect.andThen(balance("b"), inner))
    const exits = yield* Effect.all(
      Array.from({ length: 12 }, () => Effect.exit(starving)),
      { concurrency: "unbounded" }
    )
    const proper = yield* Effect.all(
      Array.from({ length: 12 }, () => transaction(Effect.andThen(balance("b"), balance("a")))),
      { concurrency: "unbounded" }
    )
    return { failed: exits.filter(Exit.isFailure).length, proper: proper.length }
  })
  await run(reset)
  const { failed, proper } = await run(program, { max: 3, acquireTimeoutMs: 300 })
  expect(failed).toBeGreaterThan(0)
  expect(proper).toBe(12)
})

test("P104 a transaction inside a transaction is a bug", async () => {
  const exit = await run(Effect.exit(transaction(transaction(balance("a")))))
  expect(Exit.hasDies(exit)).toBe(true)
})
