/** docs/errors.md: the strategy, with the code's own numbers in it, above the table of codes. */

import type { BreakerRules } from "../../services/gateway/breaker.ts"
import { TRIES_MAX } from "../../services/gateway/provider/http.ts"
import { DEFAULTS } from "../../services/gateway/rules.ts"
import { breakerRules } from "../../services/gateway/settings.ts"
import { RECOVERIES_MAX } from "../../services/saga/state.ts"
import { ERRORS } from "../../shared/contract/errors.ts"
import {
  ANALYSIS,
  defaultRedriveSettings,
  ERROR_CLASSES,
  triedAtStart
} from "../../shared/runtime/deadletter-classes.ts"
import { CONFLICTS } from "../../shared/runtime/journal/journal.ts"
import { PAUSE_GROWTH, PAUSE_MAX_MS, PAUSE_MIN_MS } from "../../shared/runtime/lane.ts"
import { DATABASE_OPERATION } from "../../shared/runtime/postgres.ts"
import { defaultTimerSettings } from "../../shared/runtime/timers.ts"

const seconds = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`)
const hours = (ms: number): string => `${ms / 3_600_000} h`
const percent = (share: number): string => `${share * 100} %`

const CATEGORIES = `## Categories

| category | is | again |
|---|---|---|
| validation | the request cannot be meant: a field, a header, an address | never; correct it |
| business | the rules say no: funds, limits, a lock, a decline | never as it is; the answer says what would help |
| conflict | somebody else was first, or the key is used | if the table below says so |
| transient | the platform or every provider is away for now | yes, after \`Retry-After\` |
| timeout | the payment's time ended with nothing at a provider; it was undone | with a new key |
| permanent | no key, no scope, or a mistake of ours | a 500: with the same key |
| unknown outcome | nobody knows whether money moved | **never**; it is asked about, see below |

In the code a refusal is a value (an expected answer of a decider), a failure is a tagged error that says whether to
try again, and a bug is a defect: it ends the process, or, inside a batch of messages, makes that message a dead
letter.`

const sent = (): string => {
  const { replay_ms, tries, timeout_ms, backoff_ms } = DEFAULTS
  const { stripe, paypal, adyen } = replay_ms
  const remembered = `Stripe ${hours(stripe)}, PayPal ${hours(paypal)}, Adyen ${hours(adyen)}`
  return [
    `${tries} sends of one attempt (\`GATEWAY_ATTEMPTS\`), all under **one key**`,
    `${seconds(timeout_ms)} a try`,
    `${seconds(backoff_ms)} doubling, jittered, and the provider is asked in between`,
    `only while it surely remembers the key: ${remembered}`
  ].join("; ")
}

const asked = (): string => {
  const { backoff_ms, recovery_ms, review_ms, daily_ms } = DEFAULTS
  const pace = `${seconds(backoff_ms)} doubling up to ${seconds(recovery_ms)}`
  return `without end: ${pace}; after ${hours(review_ms)} a person is told and it goes on every ${hours(daily_ms)}`
}

/** What, where, bounds. */
const RETRIES = (): ReadonlyArray<readonly [string, string, string]> => {
  const { tries, firstMs, growth, mostMs } = DATABASE_OPERATION
  const pause = `${seconds(PAUSE_MIN_MS)} times ${PAUSE_GROWTH} up to ${seconds(PAUSE_MAX_MS)}`
  return [
    [
      "a provider call that cannot take money",
      "services/gateway/provider/http.ts",
      `${TRIES_MAX} tries within the call's time, pauses from 100 ms doubling up to 5 s, jittered`
    ],
    ["a charge", "services/gateway/next.ts", sent()],
    ["asking about an unknown outcome", "services/gateway/next.ts", asked()],
    [
      "a statement that met a serialization failure or a deadlock",
      "shared/runtime/postgres.ts",
      `${tries} tries, ${seconds(firstMs)} times ${growth} up to ${seconds(mostMs)}, jittered`
    ],
    [
      "a commit that met another writer",
      "shared/runtime/journal/",
      `${CONFLICTS.retriesMax} times within ${seconds(CONFLICTS.withinMs)}: reload, fold again`
    ],
    [
      "a commit while the store is away or full",
      "shared/runtime/lane.ts",
      `without end: ${pause}; readiness says 503 meanwhile`
    ],
    [
      "due timers",
      "shared/runtime/timers.ts",
      `looked for every ${seconds(defaultTimerSettings.pollMs)}; a firing is a message in the log, applied once`
    ],
    [
      "a step of a payment without an answer",
      "services/saga/saga.ts",
      `${RECOVERIES_MAX} times under the same command id, then a person is told; asking a provider does not count`
    ]
  ]
}

const retries = (): string => {
  const [stripe, paypal] = [breakerRules(undefined)("stripe"), breakerRules(undefined)("paypal")]
  const bounds = ({ consecutive, rate, calls_min, window_ms, reset_ms }: BreakerRules): string =>
    `${consecutive} failures in a row, or ${percent(rate)} of at least ${calls_min} calls in ${seconds(window_ms)}, ` +
    `for ${seconds(reset_ms)}`
  return `## What is tried again, where, how often

| what | where | bounds |
|---|---|---|
${RETRIES()
  .map(([what, where, how]) => `| ${what} | \`${where}\` | ${how} |`)
  .join("\n")}

