/** More charges than a provider may have under way, and payments that wait for a breaker: both take their turn. */
import { afterAll, afterEach, expect, test } from "bun:test"
import { paymentOf } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { ended, operating } from "./operating.ts"
import { startPlatform } from "./platform.ts"
import { eventsOfType } from "./records.ts"

const platform = await startPlatform({
  env: {
    GATEWAY_TIMEOUT_MS: "6000",
    GATEWAY_IN_FLIGHT: "1",
    // Who waits for a breaker is looked at again only after the time of this whole file.
    BREAKER_RESET_MS: "300000",
    GATEWAY_PROVIDERS: "stripe,paypal"
  }
})
const { api, sim } = platform
const ops = operating(platform)
afterAll(platform.stop)
afterEach(() => sim.reset())

const AMOUNT = 2_500
const SLOW_MS = 250
const TOGETHER = 5

test("I11 one charge under way at a time: the others wait, none fails, and no breaker hears of it", async () => {
  await sim.behaviour("stripe", { fault: "none", latency_ms: SLOW_MS })
  const wallets = await Promise.all(Array.from({ length: TOGETHER }, () => api.open(AMOUNT)))
  const answers = await Promise.all(wallets.map(({ id }) => api.pay(id, AMOUNT)))
  expect(answers.map((answer) => paymentOf(answer).provider)).toEqual(Array.from({ length: TOGETHER }, () => "stripe"))
  const charges = (await sim.wire()).filter(({ op }) => op === "charge").map(({ at }) => Date.parse(at))
  const between = charges.slice(1).map((at, n) => at - (charges[n] ?? 0))
  expect(between).toHaveLength(TOGETHER - 1)
  for (const ms of between) expect(ms).toBeGreaterThanOrEqual(SLOW_MS)
  expect(await eventsOfType(platform, "CircuitBreakerOpened")).toEqual([])
})

test("10.3 a breaker that closes drains the queue at once: nobody waits for his timer", async () => {
  const switched = (provider: string, verb: string) =>
    ops.act(`circuit-breakers/${provider}/${verb}`, { reason: "maintenance" })
  for (const provider of ["stripe", "paypal"]) expect((await switched(provider, "open")).status).toBe(200)
  const wallets = await Promise.all(Array.from({ length: TOGETHER }, () => api.open(AMOUNT)))
  const waiting = await Promise.all(wallets.map(({ id }) => api.pay(id, AMOUNT, { prefer: "wait=0" })))
  const queued = await eventually(
    "all wait",
    () => eventsOfType(platform, "GatewayQueued"),
    ({ length }) => length === TOGETHER
  )
  const soonest = Math.min(...queued.map(({ data }) => Date.parse(String(data["until"]))))
  expect((await switched("paypal", "close")).status).toBe(200)
  for (const answer of waiting)
    expect((await ended(platform, paymentOf(answer, 202).id, "COMPLETED")).provider).toBe("paypal")
  expect(Date.now()).toBeLessThan(soonest)
  expect(await eventsOfType(platform, "GatewayQueued")).toHaveLength(TOGETHER)
  await switched("stripe", "close")
})

test("conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
