/** Read models are only what events made: they can be thrown away, and a live system's are never called wrong. */
import { afterAll, expect, test } from "bun:test"
import { join } from "node:path"
import { codeOf, paymentOf, unique } from "./client.ts"
import { atRest, checksOf, type Report } from "./drift.ts"
import type { Load } from "./load.ts"
import { startPlatform } from "./platform.ts"

const platform = await startPlatform({ env: { SNAPSHOT_EVERY: "20", CONSISTENCY_INTERVAL_MS: "200" } })
const { api, sim, sql } = platform
const { verify, last } = checksOf(platform)
afterAll(platform.stop)

const CLIENTS = 16
const LOAD_MS = 5_000

test("10.5 no false alarm: full and periodic verifications of a system under load find nothing", async () => {
  const wallet = await api.open(1_000_000)
  await sim.behaviour("stripe", { fault: "reset-after", count: 20 })
  const command = [
    join(import.meta.dir, "load.ts"),
    platform.url(),
    platform.apiKey,
    wallet.id,
    `${CLIENTS}`,
    `${LOAD_MS}`
  ]
  const child = Bun.spawn([process.execPath, ...command], { stdout: "pipe", stderr: "inherit" })
  let loading = true
  const load = new Response(child.stdout).text().finally(() => {
    loading = false
  })
  const reports: Array<Report> = []
  while (loading) {
    await api.pay((await api.open(500)).id, 100)
    reports.push(await verify(), await verify({ scope: "recent" }), await last())
  }
  const { answers, seconds } = JSON.parse(await load) as Load
  expect(answers["201"]).toBeGreaterThan(100)
  expect(reports.length).toBeGreaterThanOrEqual(3)
  expect(reports.flatMap(({ inconsistencies }) => inconsistencies)).toEqual([])
  const terms = { amount: 700, currency: "USD", merchant_id: "grand-hotel" }
  const held = await api.post(`/api/v1/wallets/${wallet.id}/holds`, terms, { key: unique("hold") })
  const { id } = JSON.parse(held.text) as { readonly id: string }
  const captured = await api.post(`/api/v1/holds/${id}/capture`, { amount: 300 }, { key: unique("capture") })
  const { id: payment } = paymentOf(await api.pay(wallet.id, 900))
  const refund = await api.post(`/api/v1/payments/${payment}/refunds`, { amount: 400 }, { key: unique("refund") })
  expect([codeOf(held), codeOf(captured), codeOf(refund)]).toEqual(["201", "200", "201"])
  expect(await atRest(platform)).toEqual([])
  const { checked, inconsistencies, duration_ms } = await verify()
  expect(inconsistencies).toEqual([])
  expect(await platform.metric("inconsistencies_detected_total")).toBe(0)
  const took = reports.map((report) => report.duration_ms).join(", ")
  console.log(`10.5 ${reports.length} reports in ${seconds} s of load, ${took} ms`)
  console.log(`10.5 a full verification: ${duration_ms} ms for ${JSON.stringify(checked)}`)
}, 60_000)

const TABLES = [
  "wallet.wallets",
  "wallet.owners",
  "wallet.holds",
  "payment.payments",
  "payment.progress",
  "payment.refunds",
  "saga.refunds",
  "gateway.refunds",
  "saga.sagas",
  "gateway.attempts",
  "gateway.breakers",
  "notification.notifications",
  "audit.operator_actions"
]
const contents = async () =>
  Object.fromEntries(
    await Promise.all(
      TABLES.map(async (table) => {
        const rows = await sql.unsafe<Array<{ row: string }>>(`select t::text as row from ${table} t order by 1`)
        return [table, rows.map(({ row }) => row)] as const
      })
    )
  )

const run = async (...args: ReadonlyArray<string>) => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../infra/consistency/main.ts"), ...args], {
    env: { ...process.env, DATABASE_URL: platform.databaseUrl, SNAPSHOT_EVERY: "20" },
    stdout: "pipe",
    stderr: "pipe"
  })
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, error }
}

test("rebuild: refused while the platform runs, in one line", async () => {
  const { code, out, error } = await run()
  expect([code, out]).toEqual([1, ""])
  expect(error.trim()).toBe("cannot go on: the platform is running on this database: stop it, then run this again")
})

test("rebuild: the same rows after everything that is derived was thrown away; again it changes nothing", async () => {
  await platform.terminate()
  const before = await contents()
  const snapshots = await sql`select count(*) from journal.snapshots`
  await sql.unsafe(`truncate ${TABLES.join(", ")}, journal.snapshots`)
  await sql`insert into wallet.owners values ('default', 'nobody', 'USD', 'none')`
  const check = await run("--check")
  expect([check.code, check.error]).toEqual([1, expect.stringContaining("no replay can mend")])
  expect(check.out).toMatch(/wallet.wallets: \d+ differ/)
  expect(await contents()).toMatchObject({ "wallet.wallets": [], "wallet.owners": ["(default,nobody,USD,none)"] })
  const { out, error } = await run()
  expect(out).toMatch(/\d+ streams, \d+ events in [\d.]+ s, \d+ events\/s/)
  console.log(`rebuild: ${out.trim()}`)
  expect(await contents()).toEqual(before)
  expect(error).toBe("")
  expect(Number(snapshots[0]?.["count"])).toBeGreaterThan(0)
  expect(await sql`select 1 from journal.snapshots`).not.toHaveLength(0)
  const again = await run("--check")
  expect([again.code, again.error]).toEqual([0, ""])
  expect(again.out).toContain("rows and snapshots are what the events say")
  const [told] = await sql`select count(*)::int as n from journal.events where type = 'ReadModelCorrected'`
  expect(told?.["n"]).toBeGreaterThan(TABLES.length - 3)
}, 60_000)

test("rebuild: the platform goes on with what was made anew", async () => {
  await platform.restart()
  const wallet = await api.open(1_000)
  expect(codeOf(await api.pay(wallet.id, 1_000))).toBe("201")
  expect((await verify()).inconsistencies).toEqual([])
  expect(await atRest(platform)).toEqual([])
})
