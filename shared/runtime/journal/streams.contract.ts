/** Loading a stream, and following the log while others write. */
import { expect } from "bun:test"
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import * as sample from "./samples.contract.ts"
import { event, eventsOf, slow, walletWrite } from "./samples.contract.ts"
import type { LogRecord } from "./store.ts"
import { type Declare, offs } from "./trial.contract.ts"

export const streams = (trial: Declare) => {
  const versions = (stored: ReadonlyArray<{ readonly version: number }> | undefined) =>
    stored?.map(({ version }) => version)

  trial("a stream is its snapshot, the events after it and its timer", ({ store }) =>
    Effect.gen(function* () {
      const write = walletWrite({
        events: [event("w1", 1), event("w1", 2), event("w1", 3), event("w2", 1)],
        snapshots: [sample.snapshot("w1", 2, 1, { held: [], note: "é\n" })],
        armed: [sample.timer("w2", 77)]
      })
      yield* store.write(write)
      const found = yield* store.load(
        ["w1", "w2", "w3"].map((stream) => ({ tp: eventsOf(), stream })),
        1
      )
      expect(found.get("w1")?.snapshot).toMatchObject({ version: 2, state: { held: [], note: "é\n" } })
      expect(found.get("w1")?.events).toEqual([{ version: 3, message: write.events[2]!.message }])
      expect(found.get("w2")).toMatchObject({ snapshot: undefined, armed: 77 })
      expect(versions(found.get("w2")?.events)).toEqual([1])
      expect(found.get("w3")).toEqual({ snapshot: undefined, events: [], armed: undefined })
      yield* store.write(
        walletWrite({ events: [event("w1", 4)], snapshots: [sample.snapshot("w1", 4, 1, { held: [1] })] })
      )
      expect((yield* store.load([{ tp: eventsOf(), stream: "w1" }], 1)).get("w1")).toMatchObject({
        snapshot: { version: 4, state: { held: [1] } },
        events: []
      })
    })
  )

  trial("P95: a snapshot of another schema is ignored, and the stream is replayed from 1", ({ store }) =>
    Effect.gen(function* () {
      const events = [1, 2, 3].map((version) => event("w1", version))
      yield* store.write(walletWrite({ events, snapshots: [sample.snapshot("w1", 2, 1, { old: true })] }))
      const stored = (yield* store.load([{ tp: eventsOf(), stream: "w1" }], 2)).get("w1")
      expect(stored?.snapshot).toBeUndefined()
      expect(versions(stored?.events)).toEqual([1, 2, 3])
    })
  )
}

export const concurrency = (trial: Declare) => {
  const WRITERS = 8
  const WRITES = 12

  trial(
    "F45 F46 P98: a reader behind its checkpoint sees every record once, in order, while eight commit slowly",
    ({ store, open }) =>
      Effect.gen(function* () {
        const partitions = ["acme/ana", "acme/bo", "acme/cy"]
        const writer = Effect.fnUntraced(function* (n: number) {
          const own = yield* open(`writer-${n}`)
          for (let i = 1; i <= WRITES; i++) {
            const events = partitions.map((of) => event(`w-${n}-${of}`, i, { of })).sort(() => (n % 2 === 0 ? 1 : -1))
            yield* own.write(walletWrite({ events, tables: [{ table: slow, rows: [{ id: randomUUID() }] }] }))
          }
        })
        const tps = new Set(partitions.map(eventsOf))
        const seen = new Map([...tps].map((tp) => [tp, [] as Array<LogRecord>]))
        const total = WRITERS * WRITES * partitions.length
        const follow = Effect.gen(function* () {
          while ([...seen.values()].reduce((sum, { length }) => sum + length, 0) < total) {
            for (const [tp, records] of seen) {
              records.push(...(yield* store.read(tp, (records.at(-1)?.off ?? -1) + 1, 50)))
            }
            yield* Effect.yieldNow
          }
        })
        const writers = Array.from({ length: WRITERS }, (_, n) => writer(n))
        yield* Effect.all([follow, ...writers], { concurrency: "unbounded", discard: true }).pipe(
          Effect.timeout("20 seconds"),
          Effect.orDie
        )
        for (const records of seen.values()) {
          expect(offs(records)).toEqual(records.map((_, index) => index))
          const streams = Map.groupBy(records, ({ message }) => message?.subject)
          for (const [stream, own] of streams) {
            const stored = yield* store.load([{ tp: own[0]!.tp, stream: stream! }], 1)
            expect(own.map(({ message }) => message?.id)).toEqual(
              stored.get(stream!)!.events.map(({ message }) => message.id)
            )
          }
        }
      })
  )
}
