/** What can go wrong with a statement, in the words a caller decides by. */
import { Schema } from "effect"

export class Serialization extends Schema.TaggedError<Serialization>()("Serialization", {}) {}
export class Deadlock extends Schema.TaggedError<Deadlock>()("Deadlock", {}) {}
export class UniqueViolation extends Schema.TaggedError<UniqueViolation>()("UniqueViolation", {
  constraint: Schema.String
}) {}
/** The answer was lost, the statement or the commit may have happened. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", { code: Schema.String }) {}
/** Anything else; `code` is the SQLSTATE where the server spoke. */
export class DbError extends Schema.TaggedError<DbError>()("DbError", {
  code: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `${this.code}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}
export type SqlFailure = Serialization | Deadlock | UniqueViolation | ConnectionLost | DbError

/** Certainly not committed, and worth another try: what `retryTransient` retries. */
export const isTransient = (failure: SqlFailure): failure is Serialization | Deadlock =>
  failure._tag === "Serialization" || failure._tag === "Deadlock"

/**
 * Driver codes (CONN…), errno of the socket, SQLSTATE class 08, and the server's last words when it shuts down, ends
 * an idle session or transaction (57P0x, 25P03, 25P04) or has no slot left (53300).
 */
const lost = /^(CONN|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ERR_STREAM|08|57P0|25P0[34]|53300)/

export const toFailure = (error: unknown): SqlFailure => {
  const { code = "unknown", constraint_name = "" } = (error ?? {}) as { code?: string; constraint_name?: string }
  if (code === "40001") return new Serialization({})
  if (code === "40P01") return new Deadlock({})
  if (code === "23505") return new UniqueViolation({ constraint: constraint_name })
  return lost.test(code) ? new ConnectionLost({ code }) : new DbError({ code, cause: error })
}
