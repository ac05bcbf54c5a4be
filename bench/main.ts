/**
 * `npm run bench [-- --json] [-- --seconds N] [-- --profile]`: whole payments over HTTP against the real platform.
 * README.md says what each figure means.
 */
import { parseArgs } from "node:util"
import { measureCeiling } from "./ceiling.ts"
import { violations } from "./checks.ts"
import { round } from "./numbers.ts"
import { freshDataDir, startPlatform } from "./platform.ts"
import { profileRun } from "./profiling.ts"
import { jsonLine, printDetails, printRuns } from "./report.ts"
import { type Bench, type Load, type Run, runLoad } from "./run.ts"
import { measureScenarios, type Scenarios } from "./scenarios.ts"
import { seededBench } from "./seed.ts"

const WARM_UP_MS = 3_000
/** Runs of the same load that differ by more are followed by another one. */
const NOISE = 0.15
const ROUNDS_MIN = 2
const ROUNDS_MAX = 4
const OPEN_LOOP_RATE = 500

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    seconds: { type: "string", default: "10" },
    wallets: { type: "string", default: "10000" }
  }
})
const measureMs = Number(options.seconds) * 1000
const walletCount = Number(options.wallets)
if (!(measureMs >= 1000) || !(walletCount >= 1)) {
  console.error("--seconds and --wallets take a number of at least 1")
  process.exit(2)
}

const times = { warmUpMs: WARM_UP_MS, measureMs }
const loads = (hot: string): ReadonlyArray<Load> => [
  { name: "uniform, 256 connections", connections: 256, ...times },
  { name: "uniform, 64 connections", connections: 64, ...times },
  { name: "one hot wallet, 256 connections", connections: 256, hot, ...times }
]

/** The loads take turns, so that a slow moment of the machine hits all of them. */
const measureLoads = async (bench: Bench, loads: ReadonlyArray<Load>) => {
  const runs: Array<Run> = []
  const of = (load: Load) => runs.filter((run) => run.load === load)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const noisy = loads.filter((load) => round < ROUNDS_MIN || spread(of(load)) > NOISE)
    for (const load of noisy) {
      runs.push(await runLoad(bench, load))
      say(`${load.name}: ${Math.round(runs.at(-1)?.result.perSecond ?? 0)} payments/s`)
    }
  }
  return { runs, chosen: loads.map((load) => best(of(load))) }
}

const speed = ({ result }: Run): number => result.perSecond
/** Between the two fastest: the others had less of the machine. */
const spread = (runs: ReadonlyArray<Run>): number => {
  const [first = 0, second = 0] = runs.map(speed).sort((a, b) => b - a)
  return 1 - second / first
}
const best = (runs: ReadonlyArray<Run>): Run => runs.reduce((a, b) => (speed(b) > speed(a) ? b : a))

const say = (line: string): void => console.log(line)

const printLatency = ({ result }: Run, { addedP50, addedMax, refusedP50, refusedP99 }: Scenarios): void => {
  const ms = (value: number) => `${round(value)} ms`
  say("\nLatency")
  console.table([
    {
      what: `${OPEN_LOOP_RATE} payments/s arriving, over a provider at 0 ms`,
      p50: ms(result.p50),
      p99: ms(result.p99),
      target: "p50 < 20 ms, p99 < 50 ms"
    },
    { what: "one customer, over a provider at 200 ms", p50: ms(addedP50), max: ms(addedMax), target: "-" },
    { what: "one customer, insufficient funds", p50: ms(refusedP50), p99: ms(refusedP99), target: "-" }
  ])
}

const measureAll = async (bench: Bench, hot: string): Promise<boolean> => {
  const { platform, sql } = bench
  const { runs, chosen } = await measureLoads(bench, loads(hot))
  const [uniform, at64, hottest] = chosen as [Run, Run, Run]
  const open = { name: `${OPEN_LOOP_RATE}/s arriving`, connections: 64, rate: OPEN_LOOP_RATE, ...times }
  const arriving = await runLoad(bench, open)
  const scenarios = await measureScenarios(bench)
  const { credited, answeredCompleted } = bench
  const wrong = await violations(platform, sql, { credited, answeredCompleted })
  const ceiling = await measureCeiling(platform.databaseUrl)
  const conserved = !bench.broken && wrong.length === 0
  printRuns([...runs, arriving])
  printDetails(uniform)
  printLatency(arriving, scenarios)
  const share = Math.round((speed(uniform) / ceiling) * 100)
  say(`\nCeiling: the same rows bare, ${Math.round(ceiling)} payments/s; the platform reaches ${share} % of it.`)
  say(`Hot wallet: ${Math.round((speed(hottest) / speed(uniform)) * 100)} % of uniform.`)
  say(conserved ? "Every cent is where it belongs." : `MONEY IS NOT CONSERVED: ${wrong.join("; ")}`)
  if (options.json) say(jsonLine({ uniform, hot: hottest, at64, ceiling, conserved }))
  return conserved
}

const main = async (): Promise<boolean> => {
  if (options.profile) return profileRun({ walletCount, ...times })
  const platform = await startPlatform(freshDataDir())
  try {
    const { bench, hot, tookMs } = await seededBench(platform, walletCount)
    say(`${walletCount} wallets opened and credited over HTTP in ${round(tookMs / 1000)} s`)
    const conserved = await measureAll(bench, hot)
    await bench.sql.end()
    for (const line of platform.complaints().slice(0, 5)) say(`the platform says: ${line}`)
    return conserved
  } finally {
    await platform.stop()
  }
}

process.exit((await main()) ? 0 : 1)
