/**
 * Plain SQL migrations, forward only. Each file is applied once, in its own transaction, together with its record; a
 * lock inside that transaction makes a second process wait and then find the record. Nothing is ever undone: a
 * mistake is repaired by the next file.
 */
import { createHash } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { Clock, Effect, Schema } from "effect"
import { query, type Sql, type SqlFailure, transaction } from "./postgres.ts"

export interface MigrationSource {
  readonly service: string
  /** Holds the files `NNNN_name.sql`; other files are ignored. */
  readonly dir: string
}

export interface Migration {
  readonly service: string
  readonly name: string
  readonly sql: string
  readonly sha256: string
}

/** The message names the file and says what to do. */
export class MigrationRefused extends Schema.TaggedError<MigrationRefused>()("MigrationRefused", {
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

export type MigrationFailure = MigrationRefused | SqlFailure

/** Applies what is missing, services in the order given, and answers with what it applied. */
export const migrate = (
  sources: ReadonlyArray<MigrationSource>
): Effect.Effect<ReadonlyArray<Migration>, MigrationFailure, Sql> =>
  Effect.gen(function* () {
    const applied: Array<Migration> = []
    for (const migration of yield* readMigrations(sources)) {
      if (yield* apply(migration)) applied.push(migration)
    }
    return applied
  })

export const readMigrations = (
  sources: ReadonlyArray<MigrationSource>
): Effect.Effect<ReadonlyArray<Migration>, MigrationRefused> =>
  Effect.tryPromise({
    try: async () => (await Promise.all(sources.map(readSource))).flat(),
    catch: (error) => new MigrationRefused({ reason: error instanceof Error ? error.message : String(error) })
  })

const readSource = async ({ service, dir }: MigrationSource): Promise<ReadonlyArray<Migration>> => {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".sql")).sort()
  names.forEach((name, index) => {
    if (!/^\d{4}_[a-z0-9_-]+\.sql$/.test(name)) throw new Error(`${dir}/${name}: a migration is named NNNN_name.sql`)
    const before = names[index - 1]
    if (before?.slice(0, 4) === name.slice(0, 4)) throw new Error(`${dir}: ${before} and ${name} have the same number`)
  })
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(dir, name), "utf8")
      if (/^\s*(commit|rollback)\s*;/im.test(sql)) throw new Error(`${dir}/${name}: a migration is one transaction`)
      return { service, name, sql, sha256: createHash("sha256").update(sql).digest("hex") }
    })
  )
}

const lockKey = 4_812_766 // one arbitrary number for all of them: they may depend on each other

const apply = (migration: Migration): Effect.Effect<boolean, MigrationFailure, Sql> =>
  transaction(
    Effect.gen(function* () {
      // Transaction-scoped: a lost connection cannot leave the lock behind.
      yield* query((sql) => sql`select pg_advisory_xact_lock(${lockKey})`)
      yield* query((sql) => sql`set local statement_timeout = 0`)
      yield* createTable
      if (yield* isApplied(migration)) return false
      yield* query((sql) => sql.unsafe(migration.sql))
      const appliedAt = new Date(yield* Clock.currentTimeMillis).toISOString()
      const { service, name, sha256 } = migration
      yield* query(
        (sql) => sql`insert into public.migrations (service, name, sha256, applied_at)
          values (${service}, ${name}, ${sha256}, ${appliedAt}::text::timestamptz)`
      )
      return true
    }),
    // A serializable snapshot would date from before the wait for the lock, and miss what the other process did.
    "isolation level read committed"
  )

const createTable = query(
  (sql) => sql`create table if not exists public.migrations (
    service text not null, name text not null, sha256 text not null, applied_at timestamptz not null,
    primary key (service, name))`
)

const isApplied = ({ service, name, sha256 }: Migration): Effect.Effect<boolean, MigrationFailure, Sql> =>
  Effect.gen(function* () {
    const rows = yield* query<{ name: string; sha256: string }>(
      (sql) => sql`select name, sha256 from public.migrations
        where service = ${service} and name >= ${name} collate "C" order by name collate "C" limit 1`
    )
    const found = rows[0]
    if (found === undefined) return false
    if (found.name !== name) {
      const reason = `migration ${service}/${name} comes before ${found.name}, which is applied: renumber it`
      return yield* new MigrationRefused({ reason })
    }
    if (found.sha256 !== sha256) {
      const reason = `migration ${service}/${name} was changed after it was applied: restore it and add a new file`
      return yield* new MigrationRefused({ reason })
    }
    return true
  })
