/** What the database must be before anything runs on it: migrated, and of one mind with us about the time. */

import { fileURLToPath } from "node:url"
import { Clock, Effect, Schema } from "effect"
import { ensureMonths } from "../../shared/runtime/journal/partitions.ts"
import { migrate } from "../../shared/runtime/migrate.ts"
import { query } from "../../shared/runtime/postgres.ts"

export class ClockSkew extends Schema.TaggedError<ClockSkew>()("ClockSkew", { skewMs: Schema.Finite }) {
  override get message() {
    return `our clock and the database's differ by ${this.skewMs} ms, more than ${SKEW_MAX_MS}: set one right`
  }
}

/** Timers and windows of two clocks this far apart would fire early or never (DECISIONS D6). */
const SKEW_MAX_MS = 2_000

const folder = (path: string) => fileURLToPath(new URL(`../../${path}/migrations`, import.meta.url))
const SERVICES = ["payment", "wallet", "gateway", "saga", "notification", "audit", "api"] as const
const sources = [
  { service: "journal", dir: folder("shared/runtime/journal") },
  ...SERVICES.map((service) => ({ service, dir: folder(`services/${service}`) }))
]
export const migrations = sources

export const prepareDatabase = Effect.gen(function* () {
  const before = yield* Clock.currentTimeMillis
  const [row] = yield* query<{ now: number }>(
    (sql) => sql`select extract(epoch from clock_timestamp())::float8 * 1000 as now`
  )
  const after = yield* Clock.currentTimeMillis
  const skewMs = Math.round(Math.max(0, before - (row?.now ?? before), (row?.now ?? after) - after))
  if (skewMs > SKEW_MAX_MS) return yield* new ClockSkew({ skewMs })
  const applied = yield* migrate(sources)
  yield* monthsAhead
  return applied
})

/** Tables that grow by time, by the month of their UUIDv7 keys, or of a time. */
const MONTHLY = [
  { table: "payment.payments", column: "uuidv7" },
  { table: "notification.notifications", column: "uuidv7" },
  { table: "audit.operator_actions", column: "uuidv7" },
  { table: "audit.entries", column: "ms" }
] as const
const MONTHS_AHEAD = 3

/** At the start and once a day: a month that nobody made would fill the default partition. */
export const monthsAhead = Effect.gen(function* () {
  const from = yield* Clock.currentTimeMillis
  for (const of of MONTHLY) yield* ensureMonths({ ...of, from, monthsAhead: MONTHS_AHEAD })
})
