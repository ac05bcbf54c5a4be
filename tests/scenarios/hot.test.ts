/** P56: one wallet that everybody uses at once. */
import { afterAll, expect, test } from "bun:test"
import { join } from "node:path"
import { paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { median } from "./eventually.ts"
import type { Load } from "./load.ts"
import { startPlatform } from "./platform.ts"

const platform = await startPlatform({ env: { GATEWAY_TIMEOUT_MS: "20000" } })
const { api, sim, sql } = platform
afterAll(platform.stop)

const CLIENTS = 500
const LOAD_MS = 8_000
const START = 1_000_000
/**
 * Of the hot wallet's own median. When everybody stood in one line the two were alike (560 and 440 ms). A ratio,
 * because the machine is shared with other test files.
 */
const OTHERS_SHARE_MAX = 0.5

const loadOn = async (wallet: string): Promise<Load> => {
  const command = [
    join(import.meta.dir, "load.ts"),
    platform.url(),
    platform.apiKey,
    wallet,
    `${CLIENTS}`,
    `${LOAD_MS}`
  ]
  const child = Bun.spawn([process.execPath, ...command], {
    // Bun's own limit is 256 requests at once.
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: String(CLIENTS * 2) },
    stdout: "pipe",
    stderr: "inherit"
  })
  return JSON.parse(await new Response(child.stdout).text()) as Load
}

test(`P56 ${CLIENTS} clients of one wallet for ${LOAD_MS / 1000} s: no 5xx, other users go on`, async () => {
  const hot = await api.open(START)
  const other = await api.open(START)
  let loading = true
  const load = loadOn(hot.id).finally(() => {
    loading = false
  })
  const others: Array<number> = []
  while (loading) {
    const answer = await api.pay(other.id, 10)
    paymentOf(answer)
    others.push(answer.tookMs)
  }
  const { answers, p50, p99, seconds } = await load
  const done = answers["201"] ?? 0
  const slowest = Math.max(...others)
  console.log(
    `P56 ${Math.round(done / seconds)} requests/s on one wallet, p50 ${p50} ms, p99 ${p99} ms; meanwhile another ` +
      `user: ${others.length} payments, median ${median(others).toFixed(0)} ms, slowest ${slowest.toFixed(0)} ms`
  )
  expect(Object.keys(answers)).toEqual(["201"])
  expect(done).toBeGreaterThan(CLIENTS)
  expect(p99).toBeLessThan(10_000)
  expect(median(others)).toBeLessThan(p50 * OTHERS_SHARE_MAX)
  expect(slowest).toBeLessThan(10_000)
  const [money] = await sql<[{ credits: number; payments: number }]>`select
      count(*) filter (where kind = 'credit')::int as credits, count(*) filter (where kind = 'deduct')::int as payments
      from ledger.postings where ${`wallet:${hot.id}`} in (source, destination)`
  expect(money.credits + money.payments).toBe(done + 1)
  expect((await api.wallet(hot.id)).balance).toBe(START + 100 * (money.credits - 1) - 100 * money.payments)
  expect((await sim.ledger()).length).toBe(money.payments + others.length)
}, 60_000)

test("P56 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
