/** The store cannot work (RELIABILITY F48): nothing is taken, nothing is half done, and all goes on when it can. */
import { afterAll, expect, test } from "bun:test"
import postgres from "postgres"
import { codeOf, paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"

const platform = await startPlatform()
const { api, sql, sim } = platform
const name = new URL(platform.databaseUrl).pathname.slice(1)
const elsewhere = new URL(platform.databaseUrl)
elsewhere.pathname = "/postgres"
const server = postgres(elsewhere.href, { max: 1, onnotice: () => {} })
afterAll(async () => {
  await server.end()
  await platform.stop()
})

const AMOUNT = 1_300

/** Settings of a database are those of its next connections, so the platform's present ones are ended. */
const change = async (setting: string) => {
  await server.unsafe(`alter database ${name} ${setting}`)
  await server`select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = ${name} and (application_name like 'journal-%' or application_name = 'wallet')`
}

const readiness = async () => (await api.get("/ready")).status

const storms: ReadonlyArray<readonly [what: string, away: string, back: string]> = [
  ["read-only", "set default_transaction_read_only = on", "reset default_transaction_read_only"],
  ["out of connections", "with allow_connections false", "with allow_connections true"]
]

for (const [what, away, back] of storms)
  test(`F48 the store is ${what}: 503 and not ready, no partial payment; then the same key goes through`, async () => {
    const wallet = await api.open(AMOUNT * 2)
    await sim.behaviour("stripe", { fault: "none", latency_ms: 500 })
    const inFlight = paymentOf(await api.pay(wallet.id, AMOUNT, { key: `f48 ${what} 1`, prefer: "wait=0" }), 202)
    await eventually(
      "stripe is asked",
      async () => (await sim.wire(inFlight.id)).length,
      (requests) => requests > 0
    )
    await change(away)
    const refused = await api.pay(wallet.id, AMOUNT, { key: `f48 ${what} 2`, prefer: "wait=1" })
    expect(codeOf(refused)).toBe("503 UNAVAILABLE")
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
    await eventually("not ready", readiness, (status) => status === 503)
    const [{ payments }] = await sql<[{ payments: number }]>`
      select count(*)::int as payments from payment.payments where wallet_id = ${wallet.id}`
    expect(payments).toBe(1)
    await change(back)
    await eventually("ready again", readiness, (status) => status === 200)
    await sim.reset()
    const pay = () => api.pay(wallet.id, AMOUNT, { key: `f48 ${what} 2` })
    const paid = paymentOf(await eventually("paid", pay, ({ status }) => status === 201))
    await eventually(
      "the one in flight ends",
      () => api.payment(inFlight.id),
      ({ status }) => status === "COMPLETED"
    )
    for (const id of [inFlight.id, paid.id]) expect(await sim.ledger(id)).toMatchObject([{ kind: "charge" }])
    expect((await api.wallet(wallet.id)).balance).toBe(0)
  })

test("F48 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
