/**
 * Postgres for Effect code: `query`, `transaction`, `retryTransient`.
 *
 * postgres.js has open bugs that lose money (porsager/postgres #1208, PR #1155, #1189), so nothing else in the product
 * calls it. Its queue, its pool and its reconnecting are not used (see `sql-pool.ts` and `sql-connection.ts`), and the
 * first sign of a lost connection marks a transaction dead: no statement is sent after it (the driver would run it on
 * its own, outside any transaction), and the driver's promise stays unsettled (it would send a ROLLBACK to a socket
 * that is gone, and take the process down).
 */
import { Config, Context, Effect, Exit, Fiber, Layer, Redacted, Schedule } from "effect"
import type postgres from "postgres"
import type { Row, SqlConnection, SqlTypes } from "./sql-connection.ts"
import { ConnectionLost, type SqlFailure, toFailure } from "./sql-failure.ts"
import { makePool, type SqlPool } from "./sql-pool.ts"

export { type JournalConnection, type JournalConnectionOptions, journalConnection } from "./journal-connection.ts"
export type { Row, SqlTypes } from "./sql-connection.ts"
export {
  ConnectionLost,
  DbError,
  Deadlock,
  isTransient,
  Serialization,
  type SqlFailure,
  UniqueViolation
} from "./sql-failure.ts"

/** What builds a statement. */
export type SqlClient = postgres.ISql<SqlTypes>

export interface SqlOptions {
  readonly url: string
  readonly max: number
  /** How long a statement waits for a free connection before it fails with DbError POOL_TIMEOUT. */
  readonly acquireTimeoutMs?: number
  readonly applicationName?: string
  readonly onNotice?: (notice: { readonly code?: string; readonly message?: string }) => void
}

const defaultPool = 8
const defaultAcquireTimeoutMs = 10_000

interface OpenTransaction {
  readonly on: SqlClient
  readonly connection: SqlConnection
  dead: boolean
}

/** `open` is set inside `transaction` only, where every `query` then goes to its one connection. */
export class Sql extends Context.Service<Sql, { readonly pool: SqlPool; readonly open?: OpenTransaction }>()(
  "shared/Sql"
) {
  static readonly layerFrom = (options: SqlOptions) => Layer.effect(Sql, connect(options))
  static readonly layer = Layer.effect(
    Sql,
    Effect.gen(function* () {
      const url = yield* Config.Redacted("DATABASE_URL")
      const max = yield* Config.Int("DATABASE_POOL").pipe(Config.withDefault(defaultPool))
      return yield* connect({ url: Redacted.value(url), max })
    })
  )
}

const connect = ({ url, max, acquireTimeoutMs, applicationName, onNotice }: SqlOptions) =>
  Effect.map(
    makePool({
      url,
      max,
      acquireTimeoutMs: acquireTimeoutMs ?? defaultAcquireTimeoutMs,
      parameters: { application_name: applicationName ?? "wallet" },
      fetchTypes: true,
      onNotice
    }),
    (pool) => Sql.of({ pool })
  )

type Statement<R extends Row> = (sql: SqlClient) => postgres.PendingQuery<R[]>

/** One statement. Interruption cancels it on the server and waits until that is done. */
export const query = <R extends Row>(build: Statement<R>): Effect.Effect<ReadonlyArray<R>, SqlFailure, Sql> =>
  Effect.flatMap(Sql, ({ pool, open }) =>
    open === undefined
      ? pool.withConnection((connection) => send(build, { on: connection.driver, connection, dead: false }))
      : send(build, open)
  )

const send = <R extends Row>(build: Statement<R>, target: OpenTransaction) =>
  Effect.callback<ReadonlyArray<R>, SqlFailure>((resume) => {
    if (target.dead) return resume(Effect.fail(new ConnectionLost({ code: "CONNECTION_CLOSED" })))
    const pending = build(target.on)
    pending.then(
      (rows) => resume(Effect.succeed(rows)),
      (error) => {
        const failure = toFailure(error)
        if (failure._tag === "ConnectionLost") {
          target.dead = true
          target.connection.retire()
        }
        resume(Effect.fail(failure))
      }
    )
    return Effect.suspend(() => {
      // The cancel request travels on a socket of its own; one that comes late would hit a stranger's statement.
      target.connection.retire()
      pending.cancel()
      return settled(pending)
    })
  })

