/** What a run cost, read from the outside: processor time, Postgres' own counters, the platform's metrics. */
import type { Sql } from "postgres"
import type { Platform } from "./platform.ts"
import { cpuSeconds, cpuSecondsOfFamily, cpuSecondsOfMachine } from "./processes.ts"

export const SERVICES = ["payment", "wallet", "gateway", "saga", "notification"] as const
export type Service = (typeof SERVICES)[number]

/** Seconds of processor time since each process began. */
export interface Cpu {
  readonly platform: number
  readonly postgres: number
  readonly simulator: number
  readonly generator: number
  /** Everything on this machine, whoever runs it. */
  readonly machine: number
  /** The part of `postgres` by connection, under the name the connection goes by. */
  readonly connections: Readonly<Record<string, number>>
}

export const cpuNow = async ({ pids }: Platform, sql: Sql, generator: number): Promise<Cpu> => {
  const named = await sql<Array<{ name: string; pid: number }>>`
    select coalesce(nullif(application_name, ''), backend_type) as name, pid from pg_stat_activity`
  const connections: Record<string, number> = {}
  for (const { name, pid } of named) connections[name] = (connections[name] ?? 0) + cpuSeconds(pid)
  return {
    platform: cpuSeconds(pids.platform),
    postgres: cpuSecondsOfFamily(pids.postmaster),
    simulator: cpuSeconds(pids.simulator),
    generator: cpuSeconds(generator),
    machine: cpuSecondsOfMachine(),
    connections
  }
}

/** Counters that only grow. */
export interface Counters {
  readonly transactions: number
  readonly walBytes: number
  readonly walFullPages: number
  /** Rows inserted, updated and deleted. */
  readonly rows: number
  readonly rowsByTable: Readonly<Record<string, number>>
  readonly metrics: Readonly<Record<string, number>>
  /** Every event so far, by log position: what the next reading counts from. */
  readonly heads: Readonly<Record<number, number>>
}

export const countersNow = async ({ metricsUrl }: Platform, sql: Sql): Promise<Counters> => {
  const [database] = await sql<[{ transactions: string; wal: string; pages: string }]>`
    select xact_commit + xact_rollback as transactions, pg_current_wal_insert_lsn() - '0/0' as wal,
      (select wal_fpi from pg_stat_wal) as pages
    from pg_stat_database where datname = current_database()`
  const tables = await sql<Array<{ name: string; rows: string }>>`
    select regexp_replace(schemaname || '.' || relname, '_(\\d+|default)$', '') as name,
      sum(n_tup_ins + n_tup_upd + n_tup_del) as rows
    from pg_stat_user_tables group by 1`
  const heads = await sql<Array<{ tp: number; next: string }>>`select tp, next from bus.partitions`
  const rowsByTable = Object.fromEntries(tables.map(({ name, rows }) => [name, Number(rows)]))
  return {
    transactions: Number(database.transactions),
    walBytes: Number(database.wal),
    walFullPages: Number(database.pages),
    rows: Object.values(rowsByTable).reduce((total, rows) => total + rows, 0),
    rowsByTable,
    metrics: parseMetrics(await (await fetch(metricsUrl)).text()),
    heads: Object.fromEntries(heads.map(({ tp, next }) => [tp, Number(next)]))
  }
}

const parseMetrics = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const at = line.lastIndexOf(" ")
        return [line.slice(0, at), Number(line.slice(at + 1))]
      })
  )

/** Of one service: what it took from the bus or the API, and in how many commits. */
export interface Batches {
  readonly messages: number
  readonly commits: number
}

/**
 * Messages are the platform's own count. Its commits are not counted by service, but each one that wrote events is a
 * transaction of its own, and only one service writes to a topic of events.
 */
export const batchesBetween = async (before: Counters, after: Counters, sql: Sql) => {
  const tps = Object.keys(after.heads).map(Number)
  const from = tps.map((tp) => before.heads[tp] ?? 0)
  const to = tps.map((tp) => after.heads[tp] ?? 0)
  const rows = await sql<Array<{ topic: number; commits: string }>>`
    select e.tp / 64 as topic, count(distinct e.xmin::text) as commits
    from unnest(${sql.array(tps)}::int[], ${sql.array(from)}::bigint[], ${sql.array(to)}::bigint[]) u(tp, a, b)
    join journal.events e on e.tp = u.tp and e.off >= u.a and e.off < u.b group by 1`
  const commits = new Map(rows.map(({ topic, commits }) => [topic, Number(commits)]))
  const messages = (service: Service) => {
    const name = `messages_processed_total{service="${service}"}`
    return (after.metrics[name] ?? 0) - (before.metrics[name] ?? 0)
  }
  const eventTopics = ["payment", "wallet", "gateway", "saga"]
  return Object.fromEntries(
    SERVICES.map((service) => [
      service,
      { messages: messages(service), commits: commits.get(eventTopics.indexOf(service)) ?? 0 }
    ])
  ) as Record<Service, Batches>
}
