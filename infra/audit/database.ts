/** The database a command looks into, whether the platform is running or not. */
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { Effect, Layer, Option, Redacted } from "effect"
import { query, Sql } from "../../shared/runtime/postgres.ts"
import type { Configuration } from "../embedded/configuration.ts"
import { startPostgres, urlOf } from "../embedded/postgres.ts"

const MAX = 1
/** Line of Postgres' own file where its port stands. */
const PORT_LINE = 3

/** Where the server of this folder listens, if one may; a file that a killed one left behind says so as well. */
const portIn = (folder: string): number | undefined => {
  try {
    const port = Number(readFileSync(join(folder, "postgres", "postmaster.pid"), "utf8").split("\n")[PORT_LINE])
    return Number.isInteger(port) && port > 0 ? port : undefined
  } catch {
    return undefined
  }
}

const connected = (url: string) => Layer.build(Sql.layerFrom({ url, max: MAX, applicationName: "audit-command" }))

/** Nobody else has the password of this folder: who lets us in is its server. */
const running = Effect.fnUntraced(function* (folder: string) {
  const port = portIn(folder)
  if (port === undefined) return undefined
  const sql = yield* connected(urlOf(folder, port))
  const answers = yield* Effect.option(
    Effect.provide(
      query((sql) => sql`select 1`),
      sql
    )
  )
  return Option.isSome(answers) ? sql : undefined
})

const started = (folder: string) =>
  Effect.acquireRelease(
    Effect.promise(() => startPostgres({ dataDir: folder })),
    ({ stop }) => Effect.promise(() => stop())
  )

/** A database of one's own, or that of a platform that runs in DATA_DIR, or the same one started for us. */
export const database = Effect.fnUntraced(function* ({ databaseUrl, dataDir }: Configuration) {
  if (Option.isSome(databaseUrl)) return yield* connected(Redacted.value(databaseUrl.value))
  const folder = resolve(dataDir)
  // To look is no reason to make a database where there is none.
  if (!existsSync(join(folder, "postgres")))
    return yield* Effect.die(new Error(`${folder} holds no database: set DATA_DIR or DATABASE_URL`))
  const sql = yield* running(folder)
  return sql ?? (yield* connected((yield* started(folder)).url))
})
