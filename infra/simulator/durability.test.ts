/** The outside world does not forget: not when its process is killed, and not when a caller never heard the answer. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { appendFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Spawned, spawnSimulator } from "./spawn.ts"
import { adyenAt, control, eventually, failure, HASTY_MS, post, stripeAt } from "./testing.ts"

let dataDir: string
let simulator: Spawned

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "simulator-"))
  simulator = await spawnSimulator({ dataDir })
})
afterEach(async () => {
  await simulator.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const restart = async () => {
  await simulator.kill()
  simulator = await spawnSimulator({ dataDir })
}

const create = (payment_id: string, confirm = false, timeout?: number) =>
  stripeAt(simulator.url, timeout).paymentIntents.create(
    { amount: 700, currency: "eur", payment_method: "pm_card_visa", confirm, metadata: { payment_id } },
    { idempotencyKey: `${payment_id}-create` }
  )

test("kill -9: ledger, wire, objects, keys and what was promised are there again", async () => {
  const intent = await create("p1")
  await stripeAt(simulator.url).paymentIntents.confirm(intent.id, {}, { idempotencyKey: "p1-confirm" })
  const pending = await create("p2")
  await control(simulator.url).arm("stripe", { fault: "async", after_ms: 1_500, count: 1 })
  await stripeAt(simulator.url).paymentIntents.confirm(pending.id)
  const [ledger, wire] = [await control(simulator.url).ledger(), await control(simulator.url).wire()]
  expect(ledger).toHaveLength(1)
  expect(wire).toHaveLength(4)

  await restart()
  const [sim, stripe] = [control(simulator.url), stripeAt(simulator.url)]
  expect(await sim.ledger("p1")).toEqual(ledger)
  expect(await sim.wire()).toEqual(wire)
  expect((await stripe.paymentIntents.retrieve(intent.id)).status).toBe("succeeded")
  // The key still shows the intent as it was then, although it has been confirmed since.
  expect(await create("p1")).toEqual(intent)
  expect((await stripe.paymentIntents.confirm(intent.id, {}, { idempotencyKey: "p1-confirm" })).status).toBe(
    "succeeded"
  )
  await eventually(async () => (await sim.ledger("p2")).length === 1)
  expect(await sim.ledger("p1")).toHaveLength(1)
})

test("kill -9 while callers hang: the charge exists, and the armed fault still counts", async () => {
  await control(simulator.url).arm("stripe", { fault: "hang-after", count: 2 })
  await failure(create("p1", true, HASTY_MS))
  await restart()
  const sim = control(simulator.url)
  expect(await sim.ledger("p1")).toHaveLength(1)
  expect(await failure(create("p2", true, HASTY_MS))).toMatchObject({ type: "StripeConnectionError" })
  expect((await create("p1", true)).status).toBe("succeeded")
  expect((await create("p3", true)).status).toBe("succeeded")
  for (const id of ["p1", "p2", "p3"]) expect(await sim.ledger(id)).toHaveLength(1)
})

test("kill -9 before a late execution: it is executed once all the same, its key in use until then", async () => {
  const intent = await create("p1")
  await control(simulator.url).arm("stripe", { fault: "execute-late", after_ms: 3_000, count: 1 })
  const confirm = (timeout?: number) =>
    stripeAt(simulator.url, timeout).paymentIntents.confirm(intent.id, {}, { idempotencyKey: "late" })
  await failure(confirm(HASTY_MS))
  await restart()
  expect(await failure(confirm())).toMatchObject({ statusCode: 409 })
  await eventually(async () => (await control(simulator.url).ledger("p1")).length === 1)
  expect((await confirm()).status).toBe("succeeded")
})

test("kill -9: Adyen's answers, its references and what it has promised are there again", async () => {
  const merchantAccount = "TestMerchant"
  const amount = { currency: "EUR", value: 700 }
  const pay = (id: string) =>
    adyenAt(simulator.url).payments.payments(
      {
        merchantAccount,
        amount,
        reference: `${id}-1`,
        paymentMethod: { type: "scheme" } as never,
        additionalData: { manualCapture: "true" },
        returnUrl: "https://shop.example/back"
      },
      { idempotencyKey: `${id}-create` }
    )
  const capture = (psp: string, idempotencyKey: string) =>
    adyenAt(simulator.url).modifications.captureAuthorisedPayment(psp, { merchantAccount, amount }, { idempotencyKey })
  const [first, second] = [await pay("p1"), await pay("p2")]
  await control(simulator.url).arm("adyen", { fault: "async", after_ms: 1_500, count: 1 })
  const taken = await capture(first.pspReference!, "p1-charge")

  await restart()
  const sim = control(simulator.url)
  expect(await pay("p1")).toEqual(first)
  expect(await capture(first.pspReference!, "p1-charge")).toEqual(taken)
  await adyenAt(simulator.url).modifications.cancelAuthorisedPayment({ merchantAccount, paymentReference: "p2-1" })
  await capture(second.pspReference!, "p2-charge")
  await eventually(async () => (await sim.ledger()).length === 1)
  expect(await sim.ledger()).toMatchObject([{ payment_id: "p1", provider: "adyen", amount: 700 }])
})

test("a line cut off by the kill is dropped, and what comes after it is not", async () => {
  await create("p1", true)
  await simulator.kill()
  appendFileSync(join(dataDir, "simulator-state.jsonl"), '[["ledger",{"id":"ch_torn"')
  simulator = await spawnSimulator({ dataDir })
  await create("p2", true)
  await restart()
  expect((await control(simulator.url).ledger()).map(({ payment_id }) => payment_id)).toEqual(["p1", "p2"])
})

test("reset turns the faults off and keeps the ledger", async () => {
  await create("p1", true)
  const sim = control(simulator.url)
  await sim.arm("stripe", { fault: "reset-before", op: "any" })
  await sim.reset()
  expect((await create("p2", true)).status).toBe("succeeded")
  expect(await sim.ledger()).toHaveLength(2)
})

test("it ends when its parent's end of the line closes", async () => {
  const orphan = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    env: { ...process.env, SIMULATOR_PORT: "0", DATA_DIR: "", SIMULATOR_EXIT_WITH_PARENT: "1" }
  })
  const { value } = await orphan.stdout.getReader().read()
  expect(new TextDecoder().decode(value)).toMatch(/^simulator ready on http:\/\/127\.0\.0\.1:\d+\n$/)
  orphan.stdin.end()
  expect(await orphan.exited).toBe(0)
})

test("bad control input is told which field is bad", async () => {
  const refused = async (path: string, body: unknown) => {
    const answer = await post(simulator.url, path, body)
    expect(answer.status).toBe(400)
    return String(answer.body["detail"])
  }
  expect(await refused("stripe/behaviour", { fault: "explode" })).toStartWith("fault:")
  expect(await refused("stripe/behaviour", {})).toStartWith("fault:")
  expect(await refused("stripe/behaviour", { fault: "429", op: "dance" })).toStartWith("op:")
  expect(await refused("stripe/behaviour", { fault: "decline", op: "read" })).toStartWith("op:")
  expect(await refused("stripe/behaviour", { fault: "429", rate: 2 })).toStartWith("rate:")
  expect(await refused("stripe/behaviour", { fault: "429", count: 0 })).toStartWith("count:")
  expect(await refused("stripe/behaviour", { fault: "429", latency_ms: "5" })).toStartWith("latency_ms:")
  expect(await refused("stripe/behaviour", { fault: "async", after_ms: -1 })).toStartWith("after_ms:")
  expect(await refused("stripe/behaviour", { fault: "429", amount: 1.5 })).toStartWith("amount:")
  expect(await refused("stripe/behaviour", { fault: "429", colour: 1 })).toStartWith("colour:")
  expect(await refused("klarna/behaviour", { fault: "429" })).toStartWith("provider:")
  expect(await refused("webhooks", { drop: "yes" })).toStartWith("drop:")
  expect(await refused("stripe/behaviour", [])).toStartWith("body:")
  expect((await post(simulator.url, "adyen/behaviour", { fault: "5xx-after", count: 3 })).status).toBe(200)
  expect((await fetch(`${simulator.url}/_sim/health`)).status).toBe(200)
  expect((await fetch(`${simulator.url}/_sim/nothing`)).status).toBe(404)
})
