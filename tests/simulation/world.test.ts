import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { violations } from "./invariants.ts"
import { calm, hostile, simulate, WALLET_FUNDS } from "./world.ts"

const SEEDS = 200
const ADYEN_SEEDS = 60

test("a calm world: every payment completes, the wallet pays for each once", async () => {
  const report = await simulate(1, { payments: 5, amount: 100n, hostility: calm, refunds: 0, crashes: 0, poison: 0 })
  expect(violations(report)).toEqual([])
  expect(report.memory.rows("payment.payments").map((row) => row["status"])).toEqual(Array(5).fill("COMPLETED"))
  expect(report.memory.rows("wallet.wallets")[0]?.["balance"]).toBe(WALLET_FUNDS - 500n)
})

test("the same seed is the same world, another seed another", async () => {
  const [one, again, other] = [await simulate(7, hostile), await simulate(7, hostile), await simulate(8, hostile)]
  expect(again.trace).toEqual(one.trace)
  expect(again.hash).toBe(one.hash)
  expect(other.hash).not.toBe(one.hash)
})

/** Node 20 strips no types, so Node gets a bundle of the same sources. */
test("the same seed is the same world on Bun and on Node", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hashes-"))
  try {
    const entrypoints = [join(import.meta.dir, "hashes.ts")]
    const { success } = await Bun.build({
      entrypoints,
      target: "node",
      format: "esm",
      outdir: folder,
      naming: "hashes.mjs"
    })
    expect(success).toBe(true)
    const run = (command: ReadonlyArray<string>) =>
      Bun.spawnSync([...command, "1,2,3,4"])
        .stdout.toString()
        .trim()
    const onBun = run([process.execPath, ...entrypoints])
    expect(onBun.split(",").length).toBe(4)
    expect(run(["node", join(folder, "hashes.mjs")])).toBe(onBun)
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 60_000)

test("a calm world with Adyen first, which takes two calls a charge", async () => {
  const plan = {
    payments: 5,
    amount: 100n,
    hostility: calm,
    refunds: 0,
    crashes: 0,
    poison: 0,
    providers: ["adyen"]
  } as const
  const report = await simulate(1, plan)
  expect(violations(report)).toEqual([])
  expect(report.memory.rows("payment.payments").map((row) => row["provider"])).toEqual(Array(5).fill("adyen"))
})

test(`${ADYEN_SEEDS} hostile worlds, first provider cannot be asked: none charged twice, all ended`, async () => {
  const plan = { ...hostile, providers: ["adyen", "stripe"] as const }
  const ends = new Map<string, number>()
  for (let seed = 1; seed <= ADYEN_SEEDS; seed++) {
    const report = await simulate(seed, plan)
    expect({ seed, violations: violations(report) }).toEqual({ seed, violations: [] })
    for (const row of report.memory.rows("gateway.attempts")) {
      const end = `${row["provider"]} ${row["status"]}`
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
  }
  for (const end of ["adyen SUCCEEDED", "adyen FENCED", "adyen DECLINED", "stripe SUCCEEDED"])
    expect([end, (ends.get(end) ?? 0) > 0]).toEqual([end, true])
}, 120_000)

test(`${SEEDS} hostile worlds: no unit of money lost, made or charged twice`, async () => {
  const began = performance.now()
  const reached = new Map<string, number>()
  let virtualMs = 0
  const letters = new Map<unknown, number>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await simulate(seed, hostile)
    virtualMs += report.virtualMs
    for (const { status } of report.memory.rows("bus.dead_letters")) letters.set(status, (letters.get(status) ?? 0) + 1)
    for (const log of report.memory.log.values()) {
      for (const { message } of log) reached.set(message.type, (reached.get(message.type) ?? 0) + 1)
    }
    expect({ seed, violations: violations(report) }).toEqual({ seed, violations: [] })
  }
  const seconds = (performance.now() - began) / 1000
  const days = virtualMs / 86_400_000
  console.log(`${Math.round(SEEDS / seconds)} seeds/s, ${days.toFixed(1)} virtual days in ${seconds.toFixed(1)} s`)
  // A world that never meets trouble proves nothing: each of these must have happened.
  const trouble = [
    "GatewayTimeoutOccurred",
    "GatewayFallbackTriggered",
    "WalletRefunded",
    "PaymentFailed",
    "SagaRecoveryAttempted",
    "PaymentRefunded",
    "RefundFailed",
    "GatewayRefundUnknown",
    "GatewayRefundPending",
    "SagaRefundRecoveryAttempted"
  ]
  expect(trouble.filter((type) => !reached.has(type))).toEqual([])
  expect([...letters.keys()].toSorted()).toEqual(["discarded", "redriven"])
}, 120_000)
