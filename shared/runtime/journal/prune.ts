/**
 * Old commands leave the log once every group is past them; facts stay for ever. The last ones of each partition are
 * kept, for people who look and for a partition whose row must be made anew.
 */
import { Config, Effect, Layer, Schema } from "effect"
import { query, type Sql, type SqlFailure } from "../postgres.ts"

export interface PruneSettings {
  /** Commands each partition keeps behind its slowest group. */
  readonly keep: number
  /** Rows one statement deletes at most: small enough that no commit waits for it. */
  readonly batch: number
}

const Positive = Schema.NumberFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(1))
const keepSetting = Config.schema(Positive, "LOG_KEEP").pipe(Config.withDefault(10_000))

const BATCH = 5_000
const PAUSE_MS = 100
const LOOK_EVERY_MS = 60_000

/** Deletes one batch at most and answers with its size. */
export const pruneLog = ({ keep, batch }: PruneSettings): Effect.Effect<number, SqlFailure, Sql> =>
  Effect.map(
    query<{ deleted: bigint }>(
      (sql) => sql`with passed as (
        select tp, min(next) - ${keep}::bigint as below from bus.offsets group by tp),
      old as (
        select l.tp, l.off from passed cross join lateral (
          select tp, off from bus.log l where l.tp = passed.tp and l.off < passed.below order by off
          limit ${batch}::int) l
        limit ${batch}::int),
      gone as (delete from bus.log l using old where l.tp = old.tp and l.off = old.off returning 1)
      select count(*) as deleted from gone`
    ),
    ([row]) => Number(row?.deleted ?? 0)
  )

/** Runs as long as the layer lives; a store that is away is asked again a minute later. */
export const logPruning: Layer.Layer<never, Config.ConfigError, Sql> = Layer.effectDiscard(
  Effect.gen(function* () {
    const keep = yield* keepSetting
    const sweep: Effect.Effect<void, SqlFailure, Sql> = Effect.flatMap(pruneLog({ keep, batch: BATCH }), (deleted) =>
      deleted < BATCH ? Effect.void : Effect.andThen(Effect.sleep(PAUSE_MS), sweep)
    )
    const tended = Effect.catchCause(sweep, (cause) => Effect.logWarning("the log was not pruned", cause))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(LOOK_EVERY_MS), tended)))
  })
)
