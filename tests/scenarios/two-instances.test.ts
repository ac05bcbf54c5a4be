/** Two processes recover the same payments at once (RELIABILITY F11): one wins each step, and no money moves twice. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { spawnSimulator } from "../../infra/simulator/spawn.ts"
import { paymentOf, simAt } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { launch, PACE, startPlatform } from "./platform.ts"
import { chargesOnWire, streamOf } from "./records.ts"

const world = mkdtempSync(join(tmpdir(), "wallet-two-"))
const providers = await spawnSimulator({ dataDir: join(world, "providers") })
const env = { STRIPE_URL: providers.url, PAYPAL_URL: providers.url }
const platform = await startPlatform({ env })
const sim = simAt(() => providers.url)
const both = { ...platform, sim }
afterAll(async () => {
  await platform.stop()
  await providers.stop()
  rmSync(world, { recursive: true, force: true })
})

const AMOUNT = 700
const PAYMENTS = 12

test("F11 P22 two instances find the same sagas after a crash: one charge, one deduction, one end each", async () => {
  const { api } = platform
  const wallet = await api.open(AMOUNT * PAYMENTS * 2)
  await sim.behaviour("stripe", { fault: "none", latency_ms: 900 })
  const accepted = await Promise.all(
    Array.from({ length: PAYMENTS }, () => api.pay(wallet.id, AMOUNT, { prefer: "wait=0" }))
  )
  const ids = accepted.map((answer) => paymentOf(answer, 202).id)
  await eventually(
    "all are at stripe",
    async () => new Set((await sim.wire()).flatMap(({ op, payment_id }) => (op === "charge" ? [payment_id] : []))).size,
    (asked) => asked === PAYMENTS
  )
  await platform.kill9()
  const two = { ...PACE, ...env, DATABASE_URL: platform.databaseUrl, DATA_DIR: join(world, "two") }
  const [second] = await Promise.all([launch(two), platform.restart()])
  await sim.reset()
  const states = () => Promise.all(ids.map(async (id) => (await api.payment(id)).status))
  await eventually("all complete", states, (all) => all.every((status) => status === "COMPLETED"), 30_000)
  for (const id of ids) {
    expect(await sim.ledger(id)).toMatchObject([{ kind: "charge", amount: AMOUNT }])
    expect((await chargesOnWire(both, id)).changed).toEqual([])
    const ends = (await streamOf(platform, `saga-${id}`)).filter(({ type }) => type === "SagaCompleted")
    expect(ends).toHaveLength(1)
  }
  expect((await api.wallet(wallet.id)).balance).toBe(AMOUNT * PAYMENTS)
  second.kill("SIGTERM")
  expect(await second.exited).toBe(0)
  expect(await violations(both)).toEqual([])
}, 60_000)
