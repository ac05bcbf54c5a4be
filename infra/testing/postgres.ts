/**
 * Databases for tests, each fresh and its own, on one server: the one of TEST_POSTGRES_URL, or else an embedded one
 * that this process starts on first use. It ends with the process, however that ends.
 */
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import postgres from "postgres"
import { type MigrationSource, migrate, readMigrations } from "../../shared/runtime/migrate.ts"
import { Sql } from "../../shared/runtime/postgres.ts"
import { type RunningPostgres, startPostgres } from "../embedded/postgres.ts"

export interface TestDatabase {
  readonly url: string
  /** Ends the connections to it and removes it. */
  readonly drop: () => Promise<void>
}

export interface TestDatabaseOptions {
  /** Applied once per server for each content of the files; further databases are copies. */
  readonly migrations?: ReadonlyArray<MigrationSource>
}

export const testDatabase = async (options: TestDatabaseOptions = {}): Promise<TestDatabase> => {
  const server = await testServerUrl()
  const template = options.migrations === undefined ? undefined : await templateOf(server, options.migrations)
  const name = `test_${randomBytes(6).toString("hex")}`
  await onServer(server, (sql) => sql.unsafe(createDatabase(name, template)))
  return {
    url: withDatabase(server, name),
    drop: () =>
      onServer(server, async (sql) => {
        await sql.unsafe(`drop database if exists ${name} with (force)`)
      })
  }
}

/** Nothing survives the machine, so nothing waits for the disk. */
export const startTestServer = (): Promise<RunningPostgres> =>
  startPostgres({
    dataDir: mkdtempSync(join(tmpdir(), "wallet-test-")),
    removeDataDir: true,
    settings: { durable: false, sharedBuffers: "128MB", maxConnections: 300 }
  })

let started: Promise<RunningPostgres> | undefined
const testServerUrl = async (): Promise<string> =>
  process.env["TEST_POSTGRES_URL"] ?? (await (started ??= startTestServer())).url

/** Measured without fsync: file_copy 7 ms, wal_log 13 ms a database (its two checkpoints need not wait for a disk). */
const createDatabase = (name: string, template = "template0") =>
  `create database ${name} template ${template} strategy file_copy`

const templates = new Map<string, Promise<string>>()

const templateOf = async (server: string, sources: ReadonlyArray<MigrationSource>): Promise<string> => {
  const files = await Effect.runPromise(readMigrations(sources))
  const hash = createHash("sha256")
  for (const { service, name, sha256 } of files) hash.update(`${service}/${name} ${sha256}\n`)
  const name = `template_${hash.digest("hex").slice(0, 16)}`
  const key = `${server} ${name}`
  const known = templates.get(key) ?? makeTemplate(server, name, sources)
  templates.set(key, known)
  return known
}

/** Made under another name and renamed when it is whole; test processes that share the server make it once. */
const makeTemplate = (server: string, name: string, sources: ReadonlyArray<MigrationSource>): Promise<string> =>
  onServer(server, async (sql) => {
    await sql`select pg_advisory_lock(hashtext(${name}))`
    const existing = await sql`select 1 from pg_database where datname = ${name}`
    if (existing.length > 0) return name
    const raw = `raw_${name}`
    await sql.unsafe(`drop database if exists ${raw} with (force)`)
    await sql.unsafe(createDatabase(raw))
    const layer = Sql.layerFrom({ url: withDatabase(server, raw), max: 1 })
    await Effect.runPromise(migrate(sources).pipe(Effect.provide(layer)))
    await waitUntilUnused(sql, raw)
    await sql.unsafe(`alter database ${raw} rename to ${name}`)
    return name
  })

/** A backend outlives its client's goodbye by a moment, and a database in use cannot be renamed. */
const waitUntilUnused = async (sql: postgres.Sql, database: string): Promise<void> => {
  const deadline = performance.now() + 5_000
  while ((await sql`select 1 from pg_stat_activity where datname = ${database}`).length > 0) {
    if (performance.now() > deadline) throw new Error(`the template ${database} stays in use`)
  }
}

const onServer = async <A>(server: string, work: (sql: postgres.Sql) => PromiseLike<A>): Promise<A> => {
  const sql = postgres(withDatabase(server, "postgres"), { max: 1, fetch_types: false, onnotice: () => {} })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}

const withDatabase = (url: string, database: string): string => {
  const copy = new URL(url)
  copy.pathname = `/${database}`
  return copy.href
}
