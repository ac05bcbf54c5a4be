/**
 * A pool of connections, one user each at a time. The driver never queues or pipelines, so a BEGIN never lands on a
 * connection that strangers use; and waiting for a connection is bounded, interruptible and in turn.
 */
import { Effect, Option, type Scope, Semaphore } from "effect"
import { type ConnectionOptions, openConnection, type SqlConnection } from "./sql-connection.ts"
import { DbError, type SqlFailure } from "./sql-failure.ts"

export interface SqlPool {
  /** Runs the effect with a connection that nobody else uses; a lost connection does not return to the pool. */
  readonly withConnection: <A, E, R>(
    use: (connection: SqlConnection) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | SqlFailure, R>
}

export interface PoolOptions extends ConnectionOptions {
  readonly max: number
  readonly acquireTimeoutMs: number
}

export const makePool = (options: PoolOptions): Effect.Effect<SqlPool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const idle: Array<SqlConnection> = []
    let closed = false
    const permit = limit(yield* Semaphore.make(options.max), options.acquireTimeoutMs)
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        return Effect.forEach(idle.splice(0), ({ end }) => end, { concurrency: "unbounded", discard: true })
      })
    )
    const take = Effect.suspend(() => {
      for (let last = idle.pop(); last !== undefined; last = idle.pop()) if (!last.isLost()) return Effect.succeed(last)
      return openConnection(options)
    })
    const give = (connection: SqlConnection) =>
      Effect.sync(() => {
        if (closed || connection.isLost()) connection.drop()
        else idle.push(connection)
      })
    return { withConnection: (use) => permit(Effect.acquireUseRelease(take, use, give)) }
  })

/** A permit held for the length of an effect. */
const limit = (permits: Semaphore.Semaphore, timeoutMs: number) => {
  let waiting = 0
  const inTurn = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      let inQueue = true
      waiting++
      const leaveQueue = () => {
        if (inQueue) waiting--
        inQueue = false
      }
      const turn = permits.withPermit(
        Effect.suspend(() => {
          leaveQueue()
          return self
        })
      )
      const cause = `no free connection in ${timeoutMs} ms`
      const giveUp = Effect.andThen(
        Effect.sleep(timeoutMs),
        Effect.suspend(() => (inQueue ? Effect.fail(new DbError({ code: "POOL_TIMEOUT", cause })) : Effect.never))
      )
      return Effect.ensuring(Effect.raceFirst(turn, giveUp), Effect.sync(leaveQueue))
    })
  return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | DbError, R> =>
    Effect.suspend(() =>
      waiting > 0 // nobody overtakes
        ? inTurn(self)
        : Effect.flatMap(permits.withPermitsIfAvailable(1)(self), (done) =>
            Option.isSome(done) ? Effect.succeed(done.value) : inTurn(self)
          )
    )
}
