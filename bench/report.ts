/** The runs as tables for people and as one line for programs. */
import { SERVICES } from "./measure.ts"
import { round } from "./numbers.ts"
import type { Run } from "./run.ts"

const perThousand = (seconds: number): number => round(seconds * 1000)
const otherStatuses = ({ result }: Run): string => {
  const others = Object.entries(result.statuses).filter(([status]) => status !== "201")
  return others.length === 0 ? "none" : others.map(([status, count]) => `${count} × ${status}`).join(", ")
}

const ours = ({ cpu }: Run): number => cpu.platform + cpu.postgres + cpu.simulator + cpu.generator
/** How much of the machine worked for somebody else meanwhile: what it took is missing in payments/s. */
export const coresOfOthers = (run: Run): number => Math.max(0, run.cpu.machine - ours(run)) * run.result.perSecond

export const printRuns = (runs: ReadonlyArray<Run>): void => {
  console.log("\nEach run: load and latency (ms)")
  console.table(
    runs.map((run) => ({
      load: run.load.name,
      "payments/s": round(run.result.perSecond),
      p50: round(run.result.p50),
      p95: round(run.result.p95),
      p99: round(run.result.p99),
      max: round(run.result.max),
      "not 201": otherStatuses(run),
      "money conserved": run.violations.length === 0 ? "yes" : run.violations.join("; ")
    }))
  )
  console.log("CPU seconds per 1,000 payments")
  console.table(
    runs.map((run) => ({
      load: run.load.name,
      "platform (Bun)": perThousand(run.cpu.platform),
      Postgres: perThousand(run.cpu.postgres),
      simulator: perThousand(run.cpu.simulator),
      "load generator": perThousand(run.cpu.generator),
      "cores others had": round(coresOfOthers(run))
    }))
  )
  console.log("What a payment writes")
  console.table(
    runs.map((run) => ({
      load: run.load.name,
      messages: round(run.messages),
      rows: round(run.rows),
      "WAL bytes": round(run.walBytes),
      "full pages in WAL": round(run.walFullPages),
      "journal commits": round(run.journalCommits),
      transactions: round(run.transactions)
    }))
  )
  console.log("Messages a commit (notification's commits are not counted by themselves)")
  console.table(
    runs.map(({ load, batches }) => ({
      load: load.name,
      ...Object.fromEntries(
        SERVICES.filter((service) => batches[service].commits > 0).map((service) => [
          service,
          round(batches[service].messages / batches[service].commits)
        ])
      )
    }))
  )
}

/** Of one run: the rows by table, and Postgres' time by the connection that used it. */
export const printDetails = ({ load, rowsByTable, connections }: Run): void => {
  const table = (title: string, unit: string, of: Readonly<Record<string, number>>, least: number) => {
    console.log(`${title}, ${load.name}`)
    const entries = Object.entries(of).filter(([, value]) => value >= least)
    console.table(entries.sort(([, a], [, b]) => b - a).map(([name, value]) => ({ name, [unit]: round(value) })))
  }
  table("Rows written by table", "rows a payment", rowsByTable, 0.01)
  const busy = Object.fromEntries(Object.entries(connections).map(([name, cpu]) => [name, cpu * 1000]))
  table("Postgres by connection", "CPU s per 1,000 payments", busy, 0.001)
}

const summary = (run: Run) => ({
  payments_per_s: round(run.result.perSecond),
  p50_ms: round(run.result.p50),
  p95_ms: round(run.result.p95),
  p99_ms: round(run.result.p99),
  cpu_s_per_payment: Number(ours(run).toPrecision(3))
})

export const jsonLine = (chosen: {
  readonly uniform: Run
  readonly hot: Run
  readonly at64: Run
  readonly ceiling: number
  readonly conserved: boolean
}): string =>
  JSON.stringify({
    uniform: summary(chosen.uniform),
    hot: summary(chosen.hot),
    at_64: summary(chosen.at64),
    ceiling_per_s: Math.round(chosen.ceiling),
    conserved: chosen.conserved
  })
