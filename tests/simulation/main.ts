/**
 * `npm run simulate -- --seeds N [--from S] [--days D] [--mutations] [--json]`: plays N hostile worlds on all cores and
 * judges each. `--mutations`: instead, each deliberate bug of the catalogue is put in, and must be found within N
 * worlds. Ends with 1 if an invariant is violated, or too few bugs are found. `--json`: the last line of standard
 * output is the result as JSON, all else goes to standard error.
 */
import { parseArgs } from "node:util"
import { crewOf, type Job, pieces } from "./crew.ts"
import { MUTATIONS } from "./mutations/index.ts"
import { SOMETIMES } from "./sometimes.ts"
import { tellFailure } from "./told.ts"
import { type Hunt, NOTHING, type Trial, together, worldOf } from "./trial.ts"

const usage = (complaint: string): never => {
  console.error(`${complaint}. Usage: npm run simulate -- [--seeds N] [--from S] [--days D] [--mutations] [--json]`)
  process.exit(2)
}

const OPTIONS = {
  seeds: { type: "string", default: "10000" },
  from: { type: "string", default: "1" },
  days: { type: "string", default: "30" },
  mutations: { type: "boolean", default: false },
  json: { type: "boolean", default: false }
} as const
const SEED_MAX = 2 ** 31

const asked = () => {
  try {
    const { values } = parseArgs({ options: OPTIONS })
    const whole = (name: "seeds" | "from" | "days", least: number, most: number): number => {
      const value = Number(values[name])
      const right = /^\d+$/.test(values[name]) && value >= least && value <= most
      return right ? value : usage(`--${name} is a whole number from ${least} to ${most}`)
    }
    return {
      seeds: whole("seeds", 1, SEED_MAX),
      from: whole("from", 0, SEED_MAX),
      days: whole("days", 0, 365),
      mutations: values.mutations,
      json: values.json
    }
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

const { seeds, from, days, mutations, json } = asked()
const say = (line: string) => void (json ? process.stderr : process.stdout).write(`${line}\n`)
const terminal = json ? process.stderr : process.stdout
const PROGRESS_MS = terminal.isTTY ? 250 : 10_000
const PIECE = 25
/** Failing worlds that are told in full; of the others their numbers. */
const TOLD_MAX = 3

const began = performance.now()
const seconds = () => (performance.now() - began) / 1000
let sum: Trial = NOTHING
let shownAt = Number.NEGATIVE_INFINITY
const progress = () => {
  if (performance.now() - shownAt < PROGRESS_MS) return
  shownAt = performance.now()
  const rate = Math.round(sum.seeds / seconds())
  const line = `${sum.seeds} of ${seeds} worlds, ${rate}/s, ${sum.payments} payments, ${sum.failed.length} violated`
  terminal.write(terminal.isTTY ? `\r\u001b[K${line}` : `${line}\n`)
}

const number = (value: number) => Math.round(value).toLocaleString("en")
const DAY_MS = 86_400_000

const report = (trial: Trial, tookS: number, never: ReadonlyArray<string>): ReadonlyArray<string> => {
  const faults = trial.faults.reduce((total, [, count]) => total + count, 0)
  const virtualS = trial.virtualMs / 1000
  return [
    `${number(trial.seeds)} worlds of ${number(trial.payments)} payments in ${tookS.toFixed(1)} s: ` +
      `${number(trial.seeds / tookS)} worlds/s, ${number(trial.messages / tookS)} messages/s`,
    `${number(trial.virtualMs / DAY_MS)} virtual days, ${number(virtualS / tookS)} times real time; ` +
      `trace hash ${trial.hash.toString(16)}`,
    `${number(faults)} faults:`,
    ...[...trial.faults]
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `  ${number(count).padStart(11)}  ${name}`),
    `reached, in so many worlds:`,
    ...[...trial.reached]
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `  ${number(count).padStart(11)}  ${name}`),
    never.length === 0 ? "every property was reached" : `never reached: ${never.join(", ")}`
  ]
}

const main = async () => {
  const crew = crewOf<Trial>()
  say(`${number(seeds)} worlds from seed ${from}, up to ${days} days each, on ${crew.size} cores`)
  await crew.work(pieces(from, seeds, days, PIECE), (trial) => {
    sum = together(sum, trial)
    progress()
  })
  const took = seconds()
  if (terminal.isTTY) terminal.write("\r\u001b[K")
  const reached = new Set(sum.reached.map(([name]) => name))
  const never = SOMETIMES.filter((name) => !reached.has(name))
  const failed = [...sum.failed].sort((a, b) => a.seed - b.seed)
  for (const each of failed.slice(0, TOLD_MAX))
    for (const line of tellFailure(each, days, worldOf(each.seed, days))) say(line)
  if (failed.length > TOLD_MAX)
    say(
      `also violated: seeds ${failed
        .slice(TOLD_MAX, 50)
        .map(({ seed }) => seed)
        .join(", ")}`
    )
  for (const line of report(sum, took, never)) say(line)
  const violations = failed.length
  say(violations === 0 ? "no invariant was violated" : `${violations} worlds violated an invariant`)
  if (json) {
    const result = {
      seeds: sum.seeds,
      seeds_per_s: Math.round((sum.seeds / took) * 10) / 10,
      payments: sum.payments,
      faults: sum.faults.reduce((total, [, count]) => total + count, 0),
      violations,
      never_reached: never,
      trace_hash: sum.hash.toString(16).padStart(8, "0")
    }
    process.stdout.write(`${JSON.stringify(result)}\n`)
  }
  process.exit(violations === 0 ? 0 : 1)
}

/** Recall of 95 % and more: a run that finds less has become blind. */
const RECALL_MIN = 0.95

const catalogue = async () => {
  const names = Object.keys(MUTATIONS)
  const crew = crewOf<Hunt>()
  say(`${names.length} deliberate bugs, each to be found within ${number(seeds)} worlds from seed ${from}`)
  const missed: Array<string> = []
  const jobs = names.map((mutation): Job => ({ mutation, from, seeds, days }))[Symbol.iterator]()
  await crew.work(jobs, ({ seeds: needed, by }, { mutation = "" }) => {
    if (needed === undefined) missed.push(mutation)
    const took = (needed === undefined ? "missed" : number(needed)).padStart(7)
    say(`${took}  ${mutation}${by ? `  (${by.invariant} ${by.told.slice(0, 60)})` : ""}`)
  })
  const found = names.length - missed.length
  say(`${found} of ${names.length} found, ${((100 * found) / names.length).toFixed(1)} %, in ${seconds().toFixed(1)} s`)
  if (json) process.stdout.write(`${JSON.stringify({ mutations: names.length, found, missed })}\n`)
  process.exit(found / names.length >= RECALL_MIN ? 0 : 1)
}

await (mutations ? catalogue() : main())
