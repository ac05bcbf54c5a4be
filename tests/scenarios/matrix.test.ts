/**
 * Every provider × every fault × every operation, side by side on one platform: each payment ends, one charge is kept
 * or none, the wallet says the same, and what the providers hold is what our books say.
 */
import { afterAll, expect, test } from "bun:test"
import { violations } from "./conservation.ts"
import {
  CELLS,
  type Cell,
  drawn,
  OPERATIONS,
  type Played,
  PROVIDERS,
  play,
  REFUNDED,
  staysUnknown,
  wasMet
} from "./matrix.ts"
import { startPlatform } from "./platform.ts"

const platform = await startPlatform({
  env: {
    GATEWAY_TIMEOUT_MS: "1500",
    GATEWAY_BACKOFF_MS: "100",
    RECOVERY_INTERVAL_MS: "400",
    // Breakers have tests of their own; here hundreds of faults a minute are the subject.
    BREAKER_FAILURES: "1000000",
    BREAKER_CALLS_MIN: "1000000",
    // Adyen tells by call-back alone; the others are asked long before theirs arrives.
    SIMULATOR_WEBHOOKS: "on"
  }
})
const { api, sim } = platform
afterAll(platform.stop)

const CALLBACKS_AFTER_MS = 1_500
const SIDE_BY_SIDE = 40
const WITHIN_MS = 120_000

const playAll = async (): Promise<ReadonlyArray<Played>> => {
  const waiting = [...CELLS]
  const played: Array<Played> = []
  const lane = async () => {
    for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) played.push(await play(platform, cell))
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane))
  return played
}

/** Empty: legal, and the money is right. */
const wrong = (it: Played, kept: ReadonlyArray<string>, balance: number): ReadonlyArray<string> => {
  const { amount } = it.cell
  const refunded = it.refund === "succeeded"
  const paid = it.status === (refunded ? "PARTIALLY_REFUNDED" : "COMPLETED")
  const should = paid ? [`${it.by} charge ${amount}`, ...(refunded ? [`${it.by} refund ${REFUNDED}`] : [])] : []
  const left = paid ? (refunded ? REFUNDED : 0) : amount
  const open = staysUnknown(it.cell) === (it.refund === "pending") ? [] : [`the refund is ${it.refund}`]
  return [
    ...open,
    ...(paid || (it.status === "FAILED" && it.refund === undefined) ? [] : [`ends as ${it.status}, ${it.refund}`]),
    ...(kept.join() === should.join() ? [] : [`providers keep ${kept.join() || "nothing"}, not ${should.join()}`]),
    ...(balance === left ? [] : [`the wallet has ${balance}, not ${left}`])
  ]
}

test(
  "F13 to F41: every provider, fault and operation ends in a legal state with the money right",
  async () => {
    await sim.webhooks({ delay_ms: CALLBACKS_AFTER_MS })
    const began = performance.now()
    const played = await playAll()
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    // What was to be executed late has been by then, and whatever may have come of it is in the ledger.
    await sim.advance(60_000)
    expect(await violations(platform, { pending: CELLS.filter(staysUnknown).length })).toEqual([])
    const [ledger, wire] = await Promise.all([sim.ledger(), sim.wire()])
    const told = new Map<Cell, string>()
    const found: Array<string> = []
    for (const it of played) {
      const moved = ledger.filter(({ payment_id, kind }) => payment_id === it.id && kind !== "void")
      const kept = moved.map(({ provider, kind, amount }) => `${provider} ${kind} ${amount}`)
      const charges = moved.filter(({ kind }) => kind === "charge").length
      const { provider, op, fault } = it.cell
      const whose = it.by === provider || it.by === null ? "" : ` at ${it.by}`
      told.set(it.cell, `${it.refund === undefined ? it.status : `refund ${it.refund}`}${whose} · ${charges}`)
      const wrongs = wrong(it, kept, (await api.wallet(it.wallet)).balance)
      const unmet = wasMet(it, wire) ? [] : ["its fault met no call"]
      for (const what of [...wrongs, ...unmet]) found.push(`${provider} ${op} ${fault} (${it.id}): ${what}`)
    }
    console.log(`end state · charges kept (${CELLS.length} cells, ${seconds} s)\n\n${drawn(told)}`)
    expect(found).toEqual([])
  },
  WITHIN_MS
)

test("the matrix has a cell for every operation of every provider, and no two share an amount", () => {
  const shapes = new Set(CELLS.map(({ provider, op }) => `${provider} ${op}`))
  expect(shapes.size).toBe(PROVIDERS.length * OPERATIONS.length - 1)
  expect(new Set(CELLS.map(({ amount }) => amount)).size).toBe(CELLS.length)
})
