/** The second look: each finding again, at a later moment. Only what is still there is an inconsistency. */
import { Effect } from "effect"
import type { Desk } from "./desk.ts"
import { type Found, identityOf } from "./finding.ts"
import { provider } from "./provider.ts"
import { atOneMoment } from "./run.ts"
import { postingsBy, rowsBy } from "./store.ts"
import { inspect, locate, peekAt } from "./streams.ts"
import { sums } from "./sums.ts"
import { withoutEvent, withoutStream } from "./tour.ts"

const STREAMS_AT_ONCE = 100

/** `unsettled`: streams of which more was remembered than was stored at the first look. */
export const secondLook = (desk: Desk, found: ReadonlyArray<Found>, unsettled: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    if (found.length + unsettled.length === 0) return []
    const of = (pass: Found["pass"]) => found.filter((one) => one.pass === pass)
    const again: Array<Found> = []
    const streams = leading([...of("stream").map(({ stream }) => stream), ...unsettled])
    const placed = yield* locate(desk, streams)
    for (let at = 0; at < placed.length; at += STREAMS_AT_ONCE) {
      const part = placed.slice(at, at + STREAMS_AT_ONCE)
      const { findings, unsettled: ahead } = yield* atOneMoment(inspect(desk, part, peekAt(part)))
      again.push(...findings, ...ahead.map((replay) => replay.memoryIsAhead()))
    }
    again.push(...(yield* atOneMoment(rowsAgain(desk, of("row")))))
    again.push(...(yield* atOneMoment(postingsAgain(desk, of("posting")))))
    if (of("sums").length > 0) again.push(...(yield* sums))
    if (of("provider").length > 0) again.push(...(yield* provider))
    const asked = new Set(found.map(identityOf))
    const late = new Set(unsettled)
    return again.filter((one) => asked.has(identityOf(one)) || (one.kind === "memory_differs" && late.has(one.stream)))
  })

/** A row that several streams write is found from the leading one. */
const leading = (streams: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(
    streams.flatMap((stream) =>
      stream.startsWith("gateway-") ? [stream, stream.replace("gateway-", "saga-")] : [stream]
    )
  )
]

const rowsAgain = (desk: Desk, found: ReadonlyArray<Found>) =>
  Effect.forEach(desk.sources, (source) =>
    Effect.gen(function* () {
      const keys = found.flatMap(({ table, cells }) => (table === source.table.name ? [cells] : []))
      if (keys.length === 0) return []
      return yield* withoutStream(desk, source, yield* rowsBy(source.table, source.table.key, keys))
    })
  ).pipe(Effect.map((lists) => lists.flat()))

const postingsAgain = (desk: Desk, found: ReadonlyArray<Found>) =>
  Effect.gen(function* () {
    if (found.length === 0) return []
    const keys = found.map(({ cells: [payment_id = "", kind = "", ref = ""] }) => ({ payment_id, kind, ref }))
    return yield* withoutEvent(desk, yield* postingsBy(keys))
  })
