/**
 * What one commit of the journal costs: `bun bench/journal.ts [rounds]`. A durable embedded Postgres; batches of 128
 * events with commands, one projection and the consumer's offsets; with and without partitions and the check of the
 * previous version. The variants take turns, so that a slow moment of the machine hits all of them.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import postgres from "postgres"
import { startPostgres } from "../infra/embedded/postgres.ts"
import type { Message } from "../shared/contract/envelope.ts"
import { topicPartition, topicPartitions } from "../shared/contract/topics.ts"
import type { Table } from "../shared/runtime/decider.ts"
import { Ids, uuidv5 } from "../shared/runtime/ids.ts"
import { postgresStoreFrom } from "../shared/runtime/journal/postgres.ts"
import { emptyWrite, JournalStore, type Write } from "../shared/runtime/journal/store.ts"
import { migrate } from "../shared/runtime/migrate.ts"
import { Sql } from "../shared/runtime/postgres.ts"

const BATCH = 128
const user = (n: number) => `acme/user-${n}`
const WRITES_A_ROUND = 60
/** A payment is 14 events and 5 commands: the batch is that many payments' worth of rows. */
const PAYMENTS = BATCH / 14
const COMMANDS = Math.round(PAYMENTS * 5)
/** Streams live for four writes: three quarters of the events continue one. */
const VERSIONS = 4
const rounds = Number(process.argv[2] ?? 10)
const ids = await Effect.runPromise(Effect.provide(Ids, Ids.layer))

const wallets: Table = {
  name: "bench.wallets",
  columns: { id: "text", tenant: "text", balance: "bigint", held: "bigint", version: "int", updated_at: "bigint" },
  key: ["id"],
  write: "replace"
}
const createWallets = `create schema bench; create table bench.wallets (id text collate "C" primary key, tenant text,
  balance bigint check (balance >= 0), held bigint, version int, updated_at bigint) with (fillfactor = 80)`
const withoutPartitions = `alter table journal.events rename to events_partitioned;
  create table journal.events (like journal.events_partitioned,
    constraint events_version_x primary key (tp, stream, version),
    constraint events_off_x unique (tp, off), constraint events_cause_x unique (tp, cause, n))`

const data = (wallet_id: string) => ({
  wallet_id,
  reason: "about as long as a deduction's: payment, amounts, currency"
})
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
const fixed = { time: Date.UTC(2026, 10, 25), tenant: "acme", traceparent, actor: "service:wallet", schema: 1 }
const message = (type: string, id: string, subject: string, partitionkey: string, causationid: string): Message => {
  return { ...fixed, id, type, subject, partitionkey, causationid, correlationid: id, data: data(subject) }
}

const makeWrites = function* (): Generator<Write> {
  let streams: ReadonlyArray<string> = []
  for (let serial = 0; ; serial++) {
    if (serial % VERSIONS === 0) streams = Array.from({ length: BATCH }, () => `wallet-${ids.next(Date.now())}`)
    const version = (serial % VERSIONS) + 1
    const next = new Map<number, number>()
    const place = (topic: "wallet-events" | "saga-commands", i: number) => {
      const tp = topicPartition(topic, user(i))
      next.set(tp, (next.get(tp) ?? -1) + 1)
      return { tp, ordinal: next.get(tp) as number }
    }
    const events = streams.map((stream, i) => {
      const cause = i % 3 === 0 ? uuidv5(stream, `${version}`) : ids.next(Date.now()) // a command's id, or an event's
      const event = message("WalletLocked", ids.next(Date.now()), stream, user(i), cause)
      return { message: event, version, cause, n: 0, ...place("wallet-events", i) }
    })
    const commands = streams.slice(0, COMMANDS).map((stream, i) => {
      const id = uuidv5(stream, `command ${version}`)
      return { message: message("LockWallet", id, stream, user(i), ids.next(Date.now())), ...place("saga-commands", i) }
    })
    const rows = streams.map((id) => ({ id, tenant: "acme", balance: 7n, held: 0n, version, updated_at: serial }))
    const offsets = topicPartitions("wallet-commands").map((tp) => ({ tp, from: serial * 16, to: serial * 16 + 16 }))
    yield { ...emptyWrite("wallet"), offsets, events, commands, tables: [{ table: wallets, rows }] }
  }
}

