/**
 * The one connection of a processor: commits go through it one at a time, each a single prepared statement that is
 * its own transaction.
 *
 * Plans are generic and made of index lookups only: a plan made while a table is empty stays cached, and as a hash or
 * sequential scan it would be quadratic later.
 */
import { Effect, type Scope, Semaphore } from "effect"
import { openConnection, type Row, type SqlConnection } from "./sql-connection.ts"
import { ConnectionLost, type SqlFailure, toFailure } from "./sql-failure.ts"

export interface JournalConnectionOptions {
  readonly url: string
  readonly applicationName?: string
  /** After this long the server ends the statement; if it says nothing, the connection counts as lost soon after. */
  readonly answerTimeoutMs?: number
}

export interface JournalConnection {
  /**
   * Runs one statement, alone. Each `$n` is of type text, whatever the SQL does with it. Once it is sent it is not
   * interrupted: a commit whose outcome nobody hears is the one thing to avoid. `ConnectionLost` may have committed.
   * `bigint` columns are JS bigints; arrays are text, as the driver is not asked to look up their types.
   */
  readonly execute: <R extends Row = Row>(
    text: string,
    params: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<R>, SqlFailure>
}

const defaultAnswerTimeoutMs = 30_000
/** The server gives up first: a statement given up by us alone could still run beside the next one. */
const graceMs = 2_000
const textOid = 25

export const journalConnection = (
  options: JournalConnectionOptions
): Effect.Effect<JournalConnection, never, Scope.Scope> =>
  Effect.gen(function* () {
    const answerTimeoutMs = options.answerTimeoutMs ?? defaultAnswerTimeoutMs
    const turn = yield* Semaphore.make(1)
    let current: SqlConnection | undefined
    const connection = Effect.suspend(() => {
      if (current !== undefined && !current.isLost()) return Effect.succeed(current)
      current?.drop()
      current = undefined
      return Effect.tap(openConnection(connectionOptions(options, answerTimeoutMs)), (opened) =>
        Effect.sync(() => {
          current = opened
        })
      )
    })
    yield* Effect.addFinalizer(() => turn.withPermit(Effect.suspend(() => current?.end ?? Effect.void)))
    const execute = <R extends Row = Row>(text: string, params: ReadonlyArray<string>) =>
      turn.withPermit(
        Effect.flatMap(connection, (opened) => Effect.uninterruptible(send<R>(opened, text, params, answerTimeoutMs)))
      )
    return { execute }
  })

const send = <R extends Row>(
  connection: SqlConnection,
  text: string,
  params: ReadonlyArray<string>,
  answerTimeoutMs: number
) =>
  Effect.callback<ReadonlyArray<R>, SqlFailure>((resume) => {
    const { driver } = connection
    const fail = (failure: SqlFailure) => {
      clearTimeout(timer)
      if (failure._tag === "ConnectionLost") connection.drop()
      resume(Effect.fail(failure))
    }
    const timer = setTimeout(() => fail(new ConnectionLost({ code: "ANSWER_TIMEOUT" })), answerTimeoutMs + graceMs)
    const values = params.map((value) => driver.typed(value as never, textOid))
    driver.unsafe<R[]>(text, values, { prepare: true }).then(
      (rows) => {
        clearTimeout(timer)
        resume(Effect.succeed(rows))
      },
      (error) => fail(toFailure(error))
    )
  })

const connectionOptions = ({ url, applicationName }: JournalConnectionOptions, answerTimeoutMs: number) => ({
  url,
  fetchTypes: false,
  parameters: {
    application_name: applicationName ?? "wallet-journal",
    statement_timeout: String(answerTimeoutMs),
    plan_cache_mode: "force_generic_plan",
    enable_hashjoin: "off",
    enable_mergejoin: "off",
    enable_seqscan: "off",
    enable_material: "off"
  }
})
