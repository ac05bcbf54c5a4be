/** A message, or a provider call, that ends the process whenever it is tried: the process stays up (P112, F10). */
import { afterAll, expect, test } from "bun:test"
import { CAREFUL_AFTER_DEATHS, CRASH_DEATHS_MAX } from "../../shared/runtime/crashwatch.ts"
import { paymentOf, unique } from "./client.ts"
import { violations } from "./conservation.ts"
import { eventually } from "./eventually.ts"
import { startPlatform } from "./platform.ts"

const platform = await startPlatform()
const { api, sql } = platform
afterAll(platform.stop)

interface Letter {
  readonly id: string
  readonly status: string
  readonly service: string
  readonly error_class: string
  readonly waiting: number
}
const lettersOf = async (unit: string): Promise<ReadonlyArray<Letter>> =>
  JSON.parse((await api.get(`/api/v1/ops/dead-letters?unit=${unit}`)).text).data

/** Starts it again and again until the unit has its dead letter, and answers how often it ended before. */
const startUntilBuried = async (unit: string, crashAt: string): Promise<number> => {
  for (let deaths = 0; deaths < 10; deaths++) {
    try {
      await platform.restart({ CRASH_AT: crashAt })
    } catch {
      continue // It ended while it started: a supervisor would start it again.
    }
    const buried = eventually(
      unit,
      () => lettersOf(unit).catch(() => []),
      ({ length }) => length > 0,
      30_000
    )
    const ended = platform.ended().then(() => "ended" as const)
    if ((await Promise.race([buried.catch(() => "ended" as const), ended])) !== "ended") return deaths
  }
  throw new Error("it ends again and again")
}

const completed = (id: string) =>
  eventually(
    `${id} completes`,
    () => api.payment(id),
    ({ status }) => status === "COMPLETED",
    30_000
  )

test("P112 a message that ends the process is a dead letter after so many ends; others are not affected", async () => {
  const victim = await api.open(10_000)
  const other = await api.open(10_000)
  await platform.terminate()
  const crashAt = `journal.before-write@wallet-${victim.id}`
  await platform.restart({ CRASH_AT: crashAt })
  const bystander = api.pay(other.id, 100, { key: unique("p112"), prefer: "respond-async" })
  const id = paymentOf(await bystander, 202).id
  const started = api.pay(victim.id, 100, { key: "p112 victim", prefer: "wait=5" }).catch(() => undefined)
  await platform.ended()
  await started
  expect(1 + (await startUntilBuried(`wallet-${victim.id}`, crashAt))).toBe(CAREFUL_AFTER_DEATHS + CRASH_DEATHS_MAX)
  const [letter] = await lettersOf(`wallet-${victim.id}`)
  expect(letter).toMatchObject({ service: "wallet", error_class: "crash", status: "dead" })
  await completed(id)
  expect(paymentOf(await api.pay(other.id, 100)).status).toBe("COMPLETED")
  expect(await platform.metric("dead_letters_total", '{class="crash",service="wallet"}')).toBe(1)
  await platform.terminate()
  await platform.restart()
  expect((await api.post(`/api/v1/ops/dead-letters/${letter?.id}/redrive`, { reason: "mended" })).status).toBe(202)
  const retry = () => api.pay(victim.id, 100, { key: "p112 victim", prefer: "wait=5" })
  const answer = await eventually("answered", retry, ({ status }) => status === 201 || status === 200, 30_000)
  expect(paymentOf(answer).status).toBe("COMPLETED")
}, 120_000)

test("F10 a provider call that ends the process: its payment waits, others are not affected", async () => {
  const [wallet, other] = await Promise.all([api.open(10_000), api.open(10_000)])
  await platform.sim.behaviour("stripe", { fault: "hang-before", latency_ms: 60_000 })
  const { id } = paymentOf(await api.pay(wallet.id, 100, { prefer: "wait=1" }), 202)
  const stream = `gateway-${id}`
  await platform.kill9()
  const deaths = 1 + (await startUntilBuried(stream, `gateway.before-call@${stream}`))
  expect(deaths).toBeGreaterThanOrEqual(CRASH_DEATHS_MAX)
  expect(deaths).toBeLessThanOrEqual(CAREFUL_AFTER_DEATHS + CRASH_DEATHS_MAX)
  const [letter] = await lettersOf(stream)
  expect(letter).toMatchObject({ service: "gateway", error_class: "crash", status: "dead" })
  await platform.sim.reset()
  expect(paymentOf(await api.pay(other.id, 100)).status).toBe("COMPLETED")
  // Whether the last call before an end had counted as one without an answer, only the clock knows.
  expect((await api.payment(id)).status).toMatch(/^GATEWAY_(PROCESSING|RETRYING)$/)
  await platform.terminate()
  await platform.restart()
  expect((await api.post(`/api/v1/ops/dead-letters/${letter?.id}/redrive`, { reason: "mended" })).status).toBe(202)
  await completed(id)
  expect(await platform.sim.ledger(id)).toMatchObject([{ kind: "charge", amount: 100 }])
}, 120_000)

test("an end without a word, now and then, makes no life careful: nothing is marked", async () => {
  await platform.kill9()
  await platform.restart()
  const wallet = await api.open(1_000)
  expect(paymentOf(await api.pay(wallet.id, 100)).status).toBe("COMPLETED")
  expect(await sql`select 1 from bus.in_progress`).toHaveLength(0)
  expect(await sql`select deaths from bus.lives`).toMatchObject([{ deaths: 1 }])
})

test("10.5 conservation of money", async () => {
  expect(await violations(platform)).toEqual([])
})