/** User and system seconds of a server and its processes, also those that have ended. */
const serverCpuSeconds = (postmaster: number): number => {
  const stats = readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid) || !existsSync(`/proc/${pid}/stat`)) return []
    return [
      { pid: Number(pid), at: readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ").map(Number) }
    ]
  })
  const ticks = stats.map(({ pid, at }) => {
    if (pid !== postmaster && at[1] !== postmaster) return 0
    return at[11]! + at[12]! + (pid === postmaster ? at[13]! + at[14]! : 0)
  })
  return ticks.reduce((a, b) => a + b, 0) / 100
}

const dataDir = mkdtempSync(join(tmpdir(), "wallet-bench-"))
const server = await startPostgres({ dataDir, removeDataDir: true })
const postmaster = Number(readFileSync(join(dataDir, "postgres", "postmaster.pid"), "utf8").split("\n")[0])
const onServer = (url: string, text: string) =>
  Effect.promise(async () => {
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    await sql.unsafe(text)
    await sql.end()
  })

const variant = Effect.fnUntraced(function* (name: string, plain: boolean, checkPrevious: boolean) {
  const url = new URL(server.url)
  url.pathname = `/bench_${plain}_${checkPrevious}`
  yield* onServer(server.url, `create database ${url.pathname.slice(1)}`)
  const dir = new URL("../shared/runtime/journal/migrations", import.meta.url).pathname
  yield* migrate([{ service: "journal", dir }]).pipe(Effect.provide(Sql.layerFrom({ url: url.href, max: 1 })))
  yield* onServer(url.href, plain ? `${createWallets};${withoutPartitions}` : createWallets)
  const opened = Effect.flatMap(JournalStore, ({ open }) => open("bench"))
  const store = yield* Effect.provide(opened, postgresStoreFrom({ url: url.href, checkPrevious }))
  yield* store.offsets("wallet", topicPartitions("wallet-commands"))
  return { name, store, writes: makeWrites(), ms: [] as Array<number>, cpu: [] as Array<number> }
})

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1] as number

const bench = Effect.gen(function* () {
  const variants = [
    yield* variant("8 partitions", false, true),
    yield* variant("one table", true, true),
    yield* variant("8 partitions, no check", false, false),
    yield* variant("one table, no check", true, false)
  ]
  for (let round = -2; round < rounds; round++) {
    for (const { store, writes, ms, cpu } of variants) {
      const batch = Array.from({ length: WRITES_A_ROUND }, () => writes.next().value as Write)
      const [cpuBefore, before] = [serverCpuSeconds(postmaster), performance.now()]
      for (const write of batch) yield* store.write(write)
      if (round < 0) continue // caches and plans come first
      ms.push((performance.now() - before) / WRITES_A_ROUND)
      cpu.push((serverCpuSeconds(postmaster) - cpuBefore) / WRITES_A_ROUND)
    }
  }
  const row = ({ name, ms, cpu }: (typeof variants)[number]) => ({
    layout: name,
    "ms a write": median(ms).toFixed(2),
    "rows/s": Math.round(((BATCH * 2 + COMMANDS) / median(ms)) * 1000),
    "µs an event": ((median(ms) / BATCH) * 1000).toFixed(1),
    "server CPU s per 1000 payments": ((cpu.reduce((a, b) => a + b) / cpu.length / PAYMENTS) * 1000).toFixed(3)
  })
  console.table(variants.map(row))
})

await Effect.runPromise(Effect.scoped(bench)).finally(server.stop)
