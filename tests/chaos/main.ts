/**
 * `npm run kill -- --rounds 100 [--only gateway] [--seed N] [--json]`: kills the whole platform, its own Postgres
 * included, at every labelled point and in every other way, so many times each, as root and as an ordinary user. Ends
 * with `N passed, N failed`: a round passes that was ready in time and died as it was told; so do the checks after all.
 */
import { parseArgs } from "node:util"
import { users } from "../../infra/users.ts"
import { CRASH_POINTS } from "../../shared/runtime/crashpoint.ts"
import { prng } from "../simulation/seeded.ts"
import { KILLS, play, type Round, type Verdict, type Way } from "./rounds.ts"
import { makeVictim } from "./victim.ts"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    seed: { type: "string", default: String(Math.floor(performance.timeOrigin)) },
    json: { type: "boolean", default: false }
  }
})
const rounds = Number(values.rounds)
const seed = Number(values.seed)
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
  console.error("--rounds and --seed are whole numbers, --rounds at least 1")
  process.exit(2)
}
const say = (line: string) => values.json || console.log(line)

const ways = ([...CRASH_POINTS, ...KILLS] as ReadonlyArray<Way>).filter((way) => way.includes(values.only))
/** All ways in turn, again and again, so that each meets what the others leave behind. */
const order = Array.from({ length: rounds }, () => ways).flat()

interface Figures {
  readonly way: Way
  readonly kills: number
  readonly failed: number
  /** Ready before it died; the others died in their recovery. */
  readonly ready: number
  readonly readyMs: { readonly median: number; readonly longest: number }
}

const figures = (played: ReadonlyArray<Round>): ReadonlyArray<Figures> =>
  ways.flatMap((way) => {
    const own = played.filter((round) => round.way === way)
    const ms = own.flatMap(({ readyMs }) => readyMs ?? []).sort((a, b) => a - b)
    const at = (share: number) => Math.round(ms[Math.floor((ms.length - 1) * share)] ?? 0)
    const failed = own.filter(({ failure }) => failure !== undefined).length
    return own.length === 0
      ? []
      : [{ way, kills: own.length, failed, ready: ms.length, readyMs: { median: at(0.5), longest: at(1) } }]
  })

const row = (cells: ReadonlyArray<string | number>) =>
  `${String(cells[0]).padEnd(28)}${cells
    .slice(1)
    .map((cell) => String(cell).padStart(12))
    .join("")}`

const main = async () => {
  say(`seed ${seed}`)
  const verdicts: Array<Verdict> = []
  for (const user of users(say)) {
    await using victim = await makeVictim({ user })
    const told = ({ way, readyMs, failure }: Round) => {
      if (failure !== undefined) say(`${user} ${way}: ${failure}`)
      else if (rounds <= 5) say(`${user} ${way} ${readyMs === undefined ? "in recovery" : `${Math.round(readyMs)} ms`}`)
    }
    const verdict = await play(victim, order, prng(seed), told)
    verdicts.push(verdict)
    for (const line of [...verdict.skips.map((skip) => `skipped: ${skip}`), ...verdict.found]) say(`${user}: ${line}`)
  }
  const played = verdicts.flatMap((verdict) => verdict.rounds)
  const found = verdicts.flatMap((verdict) => verdict.found)
  const failed = played.filter(({ failure }) => failure !== undefined).length + found.length
  const table = figures(played)
  const asked = verdicts.reduce((sum, verdict) => sum + verdict.asked, 0)
  say(row(["killed at or by", "kills", "failed", "was ready", "median ms", "longest ms"]))
  for (const { way, kills, failed, ready, readyMs } of table)
    say(row([way, kills, failed, ready, readyMs.median, readyMs.longest]))
  say(`${asked} requests; ${found.length} violations`)
  const passed = played.length + verdicts.length - failed
  if (values.json) console.log(JSON.stringify({ seed, table, found, asked, passed, failed }))
  else console.log(`${Math.max(0, passed)} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}

await main()
