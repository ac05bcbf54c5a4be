/** One round: a life begins on what the last one left, works under load, and is killed, or lives through the kill. */
import { CRASH_POINTS, type CrashPoint } from "../../shared/runtime/crashpoint.ts"
import { violations } from "../scenarios/conservation.ts"
import { eventually } from "../scenarios/eventually.ts"
import { startLoad } from "./load.ts"
import { GONE_MS_MAX, type Life, READY_MS_MAX, type Victim } from "./victim.ts"

/** `backend`: one process of the database server, which then restarts all of them; the platform lives through that. */
export const KILLS = ["group", "parent", "term", "postgres", "backend", "backend and group"] as const
export type Kill = (typeof KILLS)[number]
export type Way = CrashPoint | Kill

export interface Round {
  readonly way: Way
  readonly readyMs: number | undefined
  readonly failure?: string
}

/** How often a point may be passed before the process dies there: often enough that all kinds of work are met. */
const PASSES_MAX: Readonly<Partial<Record<CrashPoint, number>>> = {
  "journal.before-write": 150,
  "journal.after-write": 150,
  "timers.before-fire": 2,
  "timers.after-fire": 2,
  "operate.before-effect": 3,
  "operate.after-effect": 3,
  "webhooks.before-submit": 10,
  "audit.before-write": 5,
  "audit.after-write": 5
}
const PASSES_OTHERS = 40
const REACHED_MS_MAX = 15_000
const WORK_MS_MAX = 700

/** A way that nothing can take now, and why; the reason is printed. */
export const skipped = (way: Way, { operators, embedded }: { operators: boolean; embedded: boolean }) => {
  if (way.startsWith("operate.") && !operators) return "no operator route is served"
  if (/postgres|backend/.test(way) && !embedded) return "the database belongs to somebody else"
  return undefined
}

const isPoint = (way: Way): way is CrashPoint => CRASH_POINTS.some((point) => point === way)

const round = async (victim: Victim, way: Way, random: () => number): Promise<Round> => {
  const passes = isPoint(way) ? 1 + Math.floor(random() * (PASSES_MAX[way] ?? PASSES_OTHERS)) : 0
  const life = victim.begin(isPoint(way) ? `${way}:${passes}` : "")
  let readyMs: number | undefined
  try {
    readyMs = await life.ready()
    await (isPoint(way) ? reached(life, way, passes) : killed(victim, life, way, random))
    return { way, readyMs }
  } catch (error) {
    life.killGroup()
    await life.exited
    const told = error instanceof Error ? error.message : String(error)
    return { way, readyMs, failure: `${told}\n${life.printed().slice(-1_000)}` }
  }
}

const reached = async (life: Life, point: CrashPoint, passes: number) => {
  await eventually(
    `${point}:${passes} is reached`,
    async () => life.dead(),
    (dead) => dead,
    REACHED_MS_MAX
  )
  if (life.signal() !== "SIGKILL") throw new Error(`${point}:${passes} ended it by ${life.signal() ?? "itself"}`)
}

const killed = async (victim: Victim, life: Life, kill: Kill, random: () => number) => {
  await Bun.sleep(random() * WORK_MS_MAX)
  switch (kill) {
    case "group":
      life.killGroup()
      break
    case "parent":
      life.killParent()
      break
    case "term":
      life.term()
      break
    case "postgres":
      process.kill(victim.postmaster(), "SIGKILL")
      break
    case "backend":
      await killBackend(victim)
      await worksAgain(victim)
      if (life.dead()) throw new Error("it did not live through the loss of its connections")
      life.killGroup()
      break
    case "backend and group":
      await killBackend(victim)
      life.killGroup()
  }
  await eventually(
    `it ends after ${kill}`,
    async () => life.dead(),
    (dead) => dead,
    GONE_MS_MAX
  )
  if (kill === "term" && (await life.exited) !== 0) throw new Error(`SIGTERM: exit ${life.signal()}`)
}

/** The server takes all of its connections back, so for a moment it is not there. */
const killBackend = async ({ connect }: Victim) => {
  const sql = connect()
  const [row] = await sql<Array<{ pid: number }>>`
    select pid from pg_stat_activity where application_name like 'journal-%' order by random() limit 1`
  process.kill(Number(row?.pid), "SIGKILL")
  await sql.end({ timeout: 1 }).catch(() => {})
}

const worksAgain = ({ api }: Victim) =>
  eventually(
    "something is committed again",
    () => api.open(1).catch(() => undefined),
    (it) => it !== undefined,
    READY_MS_MAX
  )

export interface Verdict {
  readonly rounds: ReadonlyArray<Round>
  /** What is wrong when all is over: answers, money, leftovers. */
  readonly found: ReadonlyArray<string>
  readonly skips: ReadonlyArray<string>
  readonly asked: number
}

/** All rounds on one victim, under one load; then it is started once more, comes to rest, and everything is checked. */
export const play = async (
  victim: Victim,
  ways: ReadonlyArray<Way>,
  random: () => number,
  tell: (round: Round) => void = () => {}
): Promise<Verdict> => {
  const first = victim.begin()
  if ((await first.ready({ first: true })) === undefined) throw new Error(`it did not start: ${first.printed()}`)
  const load = await startLoad(victim, random)
  first.killGroup()
  await first.exited
  const rounds: Array<Round> = []
  const skips = new Set<string>()
  for (const way of ways) {
    const why = skipped(way, { operators: load.operators, embedded: victim.embedded })
    if (why !== undefined) {
      skips.add(`${way}: ${why}`)
      continue
    }
    const played = await round(victim, way, random)
    rounds.push(played)
    tell(played)
  }
  const last = victim.begin()
  await last.ready()
  const wrong = await load.stop()
  const sql = victim.connect()
  const found = [...wrong, ...(await violations({ sql, sim: victim.sim }).catch((error: Error) => [error.message]))]
  await sql.end()
  last.term()
  const code = await last.exited
  if (code !== 0) found.push(`the last life ended with ${code}: ${last.printed()}`)
  await victim.nothingLeft().catch((error: Error) => found.push(error.message))
  return { rounds, found, skips: [...skips], asked: load.asked() }
}
