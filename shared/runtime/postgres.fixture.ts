/** For the tests of this folder: a database with two accounts, and eyes and hands on its backends. */
import { Effect } from "effect"
import { query, Sql } from "./postgres.ts"

interface Database {
  readonly url: string
  readonly drop: () => Promise<void>
}

export let database: Database
export const openDatabase = async (create: () => Promise<Database>): Promise<void> => {
  database = await create()
  await run(query((sql) => sql`create table accounts (id text primary key, n bigint not null)`))
}

interface RunOptions {
  readonly max?: number
  readonly url?: string
  readonly acquireTimeoutMs?: number
  readonly notices?: Array<string>
}

export const run = <A, E>(effect: Effect.Effect<A, E, Sql>, { notices, ...options }: RunOptions = {}) =>
  Effect.runPromise(
    Effect.provide(
      effect,
      Sql.layerFrom({ url: database.url, max: 4, onNotice: ({ code = "" }) => notices?.push(code), ...options })
    )
  )

export const reset = Effect.andThen(
  query((sql) => sql`delete from accounts`),
  query((sql) => sql`insert into accounts values ('a', 0), ('b', 0)`)
)
export const balance = (id: string) =>
  Effect.map(
    query<{ n: bigint }>((sql) => sql`select n from accounts where id = ${id}`),
    (rows) => rows[0]!.n
  )
export const bump = (id: string, by: bigint) => query((sql) => sql`update accounts set n = n + ${by} where id = ${id}`)
export const sleepOnServer = query((sql) => sql`select pg_sleep(20)`)

/** Polls on a connection of its own until the server shows a backend in this state; answers with its pid. */
export const backend = async (condition: string): Promise<number> => {
  const deadline = performance.now() + 10_000
  while (performance.now() < deadline) {
    const rows = await run(
      query<{ pid: number }>((sql) => sql.unsafe(`select pid from pg_stat_activity where ${condition}`)),
      { max: 1 }
    )
    if (rows[0] !== undefined) return rows[0].pid
  }
  throw new Error(`no backend with ${condition}`)
}
export const mine = "datname = current_database() and pid <> pg_backend_pid()"
export const sleeping = `${mine} and state = 'active' and query like '%pg_sleep%'`
export const idleInTransaction = `${mine} and state = 'idle in transaction'`
export const terminate = (pid: number) =>
  run(
    query((sql) => sql`select pg_terminate_backend(${pid})`),
    { max: 1 }
  )
