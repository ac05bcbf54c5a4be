/** What all reads of the API have in common: a database that cannot answer now is told apart from a mistake of ours. */
import { Effect } from "effect"
import type { Sql, SqlFailure } from "../../shared/runtime/postgres.ts"
import { StoreUnavailable } from "./records.ts"

/** What the server says when it cannot work now; any other SQLSTATE is a mistake of ours, and dies as one. */
const busy = /^(POOL_TIMEOUT|53|55P03|57|58|25006)/

export const unavailable = <A>(self: Effect.Effect<A, SqlFailure, Sql>): Effect.Effect<A, StoreUnavailable, Sql> =>
  Effect.catch(self, (failure) =>
    failure._tag === "UniqueViolation" || (failure._tag === "DbError" && !busy.test(failure.code))
      ? Effect.die(failure)
      : Effect.fail(new StoreUnavailable({ detail: failure._tag === "DbError" ? failure.code : failure._tag }))
  )

/** Times are bigint ms in the database and numbers here. */
export const ms = (time: bigint): number => Number(time)
export const msOrNull = (time: bigint | null): number | null => (time === null ? null : Number(time))
