/** The trail's writer dies, stands still, meets another one or is told to begin anew: each event is recorded once. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { paymentOf } from "./client.ts"
import { eventually } from "./eventually.ts"
import { launch, PACE, startPlatform } from "./platform.ts"
import { command, recorded, told, unrecorded, walk } from "./trail.ts"

const HOUR_MS = "3600000"
const QUICK = { AUDIT_INTERVAL_MS: "20", AUDIT_BATCH: "40" }
const platform = await startPlatform({ env: QUICK })
const { api, sql } = platform
const world = mkdtempSync(join(tmpdir(), "wallet-trail-"))
afterAll(async () => {
  await platform.stop()
  rmSync(world, { recursive: true, force: true })
})

const pay = async (payments: number) => {
  const wallet = await api.open(100_000)
  for (let i = 0; i < payments; i++) paymentOf(await api.pay(wallet.id, 10))
}

for (const point of ["audit.before-write", "audit.after-write"])
  test(`F08 kill -9 at ${point}, three times: each event once, the chain whole`, async () => {
    await platform.terminate()
    for (const passes of [1, 2, 3]) {
      await platform.restart({ CRASH_AT: `${point}:${passes}` })
      await Promise.race([pay(20).catch(() => {}), platform.ended()])
      await platform.ended()
    }
    await platform.restart()
    await recorded(platform)
    expect(told(await walk(api))).toBe("valid")
  }, 60_000)

test("it catches up with what was committed while it stood still, in order and in batches", async () => {
  await platform.terminate()
  await platform.restart({ AUDIT_INTERVAL_MS: HOUR_MS })
  await recorded(platform)
  await pay(20)
  const behind = await unrecorded(platform)
  expect(behind).toBeGreaterThan(100)
  const report = await walk(api)
  expect(told(report)).toBe("valid")
  expect(report.waiting).toBeGreaterThanOrEqual(behind)
  const waits = await command({ DATABASE_URL: platform.databaseUrl }, "verify")
  expect([waits.code, waits.out]).toEqual([0, expect.stringMatching(/\d+ events are not recorded yet/)])
  await platform.terminate()
  await platform.restart()
  await recorded(platform)
  expect(await walk(api)).toMatchObject({ valid: true, waiting: 0 })
})

test("F11 two processes record: each event once", async () => {
  const second = await launch({
    ...PACE,
    ...QUICK,
    DATABASE_URL: platform.databaseUrl,
    DATA_DIR: join(world, "two")
  })
  await pay(30)
  await recorded(platform)
  expect(told(await walk(api))).toBe("valid")
  second.kill("SIGTERM")
  expect(await second.exited).toBe(0)
}, 30_000)

test("F12 a group whose offsets are wound back records nothing twice, and shows where it stands", async () => {
  const counted = async () => (await sql`select count(*)::int as n from audit.entries`)[0]?.["n"]
  await recorded(platform)
  const before = await counted()
  await sql`update bus.offsets set next = 0 where grp = 7`
  await eventually(
    "the offsets are shown anew",
    () => sql`select 1 from bus.offsets o join bus.partitions p using (tp) where o.grp = 7 and o.next <> p.next`,
    ({ length }) => length === 0
  )
  expect(await counted()).toBe(before)
  await pay(1)
  await recorded(platform)
  expect(told(await walk(api))).toBe("valid")
})
