/** Every fault at Adyen, as its SDK reports it, what it leaves in the ledger, and what the key says afterwards. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { type Listening, startSimulator } from "./server.ts"
import { adyenAt, control, eventually, failure, HASTY_MS, PATIENT_MS } from "./testing.ts"

let simulator: Listening
let sim: ReturnType<typeof control>
let n = 0

beforeAll(async () => {
  simulator = await startSimulator({ port: 0 })
  sim = control(simulator.url)
})
afterEach(() => sim.reset())
afterAll(() => simulator.stop())

const payment = () => `adyen-fault-${++n}`
const merchantAccount = "TestMerchant"
const amount = { currency: "USD", value: 1500 }

/** A payment ready for the call that moves money; `timeout` is that call's alone. */
const ready = async (id: string, timeout = PATIENT_MS) => {
  const made = await adyenAt(simulator.url).payments.payments({
    merchantAccount,
    amount,
    reference: `${id}-1`,
    paymentMethod: { type: "scheme" } as never,
    additionalData: { manualCapture: "true" },
    returnUrl: "https://shop.example/back"
  })
  const { modifications } = adyenAt(simulator.url, timeout)
  const capture = () =>
    modifications.captureAuthorisedPayment(
      made.pspReference!,
      { merchantAccount, amount, reference: `${id}-1` },
      { idempotencyKey: `${id}:charge` }
    )
  return { psp: made.pspReference!, capture }
}

const cancel = (id: string) =>
  adyenAt(simulator.url).modifications.cancelAuthorisedPayment({ merchantAccount, paymentReference: `${id}-1` })
const moved = async (id: string) => (await sim.ledger(id)).map(({ kind, amount }) => `${kind} ${amount}`)
const timeoutFor = (fault: string): number => (fault.startsWith("hang") ? HASTY_MS : PATIENT_MS)

const socket = { statusCode: 500 }
const inUse = (statusCode: number, transient: object) => ({ statusCode, errorCode: "704", responseHeaders: transient })
const transient = { "transient-error": "true" }

/** [fault, code, what the SDK says, movements right after, and whether the key is of no use any more] */
const table: ReadonlyArray<readonly [string, string | undefined, object, 0 | 1, "spent"?]> = [
  ["reject-before", undefined, { statusCode: 422, errorCode: "137" }, 0, "spent"],
  ["5xx-before", undefined, { statusCode: 500, errorCode: "905" }, 0, "spent"],
  ["5xx-before", "503", { statusCode: 503 }, 0, "spent"],
  ["5xx-before", "503_transient", { statusCode: 503, responseHeaders: transient }, 0],
  ["5xx-after", undefined, { statusCode: 500 }, 1, "spent"],
  ["5xx-after", "503_transient", { statusCode: 503, responseHeaders: transient }, 1],
  ["hang-before", undefined, socket, 0],
  ["hang-after", undefined, socket, 1],
  ["reset-before", undefined, socket, 0],
  ["reset-after", undefined, socket, 1],
  ["cut-body-after", undefined, { message: "aborted" }, 1],
  ["html-502-after", undefined, { statusCode: 502 }, 1],
  ["429", undefined, { statusCode: 429 }, 0],
  ["409", undefined, inUse(409, transient), 0],
  ["409", "422", inUse(422, transient), 0],
  ["409", "409_final", { statusCode: 409, errorCode: "704" }, 0]
]

describe.each(table)("%s %s", (fault, code, seen, charged, spent) => {
  test(spent === undefined ? "the same key executes, once" : "the same key says the same again", async () => {
    const id = payment()
    const { capture } = await ready(id, timeoutFor(fault))
    await sim.arm("adyen", { fault, ...(code === undefined ? {} : { code }) })
    expect(await failure(capture())).toMatchObject(seen)
    expect(await sim.ledger(id)).toHaveLength(charged)
    // Adyen's SDK hides no retry.
    expect((await sim.wire(id)).filter(({ op }) => op === "charge")).toHaveLength(1)
    await sim.reset()
    if (spent === undefined) expect(await capture()).toMatchObject({ status: "received" })
    else expect(await failure(capture())).toMatchObject(seen)
    expect(await sim.ledger(id)).toHaveLength(spent === undefined ? 1 : charged)
  })
})

test("empty-200-after: the SDK makes a success without contents of it", async () => {
  const id = payment()
  const { capture } = await ready(id)
  await sim.arm("adyen", { fault: "empty-200-after" })
  expect((await capture()).status).toBeUndefined()
  expect(await moved(id)).toEqual(["charge 1500"])
})

describe("later", () => {
  test("async: received like every other, and charged later", async () => {
    const id = payment()
    const { capture } = await ready(id)
    await sim.arm("adyen", { fault: "async", after_ms: 3_600_000 })
    expect(await capture()).toMatchObject({ status: "received" })
    expect(await moved(id)).toEqual([])
    await sim.advance(3_600_000)
    await eventually(async () => (await moved(id)).length === 1)
  })

  test("late-reversal: captured, and then the capture fails", async () => {
    const id = payment()
    const { capture } = await ready(id)
    await sim.arm("adyen", { fault: "late-reversal", after_ms: 1 })
    await capture()
    await eventually(async () => (await moved(id)).length === 2)
    expect(await moved(id)).toEqual(["charge 1500", "refund 1500"])
  })

  test("execute-late: the caller gives up and is charged all the same, its key in use until then", async () => {
    const id = payment()
    const { capture } = await ready(id, HASTY_MS)
    await sim.arm("adyen", { fault: "execute-late", after_ms: 60_000, count: 1 })
    expect(await failure(capture())).toMatchObject(socket)
    expect(await failure(capture())).toMatchObject(inUse(422, transient))
    expect(await moved(id)).toEqual([])
    await sim.advance(60_000)
    await eventually(async () => (await moved(id)).length === 1)
    expect(await capture()).toMatchObject({ status: "received" })
    expect(await moved(id)).toEqual(["charge 1500"])
  })

  test("execute-late against a fence: what was cancelled first is never charged", async () => {
    const id = payment()
    const { capture } = await ready(id, HASTY_MS)
    await sim.arm("adyen", { fault: "execute-late", after_ms: 60_000, count: 1 })
    await failure(capture())
    await cancel(id)
    await sim.advance(60_000)
    // Executed by now: it was received, and came to nothing.
    await eventually(async () => (await capture().catch(() => undefined))?.status === "received")
    expect(await moved(id)).toEqual([])
  })
})

describe("which calls a behaviour meets", () => {
  const pay = (id: string) => ready(id).then(({ capture }) => capture())

  test("without an operation it meets the capture", async () => {
    await sim.arm("adyen", { fault: "429", count: 1 })
    const { capture } = await ready(payment())
    expect(await failure(capture())).toMatchObject({ statusCode: 429 })
  })

  test("a decline meets the authorisation, where the issuer speaks, by any of its names", async () => {
    for (const op of [undefined, "charge", "create", "any"]) {
      const id = payment()
      await sim.arm("adyen", { fault: "decline", count: 1, ...(op === undefined ? {} : { op }) })
      expect(await failure(pay(id))).toMatchObject({ statusCode: 422, errorCode: "167" })
      expect(await moved(id)).toEqual([])
    }
  })

  test("create is the authorisation, cancel the fence", async () => {
    await sim.arm("adyen", { fault: "reset-before", op: "create" })
    expect(await failure(ready(payment()))).toMatchObject(socket)
    await sim.arm("adyen", { fault: "5xx-before", op: "cancel" })
    const id = payment()
    await pay(id)
    expect(await failure(cancel(id))).toMatchObject({ statusCode: 500 })
  })
})
