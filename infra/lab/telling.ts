/** What the lab says around a case: the list, the case before it is played, the count at the end. Pure. */
import { type Paint, WIDTH, wrapped } from "../demo/narrator.ts"
import { armed, type Case } from "./case.ts"

const INDENT = "  "
const ID = 6

export const listed = (cases: ReadonlyArray<Case>, paint: Paint): ReadonlyArray<string> => [
  "npm run lab -- P16 [P21 … | all]: plays cases against a platform that runs. What went wrong elsewhere:",
  "",
  ...cases.flatMap(({ id, story }) =>
    wrapped(story, WIDTH - INDENT.length - ID).map(
      (line, i) => INDENT + (i === 0 ? paint.name(id.padEnd(ID)) : " ".repeat(ID)) + line
    )
  ),
  "",
  "Which platform: --url (API_URL), --key (API_KEY), --simulator (SIMULATOR_URL). Default: that of npm start."
]

export const begun = ({ id, story, arms, does }: Case, paint: Paint): ReadonlyArray<string> => {
  const part = (name: string, text: string) =>
    wrapped(text, WIDTH - INDENT.length - 10).map(
      (line, i) => INDENT + (i === 0 ? paint.name(name.padEnd(10)) : " ".repeat(10)) + line
    )
  return [
    "",
    paint.strong(id),
    paint.quiet("─".repeat(id.length)),
    ...part("elsewhere", story),
    ...part("armed", arms.length === 0 ? "nothing" : arms.map(armed).join("; ")),
    ...part("done", does)
  ]
}

export interface Verdict {
  readonly id: string
  readonly facts: number
  readonly holds: boolean
}

export const ended = (verdicts: ReadonlyArray<Verdict>, tookMs: number, paint: Paint): ReadonlyArray<string> => {
  const facts = verdicts.reduce((sum, verdict) => sum + verdict.facts, 0)
  const wrong = verdicts.filter(({ holds }) => !holds).map(({ id }) => id)
  const verdict =
    wrong.length === 0 ? paint.good("all of them so") : paint.bad(`NOT so in ${wrong.join(", ")}: see the lines with ✗`)
  const many = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`
  const took = `${(tookMs / 1000).toFixed(1)} s`
  return ["", `${many(facts, "fact")} checked in ${many(verdicts.length, "case")}, ${took}: ${verdict}`]
}
