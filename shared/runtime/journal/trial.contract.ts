/** How a test of a store runs: on a store of its own, in memory or in Postgres. */
import { expect, test } from "bun:test"
import { Effect, type Layer, Result, type Scope } from "effect"
import type { Row, Table } from "../decider.ts"
import { balances, commandsOf, eventsOf, keys, progress } from "./samples.contract.ts"
import { JournalStore, type LogRecord, type Store, type StoreFailure, type Write } from "./store.ts"

export interface StoreUnderTest {
  readonly layer: Layer.Layer<JournalStore>
  /** What stands in a table of the suite, in the order of its key. */
  readonly rows: (table: Table) => Promise<ReadonlyArray<Row>>
  readonly end: () => Promise<void>
}

export type Opened = StoreUnderTest & { readonly store: Store; readonly open: (name: string) => OpenedStore }
type OpenedStore = Effect.Effect<Store, StoreFailure, Scope.Scope>
type Trial = (opened: Opened) => Effect.Effect<void, StoreFailure, Scope.Scope>

export type Declare = (title: string, body: Trial) => void

export const trials =
  (makeStore: () => Promise<StoreUnderTest>): Declare =>
  (title, body) =>
    test(title, async () => {
      const made = await makeStore()
      const opened = Effect.gen(function* () {
        const { open } = yield* JournalStore
        yield* body({ ...made, open, store: yield* open("trial") })
      })
      try {
        await Effect.runPromise(Effect.scoped(opened).pipe(Effect.provide(made.layer)))
      } finally {
        await made.end()
      }
    })

export const offs = (records: ReadonlyArray<LogRecord>) => records.map(({ off }) => off)
/** Refused with this, and not a trace of the write. */
export const refused = Effect.fnUntraced(function* ({ store, rows }: Opened, write: Write, failure: object) {
  const tps = [eventsOf(), commandsOf()]
  const look = Effect.gen(function* () {
    const due = yield* store.due(Number.MAX_SAFE_INTEGER, 100)
    const kept = yield* Effect.promise(() => Promise.all([balances, progress, keys].map(rows)))
    return [yield* store.heads(tps), yield* store.offsets("wallet", tps), due, kept]
  })
  const before = yield* look
  const outcome = yield* Effect.result(store.write(write))
  expect(Result.isFailure(outcome) ? outcome.failure : outcome).toMatchObject(failure)
  expect(yield* look).toEqual(before)
})
