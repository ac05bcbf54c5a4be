/** The trail on the real database: who else can compute its hashes, where days end, and what comes off with a month. */
import { afterAll, expect, test } from "bun:test"
import { Effect, ManagedRuntime } from "effect"
import { TestClock } from "effect/testing"
import postgres from "postgres"
import { prepareDatabase } from "../../../infra/embedded/schema.ts"
import { testDatabase } from "../../../infra/testing/postgres.ts"
import { allTopicPartitions, topicPartition } from "../../../shared/contract/topics.ts"
import { ensureMonths } from "../../../shared/runtime/journal/partitions.ts"
import { Sql } from "../../../shared/runtime/postgres.ts"
import { verifyTrail } from "./verify.ts"
import { positionsSeeded, recordBatch } from "./writer.ts"

const database = await testDatabase()
const sql = postgres(database.url, { max: 1, onnotice: () => {} })
const runtime = ManagedRuntime.make(Sql.layerFrom({ url: database.url, max: 2 }))
afterAll(async () => {
  await runtime.dispose()
  await sql.end()
  await database.drop()
})

const tp = topicPartition("wallet-events", "t/ana")
let off = 0
const append = async (count: number) => {
  for (let i = 0; i < count; i++, off++) {
    const body = { time: "2026-10-30T09:30:00.000Z", partitionkey: "t/ana", actor: "key:k1", schema: 1, data: {} }
    await sql`insert into journal.events values (gen_random_uuid(), 'wallet-w', ${off + 1}, 'WalletLocked',
      gen_random_uuid(), 0, ${tp}, ${off}, ${JSON.stringify(body)})`
  }
  await sql`update bus.partitions set next = ${off} where tp = ${tp}`
}

/** As the writer would at that moment. */
const recordAt = (at: string, batch = 50) =>
  runtime.runPromise(
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse(at))
      return yield* recordBatch(batch)
    }).pipe(Effect.provide(TestClock.layer()))
  )
const walk = () => runtime.runPromise(verifyTrail(undefined, { page: 3, pauseShare: 0, progress: () => {} }))

await runtime.runPromise(prepareDatabase)
await sql`insert into bus.partitions ${sql(allTopicPartitions().map((tp) => ({ tp, next: 0 })))}`
await runtime.runPromise(
  ensureMonths({ table: "audit.entries", column: "ms", from: Date.parse("2026-09-15"), monthsAhead: 1 })
)
await runtime.runPromise(positionsSeeded)

test("batches are bounded, and days end with an anchor", async () => {
  await append(7)
  const sizes: Array<number> = []
  for (let n = 1; n > 0; sizes.push(n)) n = (await recordAt("2026-09-29T12:00:00Z", 3)).events
  expect(sizes).toEqual([3, 3, 1, 0])
  await append(2)
  expect((await recordAt("2026-09-30T23:59:59Z")).anchors).toMatchObject([{ day: "2026-09-29", seq: 7 }])
  await append(4)
  expect((await recordAt("2026-10-01T00:00:00Z")).anchors).toMatchObject([{ day: "2026-09-30", seq: 9 }])
  await append(1)
  expect((await recordAt("2026-10-01T00:00:01Z")).anchors).toEqual([])
  expect(await walk()).toMatchObject({ valid: true, entries: 14, chains: [{ tenant: "t", first: 1, last: 14 }] })
})

test("whoever can read the rows can compute the hashes: Postgres does, from what README.md says", async () => {
  const [row] = await sql`
    select count(*)::int as n, count(*) filter (where hash = sha256(convert_to(
      coalesce(encode(previous, 'hex'), repeat('0', 64)) || E'\\n' || format(
        '{"actor":%s,"at":%s,"event_id":%s,"event_sha256":%s,"off":%s,"seq":%s,"stream":%s,"tenant":%s,"time":%s,'
        '"tp":%s,"type":%s,"version":%s}', to_json(actor), at, to_json(event_id), to_json(encode(event_sha256, 'hex')),
        off, seq, to_json(stream), to_json(tenant), time, tp, to_json(type), version), 'UTF8')))::int as entries,
      count(*) filter (where event_sha256 = sha256(convert_to(
        concat_ws(E'\\n', id, e_stream, e_version, e_type, cause, n, body), 'UTF8')))::int as events
    from (select a.*, lag(hash) over (order by seq) as previous, e.id, e.stream as e_stream, e.version as e_version,
        e.type as e_type, e.cause, e.n, e.body
      from audit.entries a join journal.events e on e.tp = a.tp and e.off = a.off where a.tenant = 't') x`
  expect(row).toEqual({ n: 14, entries: 14, events: 14 })
})

test("an anchor that is not what stands there is found", async () => {
  await sql`update audit.anchors set hash = sha256('') where day = '2026-09-29'`
  const { first_invalid } = await walk()
  expect(first_invalid).toMatchObject({ flaw: "anchor_differs", seq: 7 })
  await sql`update audit.anchors set hash = (select hash from audit.entries where seq = 7) where day = '2026-09-29'`
  expect((await walk()).valid).toBe(true)
})

test("a month's rows that were deleted are missing; a month that was taken off is not", async () => {
  await sql`create table taken as select * from audit.entries where seq <= 9`
  await sql`delete from audit.entries where seq <= 9`
  expect((await walk()).first_invalid).toMatchObject({ flaw: "row_missing", seq: 1 })
  await sql`insert into audit.entries select * from taken`
  await sql`alter table audit.entries detach partition audit.entries_2026_09`
  await sql`alter table audit.entries_2026_09 rename to entries_kept`
  expect(await walk()).toMatchObject({ valid: true, entries: 5, chains: [{ first: 10, last: 14 }] })
  await sql`delete from audit.entries where seq = 10`
  expect((await walk()).first_invalid).toMatchObject({ flaw: "row_missing", seq: 1 })
})
