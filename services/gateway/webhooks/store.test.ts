import { afterAll, expect, test } from "bun:test"
import { Effect, type Layer, ManagedRuntime } from "effect"
import { migrations } from "../../../infra/embedded/schema.ts"
import { testDatabase } from "../../../infra/testing/postgres.ts"
import { Sql } from "../../../shared/runtime/postgres.ts"
import { NOON } from "../testing.ts"
import { type Arrived, due, forget, keep, looked, soonest } from "./store.ts"

const database = await testDatabase({ migrations })
const runtime = ManagedRuntime.make(Sql.layerFrom({ url: database.url, max: 2 }) as Layer.Layer<Sql>)
afterAll(async () => {
  await runtime.dispose()
  await database.drop()
})
const run = <A, E>(effect: Effect.Effect<A, E, Sql>) => runtime.runPromise(effect)

const arrived = (event_id: string, over: Partial<Arrived> = {}): Arrived => ({
  provider: "stripe",
  event_id,
  type: "payment_intent.succeeded",
  item: 0,
  body: '{"odd":  "\\u00e9", \t"back":"\\\\slash", "quote":"it\'s {1,2}"}',
  status: "received",
  received_at: NOON,
  next_at: NOON + 20,
  ...over
})

test("P73 one event is kept once, whoever brings it and however often; its text is what came", async () => {
  const twice = [arrived("evt_1"), arrived("evt_1"), arrived("evt_1", { provider: "paypal" })]
  const kept = await run(Effect.all([keep(twice), keep([arrived("evt_1")])], { concurrency: "unbounded" }))
  expect(
    kept
      .flat()
      .map(({ provider }) => provider)
      .sort()
  ).toEqual(["paypal", "stripe"])
  expect(await run(keep(twice))).toEqual([])
  const rows = await run(due(NOON + 20, 10))
  expect(rows.map(({ body }) => body)).toEqual([arrived("").body, arrived("").body])
  expect(await run(due(NOON + 19, 10))).toEqual([])
  expect(await run(soonest)).toBe(NOON + 20)
})

test("a look is counted, and says when the next one is", async () => {
  const end = { payment_id: "p", reason: null, provider: "stripe", event_id: "evt_1" } as const
  await run(looked([{ ...end, status: "parked", reason: "no such payment", next_at: NOON + 1_000 }]))
  await run(looked([{ ...end, provider: "paypal", status: "known", next_at: null }]))
  expect(await run(due(NOON + 999, 10))).toEqual([])
  expect(await run(due(NOON + 1_000, 10))).toMatchObject([{ event_id: "evt_1", status: "parked", looks: 1 }])
  await run(looked([{ ...end, status: "applied", next_at: null }]))
  expect(await run(soonest)).toBeUndefined()
})

test("they are forgotten by age, so many at a time", async () => {
  await run(keep([arrived("evt_2", { received_at: NOON + 1 }), arrived("evt_3", { received_at: NOON + 9 })]))
  expect(await run(forget(NOON + 9, 2))).toBe(2)
  expect(await run(forget(NOON + 9, 2))).toBe(1)
  expect(await run(due(NOON + 20, 10))).toMatchObject([{ event_id: "evt_3" }])
})
