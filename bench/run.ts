/** One run of load: warm-up, the measured time, the tail, and then what it cost and whether the books balance. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Sql } from "postgres"
import { violations } from "./checks.ts"
import { pay } from "./client.ts"
import type { LoadResult, LoadSpec } from "./generator.ts"
import { type Batches, batchesBetween, type Counters, type Cpu, countersNow, cpuNow, type Service } from "./measure.ts"
import { sum } from "./numbers.ts"
import type { Platform } from "./platform.ts"

export interface Bench {
  readonly platform: Platform
  readonly sql: Sql
  readonly wallets: ReadonlyArray<string>
  /** Pays once between the runs, so that every connection reports its counters. */
  readonly spare: string
  credited: bigint
  /** Payments answered as completed so far. */
  answeredCompleted: number
  /** Conservation broke in some run. */
  broken: boolean
}

export interface Load {
  readonly name: string
  readonly connections: number
  readonly rate?: number
  readonly hot?: string
  readonly warmUpMs: number
  readonly measureMs: number
}

/** All figures are per payment, where not said otherwise. */
export interface Run {
  readonly load: Load
  readonly result: LoadResult
  readonly cpu: Omit<Cpu, "connections">
  readonly connections: Readonly<Record<string, number>>
  readonly messages: number
  readonly rows: number
  readonly rowsByTable: Readonly<Record<string, number>>
  readonly walBytes: number
  readonly walFullPages: number
  readonly journalCommits: number
  readonly transactions: number
  readonly batches: Readonly<Record<Service, Batches>>
  readonly violations: ReadonlyArray<string>
  /** The measured time, ms since the epoch. */
  readonly window: { readonly from: number; readonly to: number }
}

export const PAYMENT_AMOUNT = 100
let serial = 0

export const runLoad = async (bench: Bench, load: Load): Promise<Run> => {
  const { platform, sql } = bench
  await settleCounters(bench)
  const before = await countersNow(platform, sql)
  const { result, cpu, window } = await generate(bench, load)
  const completed = result.statuses["201"] ?? 0
  bench.answeredCompleted += completed
  await settleCounters(bench)
  const after = await countersNow(platform, sql)
  const { credited, answeredCompleted } = bench
  const wrong = await violations(platform, sql, { credited, answeredCompleted })
  if (wrong.length > 0) bench.broken = true
  const batches = await batchesBetween(before, after, sql)
  return {
    load,
    result,
    violations: wrong,
    batches,
    window,
    ...perPayment(before, after, completed + 1, batches),
    ...cpu
  }
}

/** A connection tells its counters when it works and a second has passed since it last did. */
const STATISTICS_EVERY_MS = 1_100
const settleCounters = async (bench: Bench): Promise<void> => {
  await Bun.sleep(STATISTICS_EVERY_MS)
  const { status } = await pay(bench.platform, bench.spare, PAYMENT_AMOUNT)
  if (status === 201) bench.answeredCompleted++
  await Bun.sleep(100)
}

const perPayment = (before: Counters, after: Counters, payments: number, batches: Run["batches"]) => {
  const per = (of: (counters: Counters) => number) => (of(after) - of(before)) / payments
  const commits = ({ metrics }: Counters) => metrics["journal_commit_duration_seconds_count"] ?? 0
  const tables = Object.keys(after.rowsByTable).map(
    (name) => [name, per(({ rowsByTable }) => rowsByTable[name] ?? 0)] as const
  )
  return {
    messages: sum(Object.values(batches).map(({ messages }) => messages)) / payments,
    rows: per(({ rows }) => rows),
    rowsByTable: Object.fromEntries(tables.filter(([, rows]) => rows >= 0.01)),
    walBytes: per(({ walBytes }) => walBytes),
    walFullPages: per(({ walFullPages }) => walFullPages),
    journalCommits: per(commits),
    transactions: per(({ transactions }) => transactions)
  }
}

const generate = async ({ platform, sql, wallets }: Bench, load: Load) => {
  const { connections, rate, hot, warmUpMs, measureMs } = load
  const spec: LoadSpec = {
    url: platform.url,
    apiKey: platform.apiKey,
    wallets: hot === undefined ? wallets : [hot],
    connections,
    ...(rate === undefined ? {} : { rate }),
    warmUpMs,
    measureMs,
    run: `run-${++serial}`,
    amount: PAYMENT_AMOUNT
  }
  const file = fileURLToPath(new URL("generator.ts", import.meta.url))
  const child = spawn(process.execPath, [file], { stdio: ["pipe", "pipe", "inherit"] })
  const pid = child.pid ?? 0
  child.stdin.end(JSON.stringify(spec))
  const readings: Array<Promise<Cpu>> = []
  const borders: Array<number> = []
  let last = ""
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== "measuring" && line !== "measured") last = line
    else {
      borders.push(Date.now())
      readings.push(cpuNow(platform, sql, pid))
    }
  }
  const [began, ended] = await Promise.all(readings)
  if (began === undefined || ended === undefined || last === "") throw new Error("the load generator died")
  const result = JSON.parse(last) as LoadResult
  const window = { from: borders[0] ?? 0, to: borders[1] ?? 0 }
  return { result, window, cpu: cpuPerPayment(began, ended, result.completed) }
}

const cpuPerPayment = (before: Cpu, after: Cpu, payments: number) => {
  const per = (of: (cpu: Cpu) => number) => (of(after) - of(before)) / payments
  const names = Object.keys(after.connections)
  return {
    cpu: {
      platform: per(({ platform }) => platform),
      postgres: per(({ postgres }) => postgres),
      simulator: per(({ simulator }) => simulator),
      generator: per(({ generator }) => generator),
      machine: per(({ machine }) => machine)
    },
    connections: Object.fromEntries(names.map((name) => [name, per(({ connections }) => connections[name] ?? 0)]))
  }
}
