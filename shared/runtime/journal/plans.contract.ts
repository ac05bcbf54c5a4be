/**
 * Every statement the store sends is made of index lookups, also as a plan that was made while the tables were empty:
 * such a plan stays, and as a scan it would be quadratic later (368 instead of 2,839 payments a second, once).
 */
import { describe, expect, test } from "bun:test"
import { randomUUID } from "node:crypto"
import postgres from "postgres"
import { allTopicPartitions } from "../../contract/topics.ts"
import type { PostgresUnderTest } from "./database.contract.ts"
import * as load from "./load.ts"
import * as sample from "./samples.contract.ts"
import {
  balances,
  command,
  commandsOf,
  event,
  eventsOf,
  guarded,
  keys,
  posting,
  progress,
  unguarded,
  walletWrite
} from "./samples.contract.ts"
import { statementOf } from "./statement.ts"
import type { Write } from "./store.ts"
import * as units from "./units.ts"

const offsets = [{ tp: commandsOf(), from: 0, to: 1 }]
const tables = [
  { table: balances, rows: [{ id: "a", balance: 1n, note: null }] },
  { table: progress, rows: [{ id: "a", rank: 1, step: "x" }] },
  { table: keys, rows: [{ tenant: "a", key: "k", open: true }] }
]
const sections: { readonly [S in keyof Write]?: Partial<Write> } = {
  offsets: { offsets },
  events: { events: [event("w1", 1)] },
  commands: { commands: [command("w1")] },
  postings: { postings: [posting(randomUUID())] },
  tables: { tables },
  armed: { armed: [sample.timer("w1", 1)] },
  disarmed: { disarmed: ["w1"] },
  fired: { fired: [{ stream: "w2", due_at: 1 }] },
  snapshots: { snapshots: [sample.snapshot("w1", 1, 1, {})] }
}

/** What parks, drains and buries: beside the offsets of a batch, and alone. */
const taken = { table: unguarded, rows: [{ id: "a" }] }
const put = { table: guarded, rows: [{ id: "a", version: 1, was: 0 }] }
const parking: ReadonlyArray<Partial<Write>> = [
  { tables: [put] },
  { tables: [put, taken] },
  { offsets, tables: [put, taken] },
  { offsets, events: [event("w1", 1)], commands: [command("w1")], tables: [put, taken] }
]

/** All combinations of sections, and each with a stream that is continued: more than occur. */
const writes = (): ReadonlyArray<Write> => {
  const all = Object.values(sections)
  const combinations = Array.from(
    { length: 2 ** all.length - 1 },
    (_, i) => Object.assign({}, ...all.filter((_, bit) => ((i + 1) >> bit) & 1)) as Partial<Write>
  )
  const continued = combinations.filter(({ events }) => events).map((write) => ({ ...write, events: [event("w1", 2)] }))
  return [...combinations, ...continued, ...parking].map(walletWrite)
}

const reads = [
  load.loadQuery([{ tp: eventsOf(), stream: "w1" }], 1),
  load.causesQuery([{ tp: eventsOf(), cause: randomUUID() }]),
  load.readQuery(1, 0, 10),
  load.headsQuery([1]),
  load.offsetsQuery("wallet", [1]),
  load.dueQuery(1, 10),
  units.unitsQuery("wallet"),
  units.unitsQuery("wallet", ["w1"]),
  units.letterQuery(randomUUID()),
  units.waitingQuery("wallet", "w1", 10)
]

interface Node {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Name"?: string
  readonly "Index Cond"?: string
  readonly Plans?: ReadonlyArray<Node>
}

const nodesOf = (node: Node): ReadonlyArray<Node> => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

/** An events index is looked up by tp and by something rarer: tp alone is a twelfth of all there is. */
const fault = (node: Node): string | undefined => {
  const { "Node Type": type, "Index Cond": condition, "Index Name": index = "" } = node
  if (/^(Seq Scan|Hash Join|Merge Join|Materialize)$/.test(type)) return `${type} ${node["Relation Name"] ?? ""}`
  if (!/^(Index|Bitmap Index)/.test(type)) return undefined
  const ordered = index === "timers_due" || index.startsWith("events_off") || index === "log_off"
  if (condition === undefined && !ordered) return `${type} of ${index} without a condition`
  if (index.startsWith("events_version") && !/stream/.test(condition ?? "")) return `${index}: ${condition}`
  if (index.startsWith("events_cause") && !/cause/.test(condition ?? "")) return `${index}: ${condition}`
  if (index.startsWith("events_off") && !/off/.test(condition ?? "")) return `${index}: ${condition}`
  return undefined
}

const settings = {
  plan_cache_mode: "force_generic_plan",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  enable_seqscan: "off",
  enable_material: "off"
}

const faultsOf = async (url: string, texts: Iterable<string>) => {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {}, connection: settings as never })
  const faults = new Set<string>()
  try {
    for (const text of texts) {
      const rows = await sql.unsafe(`explain (generic_plan, format json) ${text}`)
      const plan = rows[0]!["QUERY PLAN"] as ReadonlyArray<{ readonly Plan: Node }>
      for (const node of nodesOf(plan[0]!.Plan)) {
        const said = fault(node)
        if (said !== undefined) faults.add(said)
      }
    }
  } finally {
    await sql.end()
  }
  return [...faults]
}

/** Some thousand rows in each table that grows. */
const fill = `
  insert into journal.events (id, stream, version, type, cause, n, tp, off, body)
    select gen_random_uuid(), 'w-' || i / 10, i % 10, 'WalletLocked', gen_random_uuid(), 0, 64 + i % 8, i / 8, '{}'
    from generate_series(0, 19999) i;
  insert into bus.log select 448 + i % 8, i / 8, '{}' from generate_series(0, 19999) i;
  insert into journal.timers select 'w-' || i, 448, i, 'acme/ana', 'x' from generate_series(0, 4999) i;
  insert into trial.balances select 'w-' || i, 1, null from generate_series(0, 4999) i`

export const planContract = (makeStore: () => Promise<PostgresUnderTest>): void => {
  describe("plans", () => {
    test("are index lookups: on new tables, on tables analysed while empty, on filled ones", async () => {
      const database = await makeStore()
      const seed = load.seedPartitions(allTopicPartitions()) // as every store does when it is opened
      await database.sql.unsafe(seed.text, [...seed.params])
      const texts = new Set([
        ...writes().flatMap((write) => statementOf(write)?.text ?? []),
        ...reads.map(({ text }) => text)
      ])
      expect(texts.size).toBe(511 + 256 + parking.length + reads.length)
      try {
        expect(await faultsOf(database.url, texts)).toEqual([])
        await database.sql.unsafe("vacuum analyze")
        expect(await faultsOf(database.url, texts)).toEqual([])
        await database.sql.unsafe(fill)
        await database.sql.unsafe("vacuum analyze")
        expect(await faultsOf(database.url, texts)).toEqual([])
      } finally {
        await database.end()
      }
    }, 120_000)

    test("a planted scan is found", async () => {
      const database = await makeStore()
      const planted = ["select * from trial.balances where balance = $1::bigint", "select count(*) from journal.events"]
      try {
        expect((await faultsOf(database.url, planted)).length).toBeGreaterThan(1)
      } finally {
        await database.end()
      }
    })
  })
}
