/** Old commands leave the log, against a real server. */
import { describe, expect, test } from "bun:test"
import { Effect, type Scope } from "effect"
import { topicPartitions } from "../../contract/topics.ts"
import { credit, send } from "../../testing/tally.ts"
import { Sql } from "../postgres.ts"
import type { PostgresUnderTest } from "./database.contract.ts"
import { pruneLog } from "./prune.ts"
import { JournalStore } from "./store.ts"

const COMMANDS = 40

const onStore = async (makeStore: () => Promise<PostgresUnderTest>, body: (under: PostgresUnderTest) => Body) => {
  const under = await makeStore()
  const program = Effect.scoped(Effect.suspend(() => body(under)))
  const layers = [under.layer, Sql.layerFrom({ url: under.url, max: 2 })] as const
  try {
    await Effect.runPromise(program.pipe(Effect.provide(layers[0]), Effect.provide(layers[1])))
  } finally {
    await under.end()
  }
}
type Body = Effect.Effect<void, unknown, JournalStore | Sql | Scope.Scope>

export const pruneContract = (makeStore: () => Promise<PostgresUnderTest>): void => {
  describe("old commands", () => {
    test("leave the log behind the slowest group, the last of each partition stay", () =>
      onStore(makeStore, ({ sql }) =>
        Effect.gen(function* () {
          const store = yield* (yield* JournalStore).open("test")
          const messages = Array.from({ length: COMMANDS }, (_, n) => credit("ana", String(n)))
          yield* send(store, ...messages)
          const tps = topicPartitions("wallet-commands")
          yield* store.offsets("wallet", tps)
          yield* store.offsets("metrics", tps)
          const left = async () => (await sql`select off::int from bus.log order by off`).map(({ off }) => off)
          expect(yield* pruneLog({ keep: 5, batch: 100 })).toBe(0)
          yield* Effect.promise(() => sql`update bus.offsets set next = 40 where grp = 1`)
          yield* Effect.promise(() => sql`update bus.offsets set next = 30 where grp = 4`)
          expect(yield* pruneLog({ keep: 5, batch: 20 })).toBe(20)
          expect(yield* pruneLog({ keep: 5, batch: 20 })).toBe(5)
          expect(yield* pruneLog({ keep: 5, batch: 20 })).toBe(0)
          expect(yield* Effect.promise(left)).toEqual(Array.from({ length: 15 }, (_, n) => n + 25))
        })
      ))

    test("that are gone are not waited for by a group that begins", () =>
      onStore(makeStore, ({ sql }) =>
        Effect.gen(function* () {
          const store = yield* (yield* JournalStore).open("test")
          yield* send(store, credit("ana", "1"), credit("ana", "2"), credit("ana", "3"))
          const [row] = yield* Effect.promise(() => sql`select tp::int from bus.log limit 1`)
          const tp = row?.["tp"] as number
          yield* Effect.promise(() => sql`delete from bus.log where off < 2`)
          expect([...(yield* store.offsets("wallet", [tp])).values()]).toEqual([2])
          yield* Effect.promise(() => sql`delete from bus.log`)
          expect([...(yield* store.offsets("metrics", [tp])).values()]).toEqual([3])
        })
      ))
  })
}
