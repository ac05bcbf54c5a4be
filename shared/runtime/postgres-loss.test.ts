import { afterAll, beforeAll, expect, test } from "bun:test"
import { createServer, connect as dial, type Socket } from "node:net"
import { Effect, Fiber } from "effect"
import { testDatabase } from "../../infra/testing/postgres.ts"
import {
  backend,
  balance,
  bump,
  database,
  idleInTransaction,
  mine,
  openDatabase,
  reset,
  run,
  sleeping,
  sleepOnServer,
  terminate
} from "./postgres.fixture.ts"
import { query, type SqlFailure, transaction } from "./postgres.ts"

beforeAll(() => openDatabase(testDatabase))
afterAll(() => database.drop())

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
      test(`connection lost (${how}) ${where} statements, pool of ${max}: none left, later queries work`, async () => {
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
