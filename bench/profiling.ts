/** `--profile`: one uniform run at 256 connections with Bun's profiler and pg_stat_statements switched on. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import postgres, { type Sql } from "postgres"
import { startPostgres } from "../infra/embedded/postgres.ts"
import { round } from "./numbers.ts"
import { freshDataDir, startPlatform } from "./platform.ts"
import { type CpuProfile, readProfile, type Shares } from "./profile.ts"
import { printDetails, printRuns } from "./report.ts"
import { runLoad } from "./run.ts"
import { seededBench } from "./seed.ts"

const SHOWN = 30
const PROFILE = "platform.cpuprofile"

/** The extension has to be there when the server starts, so the folder is prepared by a server of its own. */
const withStatementStatistics = async (dataDir: string): Promise<void> => {
  const server = await startPostgres({ dataDir })
  const sql = postgres(server.url, { max: 1 })
  try {
    await sql.unsafe("alter system set shared_preload_libraries = 'pg_stat_statements'")
    await sql`create extension pg_stat_statements`
  } finally {
    await sql.end()
    await server.stop()
  }
}

interface Statement {
  readonly query: string
  readonly calls: string
  readonly ms: number
  readonly wal: string
}

const printStatements = async (sql: Sql, payments: number): Promise<void> => {
  const statements = await sql<Array<Statement>>`
    select query, calls, total_exec_time as ms, wal_bytes as wal from pg_stat_statements
    where query !~ 'pg_stat' order by total_exec_time desc limit ${SHOWN}`
  console.log("\nPostgres by statement (time inside the executor, waits for the disk included)")
  console.table(
    statements.map(({ query, calls, ms, wal }) => ({
      statement: shortened(query),
      calls: Number(calls),
      "ms each": round(ms / Number(calls)),
      "µs a payment": round((ms * 1000) / payments),
      "WAL bytes a payment": Math.round(Number(wal) / payments)
    }))
  )
}

/** A commit is known by what it writes. */
const shortened = (query: string): string => {
  const written = [...query.matchAll(/(?:insert into|delete from|update) ([a-z_]+\.[a-z_]+)/g)].map(
    ([, table]) => table
  )
  const group = /o\.grp = (\d+)/.exec(query)?.[1]
  if (written.length === 0) return query.replaceAll(/\s+/g, " ").slice(0, 80)
  return `${group === undefined ? "" : `group ${group}: `}${[...new Set(written)].join(" ")}`
}

const printShares = (title: string, shares: Shares, shown: number): void => {
  console.log(`\n${title}`)
  console.table(shares.slice(0, shown).map(([name, share]) => ({ name, "%": Number((share * 100).toFixed(1)) })))
}

export const profileRun = async (options: {
  readonly walletCount: number
  readonly warmUpMs: number
  readonly measureMs: number
}): Promise<boolean> => {
  const { walletCount, warmUpMs, measureMs } = options
  const dataDir = freshDataDir()
  const profiles = mkdtempSync(join(tmpdir(), "wallet-profile-"))
  await withStatementStatistics(dataDir)
  const profiler = ["--cpu-prof", `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${PROFILE}`]
  const platform = await startPlatform(dataDir, profiler)
  let window = { from: 0, to: 0 }
  let conserved = false
  try {
    const { bench } = await seededBench(platform, walletCount)
    const { sql } = bench
    await sql`select pg_stat_statements_reset()`
    const load = { name: "uniform, 256 connections, profiled", connections: 256, warmUpMs, measureMs }
    const run = await runLoad(bench, load)
    window = run.window
    conserved = run.violations.length === 0
    printRuns([run])
    printDetails(run)
    await printStatements(sql, run.result.statuses["201"] ?? 1)
    await sql.end()
  } finally {
    await platform.stop()
  }
  const profile = readProfile((await Bun.file(join(profiles, PROFILE)).json()) as CpuProfile, window.from, window.to)
  rmSync(profiles, { recursive: true })
  console.log(`\nBun's JavaScript thread, ${profile.samples} samples; the collector and compiler threads are not in it`)
  printShares("By purpose", profile.purposes, SHOWN)
  printShares("By function, self time", profile.functions, SHOWN)
  printShares("By file, self time", profile.files, SHOWN)
  return conserved
}
