/** Idempotency-Key: what happens to twins, to other bodies, after a restart, after a refusal. */
import { afterAll, beforeEach, expect, test } from "bun:test"
import { EXAMPLE } from "../../shared/contract/catalogue.ts"
import { NotAccepted, RowTaken } from "../../shared/runtime/commands.ts"
import { hasEnded } from "./records.ts"
import { startApi, WALLET, World } from "./testing/world.ts"

const world = new World()
let running = await startApi(world)
afterAll(() => running.stop())
const completed = { status: "COMPLETED", provider: "stripe", provider_reference: "pi_1" }
beforeEach(async () => {
  await restart()
  world.submitted.length = 0
  world.keys.clear()
  world.payments.clear()
  world.addWallet({ id: WALLET })
  world.outcome = completed
  world.refusal = undefined
  world.failure = undefined
  world.gate = Promise.resolve()
})
/** What was remembered in memory is gone, what was committed is not. */
const restart = async () => {
  await running.stop()
  running = await startApi(world)
}

interface Answered {
  readonly status: number
  readonly replayed: boolean
  readonly retryAfter: string | null
  readonly body: { id?: string; status?: string; error?: { code: string; details: Record<string, unknown> } }
}
const send = async (path: string, body: object, headers: Record<string, string>): Promise<Answered> => {
  const response = await running.call("POST", path, {
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers }
  })
  return {
    status: response.status,
    replayed: response.headers.get("idempotent-replayed") === "true",
    retryAfter: response.headers.get("retry-after"),
    body: (await response.json()) as Answered["body"]
  }
}
const order = { wallet_id: WALLET, amount: 100000, currency: "USD", merchant_id: "book-shop" }
const pay = (key: string, body: object = order, prefer = "wait=1") =>
  send("/api/v1/payments", body, { "idempotency-key": key, prefer })
const credit = (key: string, body: object = {}) =>
  send(
    `/api/v1/wallets/${WALLET}/credits`,
    { amount: 5, currency: "USD", reference: "r", ...body },
    {
      "idempotency-key": key
    }
  )

test("the same key and body: the first answer again, no second payment", async () => {
  const first = await pay("a")
  const again = await pay("a", { merchant_id: "book-shop", currency: "USD", amount: 100000, wallet_id: WALLET })
  expect(first).toMatchObject({ status: 201, replayed: false })
  expect(again).toMatchObject({ status: 201, replayed: true, body: first.body })
  expect(world.submitted).toHaveLength(1)
})

test("the same key, another body: 422, in memory and after a restart", async () => {
  await pay("a")
  for (const again of [
    await pay("a", { ...order, amount: 990000 }),
    await (async () => {
      await restart()
      return pay("a", { ...order, amount: 990000 })
    })()
  ])
    expect(again).toMatchObject({ status: 422, body: { error: { code: "IDEMPOTENCY_KEY_REUSED" } } })
  expect(world.payments.size).toBe(1)
})

test("20 parallel twins: one executes, the others hear when to come back", async () => {
  let open = () => {}
  world.gate = new Promise((resolve) => {
    open = () => resolve()
  })
  const twins = Promise.all(Array.from({ length: 20 }, () => pay("twins")))
  await Bun.sleep(20)
  open()
  const answers = await twins
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  const others = answers.filter(({ status }) => status !== 201)
  const id = answers.find(({ status }) => status === 201)?.body.id
  for (const other of others)
    expect(other).toMatchObject({
      status: 409,
      retryAfter: "1",
      body: { error: { code: "IDEMPOTENCY_KEY_IN_USE", details: { payment_id: id } } }
    })
  expect(world.submitted).toHaveLength(1)
  expect(await pay("twins")).toMatchObject({ status: 201, replayed: true, body: { id } })
})

test("a twin in another process: its row is found, and only a live lease keeps it waiting", async () => {
  world.outcome = { status: "INITIATED" }
  const first = await pay("a", order, "respond-async")
  expect(first).toMatchObject({ status: 202, body: { status: "INITIATED" } })
  await restart()
  const early = await pay("a")
  expect(early).toMatchObject({ status: 409, replayed: false, retryAfter: "1" })
  const [place, row] = [...world.keys][0] ?? []
  world.keys.set(place as string, { ...(row as NonNullable<typeof row>), lease_until: 0 })
  await restart()
  expect(await pay("a", order, "respond-async")).toMatchObject({
    status: 202,
    replayed: true,
    body: { id: first.body.id }
  })
  await restart()
  const id = first.body.id as string
  const waited = pay("a", order, "wait=5")
  await Bun.sleep(30)
  world.addPayment({ id, ...completed })
  expect(await waited).toMatchObject({ status: 201, replayed: true, body: { id } })
  expect(world.payments.size).toBe(1)
})

test("a replayed 202 becomes the final answer once there is one", async () => {
  world.outcome = { status: "INITIATED" }
  const first = await pay("a", order, "wait=0")
  expect(first.status).toBe(202)
  const failure = JSON.stringify({
    code: "INSUFFICIENT_FUNDS",
    stage: "WALLET_VALIDATION",
    reason: "short",
    requested_amount: "100000",
    available_balance: "25000",
    deficit_amount: "75000"
  })
  world.addPayment({ id: first.body.id as string, status: "FAILED", failure })
  expect(await pay("a")).toMatchObject({
    status: 400,
    replayed: true,
    body: { error: { code: "INSUFFICIENT_FUNDS", details: { payment_id: first.body.id } } }
  })
})