A provider that fails too often is not asked to charge for a while: Stripe after ${bounds(stripe)};
PayPal and Adyen after ${bounds(paypal)}.
Then one probe may pass. Looking up, cancelling and refunding pass an open breaker, or what is unknown could never be
resolved. A breaker never decides whether money may move to another provider.

**Never tried again**: a refusal; a hard decline; a charge under a new key while an earlier one could still take
money; a charge after a 5xx (Stripe would replay it for a day: it is asked about and cancelled at once instead); a
message at which the process ended again and again.`
}

const UNKNOWN = `## The unknown outcome

1. A timeout, a reset, a cut or unreadable answer, a 5xx: nobody knows whether the money was taken.
2. That is a state of the attempt (UNKNOWN), not an error, and no time that passes ends it.
3. While it lasts no other provider is asked, nothing is compensated, and the payment is not FAILED.
4. The client has 202 and \`processing.reason = provider_outcome_unknown\`; the wallet's money is in clearing.
5. The provider is asked what became of it.
6. Charged: the payment goes on. Not charged: the same request again, under the same key.
7. When the tries are used up, the attempt is cancelled at the provider (the fence), and its own answer counts.
8. Only then another provider may be asked, or the money goes back.
9. A success that comes to light after that is refunded by itself, and told.
10. What nobody can find out is a person's case: \`POST /api/v1/ops/payments/{id}/resolve\` with evidence.`

const deadLetters = (): string => {
  const { redrivesMax, backoffMs } = defaultRedriveSettings
  const again = (of: (typeof ERROR_CLASSES)[number]): string => {
    if (of === "transient")
      return `${redrivesMax} times, the first after ${seconds(backoffMs)}, then four times as long each`
    return triedAtStart(of) ? "once at every start" : "never"
  }
  const rows = ERROR_CLASSES.map(
    (of) => `| \`${of}\` | ${ANALYSIS[of].means} | ${again(of)} | ${ANALYSIS[of].what_to_do} |`
  )
  return `## Dead letters and parking

A message that cannot be applied becomes a dead letter with its history and an analysis. Its *unit* (the stream it
addresses) is parked: later messages of that unit wait behind it in order, everybody else goes on. A batch that
fails is halved until the message stands alone. Nothing else makes a letter: a store that is away makes a service
wait.

| class | means | tried again by itself | what to do |
|---|---|---|---|
${rows.join("\n")}

Redrive hands the letter to the service again and then what waited, oldest first, with the ids they had, so what was
applied meanwhile has no second effect. Discard gives it up, with a reason. Nothing can be edited. Both are in the
audit log.`
}

const RECOVERY = `## Crash and recovery

Event, message to the next service, timer and offset are one commit: after a crash at any point each has happened,
or none has. What was to happen outside is committed as an intent first. On a start every open payment is looked at:
where a provider was asked, it is asked what became of it; everything else is in the log already and is read from
where the last commit stood. Ready only when caught up. Scenario 5 of [scenarios.md](scenarios.md) shows it.`

const OPERATORS = `## What an operator does

Each action needs a reason and is audited; a check needs none.

| sees | does |
|---|---|
| \`GET /api/v1/ops/dead-letters\` | \`POST …/{id}/redrive\`, \`…/{id}/discard\`, \`…/redrive\` for many |
| \`GET /api/v1/ops/sagas\`, stuck or parked | \`POST …/{id}/resume\`, \`…/{id}/compensate\` |
| a payment in review | look at the provider, then \`POST /api/v1/ops/payments/{id}/resolve\` with the evidence |
| \`GET /api/v1/ops/circuit-breakers\` | \`POST …/{provider}/open\` before a provider's maintenance, \`/close\` after |
| \`GET /api/v1/ops/consistency\` | \`POST …/verify\`, \`…/repair\`; with the platform stopped \`npm run rebuild\` |
| stored data that somebody may have changed | \`POST …/ops/audit/verify\`; \`npm run audit -- verify\` |`

const ENDS = `## What the client sees of a payment

| the payment | answer |
|---|---|
| COMPLETED | 201 |
| not ended, or unknown | 202 with \`Location\` and \`Retry-After\`; the same key attaches to it |
| lacks funds, also to another payment | 400 |
| declined, also after a fallback | 402, money back |
| cancelled | 409, money back |
| against a limit | 422 |
| its wallet is locked | 423 |
| no provider could execute it | 502, money back |
| out of time, nothing at a provider | 504, money back |

A problem after the payment exists has \`error.details.payment_id\`. FAILED is written after the money is back, so
whoever reads it can rely on that. After a broken connection, a
500 or a 503: the same request with the same key.`

const codes = (): string => {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, category, retryable, title, whatToDo }]) =>
      `| ${status} | \`${code}\` | ${category} | ${retryable ? "yes" : "no"} | ${title} | ${whatToDo} |`
  )
  return `## Codes

Answers are RFC 9457 \`application/problem+json\` with \`error: { code, message, details }\`.
"Again" tells whether the very same
request may be sent again; where money is at stake always with the same Idempotency-Key.

| status | code | category | again | means | what to do |
|---|---|---|---|---|---|
${rows.sort().join("\n")}`
}

const INTRO = `# Errors

What can go wrong, who tries again and how often, what is never tried again, and what is left for people. The
numbers are the code's.`

export const errors = (made: string): string =>
  `${made}
${[INTRO, CATEGORIES, retries(), UNKNOWN, deadLetters(), RECOVERY, ENDS, OPERATORS, codes()].join("\n\n")}
`
