/** The audit trail: every event has its entry, and nobody changes one, or an event, without being found and named. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chained, type Entry, GENESIS, type Head } from "../../services/audit/trail/entry.ts"
import { paymentOf } from "./client.ts"
import { keyWith, operating, REASON } from "./operating.ts"
import { startPlatform } from "./platform.ts"
import { command, recorded, told, VERIFY, walk } from "./trail.ts"

const platform = await startPlatform({ env: { AUDIT_INTERVAL_MS: "20", AUDIT_BATCH: "40" } })
const { api, sim, sql } = platform
const folder = mkdtempSync(join(tmpdir(), "wallet-anchors-"))
afterAll(async () => {
  await platform.stop()
  rmSync(folder, { recursive: true, force: true })
})

const DATABASE = { DATABASE_URL: platform.databaseUrl }
const wallet = await api.open(100_000)
const payment = paymentOf(await api.pay(wallet.id, 1_000))
const acme = await keyWith(
  platform,
  "payments:write payments:read wallets:write wallets:read ops:read ops:write",
  "acme"
)

test("13 after payments, refusals, unknown outcomes and operators' actions: valid, each event once", async () => {
  expect(JSON.parse((await api.get(VERIFY)).text)).toMatchObject({ status: "unverified", valid: null, entries: 0 })
  await api.pay(wallet.id, 900_000)
  await sim.behaviour("stripe", { fault: "decline", code: "stolen_card", count: 1 })
  await api.pay(wallet.id, 500)
  await sim.behaviour("stripe", { fault: "reset-after", count: 1 })
  await api.pay(wallet.id, 200)
  const ops = operating(platform)
  await ops.act("circuit-breakers/stripe/open")
  await ops.act("circuit-breakers/stripe/close")
  expect((await ops.act(`sagas/${payment.id}/resume`)).status).toBe(409)
  await recorded(platform)
  const report = await walk(api)
  expect(report).toMatchObject({ status: "valid", valid: true, waiting: 0 })
  expect(report).not.toHaveProperty("first_invalid")
  const [{ n } = { n: 0 }] = await sql<[{ n: number }]>`select count(*)::int as n from journal.events`
  expect(report.entries).toBe(n)
  expect(report.chains.map(({ tenant, first }) => [tenant, first])).toEqual([
    ["default", 1],
    ["the platform", 1]
  ])
  expect(JSON.parse((await api.get(VERIFY)).text)).toEqual(report)
})

test("3 an operator's action has its entries: who, what, when; why and how it stood are in its events", async () => {
  const entries = await sql`select a.type, a.actor, a.time, e.body from audit.entries a
    join journal.events e on e.tp = a.tp and e.off = a.off
    where a.tenant = 'default' and a.type like 'OperatorAction%' order by a.seq`
  expect(entries.map(({ type, actor }) => `${type} ${actor}`)).toEqual(
    ["open", "close", "resume"].flatMap(() => [
      "OperatorActionRequested operator:development",
      "OperatorActionCompleted operator:development"
    ])
  )
  const [asked, done] = entries.map(({ body }) => JSON.parse(body))
  expect(asked.data).toMatchObject({ action: "circuit_breaker.open", reason: REASON, before: { state: "closed" } })
  expect([done.data.outcome, done.data.after.state]).toEqual(["applied", "open"])
  expect(Number(entries[0]?.["time"])).toBe(Date.parse(asked.time))
})

test("D0 tenants have chains of their own, and see no other's", async () => {
  await acme.open(1_000)
  await recorded(platform)
  const before = await walk(api)
  const theirs = await walk(acme)
  expect(theirs.chains.map(({ tenant, last }) => [tenant, last])).toEqual([
    ["acme", 2],
    ["the platform", before.chains[1]?.last ?? 0]
  ])
  expect(before.chains.map(({ tenant }) => tenant)).toEqual(["default", "the platform"])
  const time = (by: number) => sql`update audit.entries set time = time + ${by} where tenant = 'acme' and seq = 2`
  await time(1)
  expect([told(await walk(acme)), told(await walk(api))]).toEqual(["row_changed 2", "valid"])
  await time(-1)
  expect(told(await walk(acme))).toBe("valid")
  const forbidden = await keyWith(platform, "payments:read")
  expect((await forbidden.post(VERIFY)).status).toBe(403)
})

const SEQ = 7
const MINE = `tenant = 'default' and seq = ${SEQ}`
const EVENT = `(tp, off) = (select tp, off from audit.entries where ${MINE})`

interface Tampering {
  readonly name: string
  readonly change: string
  readonly back: string
  readonly finds: string
}
const set = (name: string, column: string, to: string, finds: string): Tampering => ({
  name,
  change: `create table was as select * from audit.entries where ${MINE};
    update audit.entries set ${column} = ${to} where ${MINE}`,
  back: `update audit.entries e set ${column} = was.${column} from was where e.event_id = was.event_id;
    drop table was`,
  finds
})
const event = (name: string, column: string, to: string): Tampering => ({
  name,
  change: `create table was as select * from journal.events where ${EVENT};
    update journal.events set ${column} = ${to} where ${EVENT}`,
  back: `update journal.events e set ${column} = was.${column} from was where e.tp = was.tp and e.off = was.off;
    drop table was`,
  finds: `event_changed ${SEQ}`
})
const swap = `update audit.entries set seq = -1 where ${MINE};
  update audit.entries set seq = ${SEQ} where tenant = 'default' and seq = ${SEQ + 2};
  update audit.entries set seq = ${SEQ + 2} where tenant = 'default' and seq = -1`
const taken = (where: string, finds: string, name: string): Tampering => ({
  name,
  change: `create table was as select * from audit.entries where tenant = 'default' and ${where};
    delete from audit.entries where tenant = 'default' and ${where}`,
  back: "insert into audit.entries select * from was; drop table was",
  finds
})

const tamperings: ReadonlyArray<Tampering> = [
  set("who", "actor", "'operator:nobody'", `row_changed ${SEQ}`),
  set("what", "type", "'WalletUnlocked'", `row_changed ${SEQ}`),
  set("when", "time", "time - 1", `row_changed ${SEQ}`),
  set("when it was recorded", "at", "at + 1", `row_changed ${SEQ}`),
  set("which event", "off", "off + 1", `row_changed ${SEQ}`),
  set("the event's hash", "event_sha256", "sha256('')", `row_changed ${SEQ}`),
  set("its own hash", "hash", "sha256('')", `row_changed ${SEQ}`),
  set("whose", "tenant", "'acme'", `row_missing ${SEQ}`),
  taken(`seq = ${SEQ}`, `row_missing ${SEQ}`, "a row that is gone"),
  taken("seq <= 3", "row_missing 1", "a beginning that is gone"),
  taken("seq > 9", "row_missing 10", "an end that is gone"),
  { name: "two rows that changed places", change: swap, back: swap, finds: `order ${SEQ}` },
  {
    name: "a second row of one place",
    change: `insert into audit.entries select tenant, seq, at + 1, time, tp, off, event_id, stream, version, type,
      actor, event_sha256, hash from audit.entries where ${MINE}`,
    back: `delete from audit.entries where ${MINE} and at > (select min(at) from audit.entries where ${MINE})`,
    finds: `row_extra ${SEQ}`
  },
  {
    name: "the chain's end",
    change: "create table was as select * from audit.chains; update audit.chains set hash = sha256('')",
    back: "update audit.chains c set hash = was.hash from was where was.tenant = c.tenant; drop table was",
    finds: "head_differs"
  },
  event("an event's body", "body", `replace(body, 'T', 't')`),
  event("an event's type", "type", "'WalletUnlocked'"),
  event("an event's stream", "stream", "stream || '0'"),
  event("an event's version", "version", "version + 1000"),
  event("an event's cause", "cause", "gen_random_uuid()"),
  {
    name: "an event that is gone",
    change: `create table was as select * from journal.events where ${EVENT};
      delete from journal.events where ${EVENT}`,
    back: "insert into journal.events select * from was; drop table was",
    finds: `event_missing ${SEQ}`
  }
]

describe("13 what was changed is found, and the first place named", () => {
  for (const { name, change, back, finds } of tamperings)
    test(name, async () => {
      await sql.unsafe(change)
      const report = await walk(api)
      await sql.unsafe(back)
      expect(told(report)).toStartWith(finds)
      expect(report.status).toBe("invalid")
      expect(told(await walk(api))).toBe("valid")
    })
})

test("13 the finding names the event", async () => {
  await sql.unsafe(`create table was as select * from journal.events where ${EVENT};
    update journal.events set body = body || ' ' where ${EVENT}`)
  const { entries, first_invalid } = await walk(api)
  const [was] = await sql`select stream, version, type from was`
  await sql.unsafe(`update journal.events e set body = was.body from was where e.tp = was.tp and e.off = was.off;
    drop table was`)
  expect(first_invalid).toMatchObject({ tenant: "default", seq: SEQ, ...was })
  expect(entries).toBe(SEQ - 1)
})

test("an event whose entry and chain were rewritten without it: the command misses its place in the log", async () => {
  await sql`create table kept as select * from audit.entries where tenant = 'acme'`
  await sql`create table ends as select * from audit.chains where tenant = 'acme'`
  await sql`delete from audit.entries where tenant = 'acme' and seq = 2`
  await sql`update audit.chains c set seq = 1, hash = k.hash from kept k where c.tenant = 'acme' and k.seq = 1`
  expect(told(await walk(acme))).toBe("valid")
  const { code, error } = await command(DATABASE, "verify")
  expect([code, error]).toEqual([1, expect.stringContaining("event_unrecorded")])
  await sql`insert into audit.entries select * from kept where seq = 2`
  await sql`update audit.chains c set seq = e.seq, hash = e.hash from ends e where e.tenant = c.tenant`
})

test("a chain that was written anew, hashes and all, is not the one whose end was kept elsewhere", async () => {
  const anchors = join(folder, "anchors")
  const printed = await command(DATABASE, "anchor")
  writeFileSync(anchors, printed.out)
  expect(printed.out.trim().split("\n")).toHaveLength(3)
  const before = await command(DATABASE, "verify", "--anchors", anchors)
  expect([before.code, before.error]).toEqual([0, ""])
  expect(before.out).toMatch(/\d+ entries of 3 chains in [\d.]+ s, \d+\/s/)
  expect(before.out).toEndWith("valid\n")
  const rows = await sql<Array<Entry & { seq: number }>>`select tenant, seq::float8, at::float8, time::float8, tp::int,
    off::float8, event_id, stream, version, type, actor, encode(event_sha256, 'hex') as event_sha256
    from audit.entries where tenant = 'default' order by seq`
  let head: Head = GENESIS
  for (const row of rows) {
    const actor = row.seq === SEQ ? "operator:somebody-else" : row.actor
    const entry = chained(head, { ...row, actor }, row.at)
    await sql`update audit.entries set actor = ${actor}, hash = decode(${entry.hash}, 'hex')
      where tenant = 'default' and seq = ${row.seq}`
    head = entry
  }
  await sql`update audit.chains set hash = decode(${head.hash}, 'hex') where tenant = 'default'`
  expect((await command(DATABASE, "verify")).code).toBe(0)
  const after = await command(DATABASE, "verify", "--anchors", anchors)
  expect(after.code).toBe(1)
  expect(after.error).toContain(`anchor_differs, default entry ${rows.length}`)
})