/**
 * Runs the body on one connection between BEGIN and COMMIT. A typed failure, a defect or an interruption rolls back,
 * and the caller waits for that. Two outcomes may have committed all the same, so idempotency keys, always:
 * `ConnectionLost`, and an interruption that lands during COMMIT.
 *
 * A failed statement aborts the transaction even when the body catches its failure: use ON CONFLICT instead.
 */
export const transaction = <A, E, R>(
  body: Effect.Effect<A, E, R>,
  mode = "isolation level serializable"
): Effect.Effect<A, E | SqlFailure, Exclude<R, Sql> | Sql> =>
  Effect.contextWith((context: Context.Context<Exclude<R, Sql> | Sql>) => {
    const { pool, open } = Context.get(context, Sql)
    if (open) return Effect.die(new Error("a transaction inside a transaction"))
    const fork = (transaction: OpenTransaction) =>
      Effect.runForkWith(Context.add(context as Context.Context<R | Sql>, Sql, { pool, open: transaction }))(body)
    return pool.withConnection((connection) => begin(connection, mode, fork))
  })

const begin = <A, E>(
  connection: SqlConnection,
  mode: string,
  fork: (open: OpenTransaction) => Fiber.Fiber<A, E>
): Effect.Effect<A, E | SqlFailure> =>
  Effect.callback<A, E | SqlFailure>((resume) => {
    let open: OpenTransaction | undefined
    let fiber: Fiber.Fiber<A, E> | undefined
    const body = (on: SqlClient) =>
      new Promise<A>((commit, rollback) => {
        const started = { on, connection, dead: false }
        open = started
        fiber = fork(started)
        fiber.addObserver((exit) => {
          if (!started.dead) return Exit.isSuccess(exit) ? commit(exit.value) : rollback(exit)
        })
      })
    const done = connection.driver.begin(mode, body) as Promise<A>
    done.then(
      (value) => resume(Effect.succeed(value)),
      (error) => {
        if (Exit.isExit(error)) return resume(error as Exit.Exit<A, E>)
        const failure = toFailure(error)
        if (failure._tag === "ConnectionLost") {
          if (open) open.dead = true
          connection.retire()
          fiber?.interruptUnsafe()
        }
        resume(Effect.fail(failure))
      }
    )
    return Effect.suspend(() => (fiber ? Effect.andThen(Fiber.interrupt(fiber), settled(done)) : settled(done)))
  })

const settled = (promise: PromiseLike<unknown>) =>
  Effect.promise(() =>
    promise.then(
      () => {},
      () => {}
    )
  )

export const DATABASE_OPERATION = { tries: 5, firstMs: 50, growth: 1.5, mostMs: 2_000 } as const
const { tries, firstMs, growth, mostMs } = DATABASE_OPERATION
const backoff = Schedule.min([Schedule.exponential(firstMs, growth), Schedule.spaced(mostMs)]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: tries - 2 })
)

/**
 * `database_operation`: 5 tries, 50 ms to 2 s, times 1.5, with jitter. Wrap the whole transaction. A schedule is only
 * begun when something has failed: beginning one costs more than the rest of a statement's way through here.
 */
export const retryTransient = <A, E extends { readonly _tag: string }, R>(self: Effect.Effect<A, E, R>) =>
  Effect.catch(self, (failure): Effect.Effect<A, E, R> => {
    if (!conflicted(failure)) return Effect.fail(failure)
    return Effect.delay(Effect.retry(self, { while: conflicted, schedule: backoff }), firstMs)
  })

const conflicted = ({ _tag }: { readonly _tag: string }): boolean => _tag === "Serialization" || _tag === "Deadlock"
