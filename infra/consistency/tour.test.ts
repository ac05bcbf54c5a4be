/** The way through everything ends, and each page of it is bounded, whatever grows meanwhile. */
import { afterAll, expect, test } from "bun:test"
import { Effect, ManagedRuntime } from "effect"
import postgres from "postgres"
import { walletDecider } from "../../services/wallet/decider.ts"
import { defaultHoldSettings } from "../../services/wallet/holds.ts"
import { topicPartition } from "../../shared/contract/topics.ts"
import { Sql } from "../../shared/runtime/postgres.ts"
import { migrations } from "../embedded/schema.ts"
import { testDatabase } from "../testing/postgres.ts"
import { bookOf } from "./book.ts"
import type { Desk } from "./desk.ts"
import { Tour } from "./tour.ts"

const database = await testDatabase({ migrations })
const sql = postgres(database.url, { max: 1, onnotice: () => {} })
const runtime = ManagedRuntime.make(Sql.layerFrom({ url: database.url, max: 1 }))
afterAll(async () => {
  await runtime.dispose()
  await sql.end()
  await database.drop()
})

const settings = { concurrentPaymentWindowMs: 1, rememberMs: 1, holds: defaultHoldSettings }
const desk: Desk = {
  books: [bookOf(walletDecider(settings), ["wallet-"])],
  sources: [],
  shared: [],
  accounts: () => undefined
}
const tp = topicPartition("wallet-events", "default/ana")
let off = 0
const append = async (stream: string, from: number, count: number) => {
  const body = { time: "2026-11-25T09:30:00.000Z", partitionkey: "default/ana", actor: "x", schema: 1 }
  for (let version = from; version < from + count; version++) {
    const data = {
      wallet_id: stream.slice(7),
      ...(version === 1 ? { user_id: "ana", currency: "USD" } : { reason: "r" })
    }
    const type = version === 1 ? "WalletCreated" : version % 2 === 0 ? "WalletLocked" : "WalletUnlocked"
    await sql`insert into journal.events
      values (gen_random_uuid(), ${stream}, ${version}, ${type}, gen_random_uuid(), 0, ${tp},
        ${off++}, ${JSON.stringify({ ...body, data })})`
  }
}

const STEPS_MAX = 200
const LIMIT = 4

test("a stream that grows faster than it is read is left; those after it are read", async () => {
  await append("wallet-a", 1, 3)
  await append("wallet-hot", 1, 30)
  await append("wallet-z", 1, 9)
  const tour = new Tour(desk)
  const closed: Array<string> = []
  let hot = 30
  let steps = 0
  for (; !tour.done() && steps < STEPS_MAX; steps++) {
    const page = await runtime.runPromise(tour.step(LIMIT))
    expect(page.read).toBeLessThanOrEqual(LIMIT)
    expect(page.findings).toEqual([])
    closed.push(...page.closed.map(({ stream, version }) => `${stream}@${version}`))
    await append("wallet-hot", hot + 1, LIMIT + 1)
    hot += LIMIT + 1
  }
  expect(steps).toBeLessThan(STEPS_MAX)
  expect(closed).toEqual(["wallet-a@3", "wallet-z@9"])
})

test("at rest every stream is read to its end, however small the pages", async () => {
  const tour = new Tour(desk)
  const closed: Array<string> = []
  const walk = Effect.gen(function* () {
    while (!tour.done()) closed.push(...(yield* tour.step(LIMIT)).closed.map(({ stream }) => stream))
  })
  await runtime.runPromise(walk)
  expect(closed).toEqual(["wallet-a", "wallet-hot", "wallet-z"])
})
