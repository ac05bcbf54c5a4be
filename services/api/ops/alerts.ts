/** What exists now that a person has to look at: each with since when, and what to do. Pure. */
import type { Health } from "../readiness.ts"
import { iso } from "../resources.ts"
import type { BreakerRecord, Concern } from "./records.ts"
import type { Alert } from "./resources.ts"

type Shown = typeof Alert.Type
type Kind = Concern["name"] | "breaker_open" | "not_ready"

/** Critical: money waits for a person. Warning: the platform helps itself, and a person should know. */
const SEVERITY: Readonly<Record<Kind, Shown["severity"]>> = {
  compensation_failed: "critical",
  not_ready: "critical",
  saga_parked: "critical",
  refund_parked: "critical",
  attempt_review: "critical",
  saga_stuck: "warning",
  dead_letters: "warning",
  breaker_open: "warning"
}

const some = (count: number, one: string, many = `${one}s`): string => (count === 1 ? `1 ${one}` : `${count} ${many}`)

const SUMMARY: Readonly<Record<Kind, (count: number, subject: string) => string>> = {
  compensation_failed: (count) => `${some(count, "payment")} could not be undone: the money is not back`,
  saga_parked: (count) => `${some(count, "saga")} gave up: no answer after all recoveries`,
  refund_parked: (count) => `${some(count, "refund")} gave up: no answer after all recoveries`,
  saga_stuck: (count) => `${some(count, "payment")} open for longer than a payment may take`,
  attempt_review: (count) => `${some(count, "attempt")} unknown for so long that a person has to look`,
  dead_letters: (count) => `${some(count, "message")} could not be applied; what follows them waits`,
  breaker_open: (_, subject) => `${subject} is not asked to charge`,
  not_ready: (_, subject) => `${subject} is down`
}

const WHAT_TO_DO: Readonly<Record<Kind, string>> = {
  compensation_failed:
    "See the saga's events and dead letters, remove the cause, then POST /api/v1/ops/sagas/{id}/resume.",
  saga_parked: "See why it waits, remove the cause, then POST /api/v1/ops/sagas/{id}/resume.",
  refund_parked: "Remove the cause, then POST /api/v1/ops/sagas/{id}/resume with the payment's id.",
  saga_stuck: "See why it waits: GET /api/v1/ops/sagas?stuck=true. An unknown outcome is asked for by itself.",
  attempt_review:
    "Look the attempt up in the provider's dashboard, then POST /api/v1/ops/payments/{id}/resolve with what you found.",
  dead_letters: "See GET /api/v1/ops/dead-letters; redrive them once the cause is gone.",
  breaker_open:
    "Nothing, if the provider fails: a probe closes it. One that an operator opened stays open: " +
    "POST /api/v1/ops/circuit-breakers/{provider}/close.",
  not_ready: "See GET /health. Requests are refused until it is back."
}

const alert = (name: Kind, count: number, since: number, subjects: ReadonlyArray<string>): Shown => ({
  name,
  severity: SEVERITY[name],
  since: iso(since),
  count,
  subjects,
  summary: SUMMARY[name](count, subjects[0] ?? ""),
  what_to_do: WHAT_TO_DO[name]
})

/** Critical ones first, the oldest first among them. */
export const alertsOf = (
  concerns: ReadonlyArray<Concern>,
  breakers: ReadonlyArray<BreakerRecord>,
  { dependencies }: Health
): ReadonlyArray<Shown> => {
  const down = Object.entries(dependencies).filter(([, { up }]) => !up)
  const open = breakers.filter(({ state }) => state !== "closed")
  return [
    ...concerns.map(({ name, count, since, subjects }) => alert(name, count, since, subjects)),
    ...open.map(({ provider, updated_at }) => alert("breaker_open", 1, updated_at, [provider])),
    ...down.map(([name, { since = 0 }]) => alert("not_ready", 1, since, [name]))
  ].sort((a, b) => a.severity.localeCompare(b.severity) || a.since.localeCompare(b.since))
}
