/**
 * The journal's store in Postgres. What goes wrong is said in the words the journal decides by; README.md has the table
 * of SQLSTATEs.
 */
import { Config, Effect, Layer, Redacted } from "effect"
import { allTopicPartitions } from "../../contract/topics.ts"
import {
  type JournalConnection,
  type JournalConnectionOptions,
  journalConnection,
  retryTransient
} from "../postgres.ts"
import type { SqlFailure } from "../sql-failure.ts"
import {
  causesQuery,
  type DueRow,
  dueQuery,
  headsQuery,
  type LoadRow,
  loadQuery,
  logRecord,
  offsetsQuery,
  type PositionRow,
  type Query,
  type ReadRow,
  readQuery,
  seedOffsets,
  seedPartitions,
  storedStreams,
  UnreadableEvent
} from "./load.ts"
import { type StatementOptions, statementOf } from "./statement.ts"
import {
  type Bases,
  Conflict,
  JournalStore,
  OffsetsMoved,
  OutcomeUnknown,
  Poison,
  RowsMoved,
  type Store,
  type StoreFailure,
  Unavailable
} from "./store.ts"
import {
  type LetterColumns,
  letterFrom,
  letterQuery,
  type ParkedColumns,
  parkedFrom,
  type UnitColumns,
  unitFrom,
  unitsQuery,
  waitingQuery
} from "./units.ts"

export type PostgresStoreOptions = Pick<JournalConnectionOptions, "url" | "answerTimeoutMs"> & StatementOptions

export const postgresStoreFrom = (options: PostgresStoreOptions) =>
  Layer.succeed(JournalStore, { open: (name) => openStore(name, options) })

export const postgresStore: Layer.Layer<JournalStore, Config.ConfigError> = Layer.effect(
  JournalStore,
  Effect.map(Config.Redacted("DATABASE_URL"), (url) =>
    JournalStore.of({ open: (name) => openStore(name, { url: Redacted.value(url) }) })
  )
)

const openStore = Effect.fnUntraced(function* (name: string, { checkPrevious, ...options }: PostgresStoreOptions) {
  const connection = yield* journalConnection({ ...options, applicationName: `journal-${name}` })
  const read = readWith(connection)
  yield* read(seedPartitions(allTopicPartitions()))
  return storeOn(connection, checkPrevious === undefined ? {} : { checkPrevious })
})

const readWith =
  (connection: JournalConnection) =>
  <R extends object>({ text, params }: Query) =>
    retryTransient(connection.execute<R & Record<string, unknown>>(text, params)).pipe(Effect.mapError(readFailure))

const storeOn = (connection: JournalConnection, options: StatementOptions): Store => {
  const read = readWith(connection)
  return {
    load: (streams, schema) =>
      streams.length === 0
        ? Effect.succeed(new Map())
        : Effect.flatMap(read<LoadRow>(loadQuery(streams, schema)), (rows) =>
            unlessUnreadable(() => storedStreams(streams, rows))
          ),
    write: (write) =>
      Effect.suspend((): Effect.Effect<Bases, StoreFailure> => {
        const statement = statementOf(write, options)
        if (statement === undefined) return Effect.succeed(new Map())
        return retryTransient(connection.execute<{ bases: string | null }>(statement.text, statement.params)).pipe(
          Effect.map((rows) => basesOf(statement.partitions, rows[0]?.bases ?? "")),
          Effect.mapError(writeFailure)
        )
      }),
    causes: (of) =>
      of.length === 0
        ? Effect.succeed(new Set())
        : Effect.map(read<{ cause: string }>(causesQuery(of)), (rows) => new Set(rows.map(({ cause }) => cause))),
    read: (tp, from, limit) =>
      Effect.map(read<ReadRow>(readQuery(tp, from, limit)), (rows) => rows.map((row) => logRecord(tp, row))),
    heads: (tps) => Effect.flatMap(read<PositionRow>(headsQuery(tps)), (rows) => complete("bus.partitions", tps, rows)),
    offsets: Effect.fnUntraced(function* (group, tps) {
      const known = yield* read<PositionRow>(offsetsQuery(group, tps))
      if (known.length === new Set(tps).size) return yield* complete("bus.offsets", tps, known)
      yield* read(seedOffsets(group, tps))
      return yield* complete("bus.offsets", tps, yield* read<PositionRow>(offsetsQuery(group, tps)))
    }),
    units: (service, named) =>
      named?.length === 0
        ? Effect.succeed([])
        : Effect.map(read<UnitColumns>(unitsQuery(service, named)), (rows) => rows.map(unitFrom)),
    queue: Effect.fnUntraced(function* (service, { unit, letter }, limit) {
      const [found] = letter === null ? [] : yield* read<LetterColumns>(letterQuery(letter))
      const parked = yield* read<ParkedColumns>(waitingQuery(service, unit, limit))
      return { letter: found && letterFrom(found), parked: parked.map(parkedFrom) }
    }),
    due: (now, limit) =>
      Effect.map(read<DueRow>(dueQuery(now, limit)), (rows) =>
        rows.map((row) => ({ ...row, due_at: Number(row.due_at) }))
      )
  }
}