test("what never became a payment burns no key", async () => {
  expect((await pay("a", { ...order, amount: 0 })).status).toBe(400)
  expect((await pay("a", { ...order, currency: "EUR" })).status).toBe(400)
  world.failure = new NotAccepted({ detail: "the store is away" })
  expect(await pay("a")).toMatchObject({ status: 503, retryAfter: "1", replayed: false })
  world.failure = undefined
  expect(await pay("a")).toMatchObject({ status: 201, replayed: false })
})

test("an answer that got lost in the store is found again", async () => {
  await pay("a")
  await restart()
  world.failure = new RowTaken({ constraint: "idempotency_keys_pkey" })
  expect(await pay("a")).toMatchObject({ status: 201, replayed: true })
})

test("keys of tenants, routes and wallets do not meet", async () => {
  expect((await pay("a")).status).toBe(201)
  expect(await credit("a")).toMatchObject({ status: 201, replayed: false })
  const other = "01935d6e-0b2c-7d55-8f10-6a0c51f4be99"
  world.addWallet({ id: other, currency: "EUR" })
  const elsewhere = await send(
    `/api/v1/wallets/${other}/credits`,
    { amount: 5, currency: "EUR", reference: "r" },
    { "idempotency-key": "a" }
  )
  expect(elsewhere).toMatchObject({ status: 422, body: { error: { code: "IDEMPOTENCY_KEY_REUSED" } } })
})

test("what the first request itself has made impossible is repeated after a restart, not refused", async () => {
  world.addPayment({ id: EXAMPLE.payment, status: "COMPLETED" })
  const refund = (key: string, amount = 40_000) =>
    send(`/api/v1/payments/${EXAMPLE.payment}/refunds`, { amount }, { "idempotency-key": key })
  const first = await refund("all of it")
  expect([first.status, first.replayed]).toEqual([201, false])
  await restart()
  world.refusal = { code: "REFUND_EXCEEDS_REMAINDER", reason: "nothing is left" }
  const again = await refund("all of it")
  expect([again.status, again.replayed, again.body.id]).toEqual([201, true, first.body.id])
  await restart()
  expect((await refund("all of it", 1)).body.error?.code).toBe("IDEMPOTENCY_KEY_REUSED")
  expect((await refund("another")).body.error?.code).toBe("REFUND_EXCEEDS_REMAINDER")
})

test("a credit is repeated from its event, and a refused one burns no key", async () => {
  world.refusal = { code: "BALANCE_LIMIT_EXCEEDED", reason: "too much", details: { limit: 2n ** 53n - 1n } }
  expect(await credit("a")).toMatchObject({ status: 422, body: { error: { details: { limit: 2 ** 53 - 1 } } } })
  world.refusal = undefined
  const first = await credit("a")
  expect(first).toMatchObject({ status: 201, body: { amount: 5, balance: 5, available: 5, held: 0 } })
  await credit("b")
  for (const again of [
    await credit("a"),
    await (async () => {
      await restart()
      return credit("a")
    })()
  ])
    expect(again).toMatchObject({ status: 201, replayed: true, body: first.body })
})

test("a wallet: with a key it is opened again, without one it exists", async () => {
  const open = (headers: Record<string, string> = {}) =>
    send("/api/v1/wallets", { user_id: "eve", currency: "USD" }, headers)
  const first = await open({ "idempotency-key": "w" })
  expect(first).toMatchObject({ status: 201, body: { balance: 0, version: 1, user_id: "eve" } })
  expect(await open()).toMatchObject({
    status: 409,
    body: { error: { code: "WALLET_EXISTS", details: { wallet_id: first.body.id } } }
  })
  await restart()
  expect(await open({ "idempotency-key": "w" })).toMatchObject({ status: 201, replayed: true, body: first.body })
})

test("twins of a wallet without a key: one is opened, nobody gets a 500", async () => {
  const open = () => send("/api/v1/wallets", { user_id: "ben", currency: "USD" }, {})
  const statuses = (await Promise.all(Array.from({ length: 10 }, open))).map(({ status }) => status).sort()
  expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 409)])
})

test("a cancellation is one command, however often it is asked for", async () => {
  world.outcome = { status: "INITIATED" }
  const { body } = await pay("a", order, "wait=0")
  const id = body.id as string
  const cancel = () => running.call("POST", `/api/v1/payments/${id}/cancel`)
  const twice = Promise.all([cancel(), cancel()])
  await Bun.sleep(20)
  world.addPayment({ id, status: "CANCELLED" })
  for (const response of await twice) expect(response.status).toBe(200)
  expect((await cancel()).status).toBe(200)
  const ids = world.submitted.filter(({ message }) => message.type === "RequestPaymentCancel").map((s) => s.message.id)
  expect(ids).toHaveLength(2)
  expect(new Set(ids).size).toBe(1)
})

test("a cancellation that comes too late says so, ended or with a provider", async () => {
  const paid = (await pay("a")).body.id as string
  world.outcome = { status: "INITIATED", progress: "GATEWAY_PROCESSING" }
  const open = (await pay("b", order, "wait=0")).body.id as string
  for (const id of [paid, open]) {
    const response = await running.call("POST", `/api/v1/payments/${id}/cancel`)
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({
      error: { code: "PAYMENT_NOT_CANCELLABLE", details: { payment_id: id } }
    })
  }
  expect([...world.payments.values()].filter(hasEnded)).toHaveLength(1)
})
