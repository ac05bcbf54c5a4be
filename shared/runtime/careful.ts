/** A lane in a careful life: what was in the log at its start is taken one record at a time, each marked. */
import { Effect } from "effect"
import type { Message, Service } from "../contract/envelope.ts"
import type { Entry } from "./batch.ts"
import type { CrashWatch } from "./crashwatch.ts"
import { concerns, unitOf } from "./deadletter.ts"

export interface CarefulParts {
  readonly service: Service
  readonly route: (message: Message) => string | undefined
  readonly crash: CrashWatch
}

export const ended = (times: number): string => `the process ended ${times} times while it was at this unit's work`

type Commit = (entries: ReadonlyArray<Entry>) => Effect.Effect<void>

/** Commands handed over in memory die with the process: nobody repeats them but their askers. */
export const carefully = Effect.fnUntraced(function* (
  { service, route, crash }: CarefulParts,
  entries: ReadonlyArray<Entry>,
  commit: Commit
) {
  yield* commit(entries.filter(({ record }) => record === undefined))
  for (const entry of entries) {
    const { record } = entry
    if (record === undefined) continue
    if (!concerns(record, route)) {
      yield* commit([entry])
      continue
    }
    const unit = unitOf(record, route)
    const deaths = crash.condemned(service, unit)
    if (deaths === undefined) {
      yield* crash.marked(service, unit, `${record.tp}/${record.off}`, commit([entry]))
      continue
    }
    yield* commit([{ record, dead: { errorClass: "crash", error: ended(deaths) } }])
    yield* crash.buried(service, unit)
  }
})
