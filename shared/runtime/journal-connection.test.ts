import { afterAll, beforeAll, expect, test } from "bun:test"
import { connect, createServer } from "node:net"
import { Effect, type Scope } from "effect"
import { type TestDatabase, testDatabase } from "../../infra/testing/postgres.ts"
import { journalConnection, query, Sql } from "./postgres.ts"

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await beside(query((sql) => sql`create table log (off bigint primary key, body text not null)`))
})
afterAll(() => database.drop())

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.runPromise(Effect.scoped(effect))
/** On a connection of its own, as an operator would look. */
const beside = <A, E>(effect: Effect.Effect<A, E, Sql>) =>
  Effect.runPromise(Effect.provide(effect, Sql.layerFrom({ url: database.url, max: 1 })))
const backends = (name: string, condition = "true") =>
  query<{ pid: number }>((sql) =>
    sql.unsafe(`select pid from pg_stat_activity where application_name = '${name}' and ${condition}`)
  )
const terminate = (name: string) =>
  query((sql) => sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = ${name}`)
const until = async (condition: () => Promise<boolean>) => {
  const deadline = performance.now() + 10_000
  while (!(await condition())) if (performance.now() > deadline) throw new Error("never true")
}

const insert = `insert into log (off, body)
  select * from unnest(string_to_array($1, E'\\n')::bigint[], string_to_array($2, E'\\n')) returning off`

test("text parameters in, bigints out, generic plans without scans", () =>
  run(
    Effect.gen(function* () {
      const journal = yield* journalConnection({ url: database.url })
      const rows = yield* journal.execute<{ off: bigint }>(insert, ["1\n2", 'a\n{"b":true}'])
      expect(rows.map(({ off }) => off)).toEqual([1n, 2n])
      const types = yield* journal.execute("select $1::boolean as b, $2::timestamptz as t, $3::smallint as n", [
        "t",
        "2026-01-01T00:00:00Z",
        "7"
      ])
      expect(types[0]).toEqual({ b: true, t: new Date("2026-01-01T00:00:00Z"), n: 7 })
      const settings = yield* journal.execute(
        "select name, setting from pg_settings where name = any(string_to_array($1, ',')) order by name",
        ["enable_hashjoin,enable_material,enable_mergejoin,enable_seqscan,plan_cache_mode"]
      )
      expect(settings.map(({ setting }) => setting)).toEqual(["off", "off", "off", "off", "force_generic_plan"])
    })
  ))

test("a statement is prepared once for its text, and later runs take one round trip", async () => {
  const server = new URL(database.url)
  const segments: Array<string> = [] // what the client sent, one entry a write
  const proxy = createServer((near) => {
    const far = connect(Number(server.port), server.hostname)
    near.on("data", (chunk) => segments.push(chunk.toString("latin1"))).on("error", () => {})
    near.pipe(far).pipe(near)
    far.on("error", () => {})
  })
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve))
  const target = new URL(database.url)
  target.port = String((proxy.address() as { port: number }).port)
  await run(
    Effect.gen(function* () {
      const journal = yield* journalConnection({ url: target.href })
      const text = "select $1::bigint + 1 as n"
      const sent: Array<number> = []
      yield* journal.execute("select $1", ["connected"])
      for (let i = 0; i < 4; i++) {
        segments.length = 0
        expect(yield* journal.execute(text, [String(i)])).toEqual([{ n: BigInt(i) + 1n }] as never)
        sent.push(segments.length)
        expect(segments.join("").includes(text)).toBe(i === 0) // Parse carries the text
      }
      expect(sent).toEqual([2, 1, 1, 1]) // Parse and Describe, then Bind and Execute; afterwards only those two
      const prepared = yield* journal.execute(
        "select generic_plans::int as g, custom_plans::int as c from pg_prepared_statements where statement = $1",
        [text]
      )
      expect(prepared).toEqual([{ g: 4, c: 0 }] as never)
    })
  )
  proxy.close()
})

test("one statement at a time, in order", () =>
  run(
    Effect.gen(function* () {
      const journal = yield* journalConnection({ url: database.url })
      const order: Array<number> = []
      const one = (i: number) =>
        Effect.map(
          journal.execute(
            `select pg_sleep(0.02), (select count(*)::int from pg_stat_activity
              where application_name = $1 and state = 'active') as n`,
            ["wallet-journal"]
          ),
          (rows) => {
            order.push(i)
            expect(rows[0]?.["n"]).toBe(1)
          }
        )
      yield* Effect.all([0, 1, 2, 3].map(one), { concurrency: "unbounded" })
      expect(order).toEqual([0, 1, 2, 3])
    })
  ))

test("a backend killed between two statements costs neither", () =>
  run(
    Effect.gen(function* () {
      const journal = yield* journalConnection({ url: database.url, applicationName: "between" })
      for (let i = 0; i < 5; i++) {
        yield* journal.execute("select $1", ["before"])
        yield* Effect.promise(() => beside(terminate("between")))
        yield* Effect.sleep("20 millis") // the end of the socket is read by the event loop, not by us
        expect(yield* journal.execute("select $1 as x", ["after"])).toEqual([{ x: "after" }] as never)
      }
    })
  ))

test("a backend killed during a statement is ConnectionLost, and the next call connects again", () =>
  run(
    Effect.gen(function* () {
      const journal = yield* journalConnection({ url: database.url, applicationName: "during" })
      const running = Effect.flip(journal.execute("select pg_sleep($1::int)", ["20"]))
      const kill = Effect.promise(async () => {
        await until(async () => (await beside(backends("during", "state = 'active'"))).length === 1)
        await beside(terminate("during"))
      })
      const [failure] = yield* Effect.all([running, kill], { concurrency: 2 })
      expect(failure._tag).toBe("ConnectionLost")
      expect(yield* journal.execute("select $1 as x", ["after"])).toEqual([{ x: "after" }] as never)
    })
  ))

test("a failed statement keeps the connection and names the constraint", () =>
  run(
    Effect.gen(function* () {
      const journal = yield* journalConnection({ url: database.url, applicationName: "failing" })
      yield* journal.execute(insert, ["9", "x"])
      const before = yield* Effect.promise(() => beside(backends("failing")))
      const failure = yield* Effect.flip(journal.execute(insert, ["9", "x"]))
      expect(failure).toMatchObject({ _tag: "UniqueViolation", constraint: "log_pkey" })
      yield* journal.execute(insert, ["10", "x"])
      expect(yield* Effect.promise(() => beside(backends("failing")))).toEqual(before)
    })
  ))

test("an interruption waits for the statement that is under way", async () => {
  await run(
    Effect.gen(function* () {
      const journal = yield* journalConnection({ url: database.url })
      const slow = "with s as materialized (select pg_sleep(0.3)) insert into log select $1::bigint, 'slow' from s"
      yield* Effect.timeoutOption(journal.execute(slow, ["77"]), "100 millis")
      expect((yield* journal.execute("select 1 from log where off = $1::bigint", ["77"])).length).toBe(1)
    })
  )
  expect((await beside(backends("wallet-journal"))).length).toBe(0) // the scope closed it
})

test("a statement that takes too long is ended by the server, not left running beside the next", () =>
  run(
    Effect.gen(function* () {
      const journal = yield* journalConnection({ url: database.url, answerTimeoutMs: 100 })
      const failure = yield* Effect.flip(journal.execute("select pg_sleep($1::int)", ["20"]))
      expect(failure).toMatchObject({ _tag: "DbError", code: "57014" })
      expect((yield* journal.execute("select $1", ["x"])).length).toBe(1)
    })
  ))
