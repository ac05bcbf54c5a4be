import { afterAll, beforeAll, expect, test } from "bun:test"
import { createServer, connect as dial, type Socket } from "node:net"
import { Effect, Exit, Fiber } from "effect"
import { type TestDatabase, testDatabase } from "../../infra/testing/postgres.ts"
import { isTransient, query, retryTransient, Sql, type SqlFailure, transaction } from "./postgres.ts"

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await run(query((sql) => sql`create table accounts (id text primary key, n bigint not null)`))
})
afterAll(() => database.drop())

interface RunOptions {
  readonly max?: number
  readonly url?: string
  readonly acquireTimeoutMs?: number
  readonly notices?: Array<string>
}

const run = <A, E>(effect: Effect.Effect<A, E, Sql>, { notices, ...options }: RunOptions = {}) =>
  Effect.runPromise(
    Effect.provide(
      effect,
      Sql.layerFrom({ url: database.url, max: 4, onNotice: ({ code = "" }) => notices?.push(code), ...options })
    )
  )

const reset = Effect.andThen(
  query((sql) => sql`delete from accounts`),
  query((sql) => sql`insert into accounts values ('a', 0), ('b', 0)`)
)
const balance = (id: string) =>
  Effect.map(
    query<{ n: bigint }>((sql) => sql`select n from accounts where id = ${id}`),
    (rows) => rows[0]!.n
  )
const bump = (id: string, by: bigint) => query((sql) => sql`update accounts set n = n + ${by} where id = ${id}`)
const sleepOnServer = query((sql) => sql`select pg_sleep(20)`)

/** Polls on a connection of its own until the server shows a backend in this state; answers with its pid. */
const backend = async (condition: string): Promise<number> => {
  const deadline = performance.now() + 10_000
  while (performance.now() < deadline) {
    const rows = await run(
      query<{ pid: number }>((sql) => sql.unsafe(`select pid from pg_stat_activity where ${condition}`)),
      { max: 1 }
    )
    if (rows[0] !== undefined) return rows[0].pid
  }
  throw new Error(`no backend with ${condition}`)
}
const mine = "datname = current_database() and pid <> pg_backend_pid()"
const sleeping = `${mine} and state = 'active' and query like '%pg_sleep%'`
const idleInTransaction = `${mine} and state = 'idle in transaction'`
const terminate = (pid: number) =>
  run(
    query((sql) => sql`select pg_terminate_backend(${pid})`),
    { max: 1 }
  )

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

/** The server does not notice a cut cable while it sleeps. */
const endSleepers = async () => {
  const end = query((sql) =>
    sql.unsafe(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where ${sleeping}`)
  )
  await run(end, { max: 1 })
}

/** A cable between us and the server that can be cut. */
const cable = async () => {
  const target = new URL(database.url)
  const ends = new Set<Socket>()
  const server = createServer((near) => {
    const far = dial(Number(target.port), target.hostname)
    for (const end of [near, far]) ends.add(end.on("error", () => {}).on("close", () => ends.delete(end)))
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const url = new URL(database.url)
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    cut: () => {
      for (const end of ends) end.destroy()
    },
    close: () => server.close()
  }
}

/** One transaction of two updates whose connection is lost in the middle, with others waiting for the same pool. */
const loseConnection = async (how: "terminate" | "cut", where: "between" | "inside", max: number) => {
  await endSleepers() // they hold locks that the reset would wait for
  await run(reset)
  const line = await cable()
  const lose = async (condition: string) => {
    const pid = await backend(condition)
    if (how === "cut") line.cut()
    else await terminate(pid)
  }
  const middle =
    where === "inside"
      ? sleepOnServer
      : Effect.andThen(
          Effect.promise(() => lose(idleInTransaction)),
          Effect.sleep("100 millis")
        )
  const half = Effect.andThen(bump("a", -5n), Effect.andThen(middle, bump("b", 5n)))
  const outcome = await run(
    Effect.gen(function* () {
      const transfer = yield* Effect.forkChild(Effect.flip(transaction(half)))
      if (where === "inside") yield* Effect.promise(() => lose(sleeping))
      const other = yield* Effect.forkChild(balance("a")) // the driver would reconnect for this one
      const failure = yield* Fiber.join(transfer)
      yield* Effect.exit(Fiber.join(other))
      // A cut took the idle connections too, and one may be used before its end is noticed.
      const later = yield* Effect.retry(Effect.all([balance("a"), balance("b")]), { times: how === "cut" ? 1 : 0 })
      return { failure, later }
    }),
    { max, url: line.url }
  )
  line.close()
  return outcome
}

for (const how of ["terminate", "cut"] as const) {
  for (const where of ["between", "inside"] as const) {
    for (const max of [1, 4]) {
      test(`connection lost (${how}) ${where} statements, pool of ${max}: nothing left, later queries work`, async () => {
        const { failure, later } = await loseConnection(how, where, max)
        expect(failure._tag).toBe("ConnectionLost")
        expect(later).toEqual([0n, 0n])
      })
    }
  }
}

test("a server that refuses connections is ConnectionLost", async () => {
  const failure: SqlFailure = await run(Effect.flip(query((sql) => sql`select 1`)), {
    url: "postgres://wallet@127.0.0.1:1/wallet"
  })
  expect(failure._tag).toBe("ConnectionLost")
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

test("connections that are killed again and again under load come back", async () => {
  await run(reset)
  const counts = { ok: 0, lost: 0 }
  const one = Effect.match(balance("a"), {
    onSuccess: () => counts.ok++,
    onFailure: (failure) => {
      expect(failure._tag).toBe("ConnectionLost")
      counts.lost++
    }
  })
  const killAll = query((sql) =>
    sql.unsafe(`select pg_terminate_backend(pid) from pg_stat_activity where ${mine} and usename = current_user`)
  )
  const load = Effect.gen(function* () {
    const loops = Array.from({ length: 8 }, () => Effect.forever(one))
    const fiber = yield* Effect.forkChild(Effect.all(loops, { concurrency: "unbounded" }))
    for (let i = 0; i < 15; i++) {
      const before = counts.ok
      const deadline = performance.now() + 8_000
      while (counts.ok < before + 50) {
        if (performance.now() > deadline) throw new Error("the pool did not recover")
        yield* Effect.sleep("2 millis")
      }
      yield* Effect.promise(() => run(killAll, { max: 1 }))
    }
    yield* Fiber.interrupt(fiber)
  })
  await run(load, { max: 3 })
  expect(counts.lost).toBeGreaterThan(0)
})