const basesOf = (partitions: ReadonlyArray<number>, bases: string): ReadonlyMap<number, number> => {
  const numbers = bases === "" ? [] : bases.split(",").map(Number)
  return new Map(partitions.map((tp, index) => [tp, numbers[index] as number]))
}

/** A partition without its row would be a topic that stands still in silence. */
const complete = (table: string, tps: ReadonlyArray<number>, rows: ReadonlyArray<PositionRow>) => {
  const found = new Map(rows.map(({ tp, next }) => [tp, Number(next)]))
  const missing = tps.filter((tp) => !found.has(tp))
  return missing.length === 0
    ? Effect.succeed(found)
    : Effect.fail(new Unavailable({ detail: `${table} has no row for ${missing.join(", ")}` }))
}

const unlessUnreadable = <A>(decode: () => A): Effect.Effect<A, Poison> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(decode())
    } catch (error) {
      if (error instanceof UnreadableEvent) return Effect.fail(new Poison({ code: "decode", detail: error.message }))
      return Effect.die(error)
    }
  })

/** No statement was sent: refused, not found, no slot left, or the server is starting. */
const NEVER_SENT = /^(ECONNREFUSED|CONNECT_TIMEOUT|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|53300|57P03)/

const unavailable = (code: string, message = "") => new Unavailable({ detail: `${code} ${message}`.trim() })

const readFailure = (failure: SqlFailure): Unavailable | Poison =>
  failure._tag === "DbError" && /^22/.test(failure.code)
    ? new Poison({ code: failure.code, detail: failure.message })
    : unavailable("code" in failure ? failure.code : failure._tag, failure.message)

const writeFailure = (failure: SqlFailure): StoreFailure => {
  switch (failure._tag) {
    case "UniqueViolation":
      return duplicate(failure.constraint)
    case "ConnectionLost":
      return NEVER_SENT.test(failure.code) ? unavailable(failure.code) : new OutcomeUnknown({ detail: failure.code })
    case "DbError":
      return refused(failure.code, failure.message)
    default:
      return unavailable(failure._tag, "did not end after its retries")
  }
}

const duplicate = (constraint: string) => {
  if (constraint.startsWith("events_version")) return new Conflict({ kind: "version", constraint })
  if (constraint.startsWith("events_cause")) return new Conflict({ kind: "cause", constraint })
  // An offset given out twice is no fault of the message: bus.partitions is behind its log, and everything must stop.
  if (/^(events_off|log_off)/.test(constraint)) return unavailable("23505", constraint)
  return new Conflict({ kind: "key", constraint })
}

const refused = (code: string, message: string) => {
  switch (code) {
    case "WF001":
      return new OffsetsMoved({})
    case "WF005":
      return new RowsMoved({})
    case "WF003":
      return new Conflict({ kind: "version", constraint: "previous version" })
    case "WF004":
      return new Conflict({ kind: "timer", constraint: "timers" })
    default:
      return /^2[23]/.test(code) ? new Poison({ code, detail: message }) : unavailable(code, message)
  }
}
