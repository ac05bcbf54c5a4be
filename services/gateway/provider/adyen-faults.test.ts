// Adyen's adapter against the simulator, without decider or saga: every operation under every fault, what it is taken
// for, what the same call under the same key says afterwards, what the ledger holds, and what went over the wire.
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { control, type Movement, type WireEntry } from "../../../infra/simulator/testing.ts"
import type { ProviderCall } from "../calls.ts"
import { asking, callOf, type Outside, open, say, TIMEOUT_MS } from "./testing.ts"

const AFTER_MS = 150

/** [fault, code, what it is taken for, what the same call then says, charges in the end] */
type Row = readonly [fault: string, code: string, told: string, then: string, charges: number]
type Op = "create" | "charge" | "cancel"

/** The same key executes, or tells what was executed. */
const OPEN: ReadonlyArray<readonly [fault: string, code: string, told: string]> = [
  ["5xx-before", "503_transient", "unknown transient_error"],
  ["5xx-after", "503_transient", "unknown transient_error"],
  ["hang-before", "", "unknown timeout"],
  ["hang-after", "", "unknown timeout"],
  ["reset-before", "", "unknown reset"],
  ["reset-after", "", "unknown reset"],
  ["cut-body-after", "", "unknown cut"],
  ["empty-200-after", "", "unknown unreadable_answer"],
  ["html-502-after", "", "unknown unreadable_answer"],
  ["409", "409", "unknown in_progress"],
  ["409", "422", "unknown in_progress"],
  ["409", "409_final", "unknown key_spent"],
  ["execute-late", "", "unknown timeout"]
]
/** What cannot take money is sent again at once where Adyen says that it may, and finds what was executed. */
const insisted = (fault: string, code: string, told: string, found: string): string =>
  fault === "5xx-after" && code === "503_transient" ? found : told
const SPENT = ["500", "503"].flatMap((code) => [
  ["5xx-before", code, `unknown http_${code}`],
  ["5xx-after", code, `unknown http_${code}`]
])

/** Whatever becomes of an authorisation, no money moves. */
const CREATE: ReadonlyArray<Row> = [
  ["none", "", "not_charged", "not_charged", 0],
  ["decline", "", "declined", "declined", 0],
  ["reject-before", "", "rejected", "rejected", 0],
  ["429", "", "not_executed", "not_charged", 0],
  ...OPEN.map(
    ([fault, code, told]): Row => [fault, code, insisted(fault, code, told, "not_charged"), "not_charged", 0]
  ),
  ...SPENT.map(([fault = "", code = "", told = ""]): Row => [fault, code, told, told, 0])
]
const CHARGE: ReadonlyArray<Row> = [
  ["none", "", "succeeded", "succeeded", 1],
  ["reject-before", "", "rejected", "rejected", 0],
  ["429", "", "not_executed", "succeeded", 1],
  ["async", "", "succeeded", "succeeded", 1],
  ["late-reversal", "", "succeeded", "succeeded", 1],
  ...OPEN.map(([fault, code, told]): Row => [fault, code, told, "succeeded", 1]),
  ...SPENT.map(([fault = "", code = "", told = ""]): Row => [fault, code, told, told, fault === "5xx-after" ? 1 : 0])
]
/** Of an authorisation that nobody captured; then somebody tries to, and the ledger says whether it was cancelled. */
const CANCEL: ReadonlyArray<Row> = [
  ["none", "", "fenced", "fenced", 0],
  ["reject-before", "", "unknown", "unknown", 1],
  ["429", "", "unknown", "fenced", 0],
  ...OPEN.map(([fault, code, told]): Row => [fault, code, insisted(fault, code, told, "fenced"), "fenced", 0]),
  ...SPENT.map(([fault = "", code = "", told = ""]): Row => [fault, code, told, told, fault === "5xx-after" ? 0 : 1])
]
const tables: ReadonlyArray<readonly [Op, ReadonlyArray<Row>]> = [
  ["create", CREATE],
  ["charge", CHARGE],
  ["cancel", CANCEL]
]
const FINISHES_LATER = new Set(["async", "late-reversal", "execute-late"])

type Seen = Readonly<{ told: string; again: string; movements: Array<Movement>; sent: Array<WireEntry> }>

const play = async (outside: Outside, op: Op, [fault, code]: Row): Promise<Seen> => {
  const ask = asking(outside)
  const { arm, ledger, wire } = control(outside.simulator.url)
  const payment = `adyen-${op}-${fault}-${code}`
  const authorise = callOf(payment, "adyen", "charge")
  const handle = op === "create" ? undefined : (await ask(authorise)).handle
  const call: ProviderCall =
    op === "create"
      ? authorise
      : op === "charge"
        ? { ...callOf(payment, "adyen", "charge", handle), try: 2 }
        : { ...callOf(payment, "adyen", "fence", handle), untaken: true }
  const armed = { fault, op, after_ms: AFTER_MS + TIMEOUT_MS, ...(code === "" ? {} : { code }) }
  expect((await arm("adyen", armed)).status).toBe(200)
  const answer = await ask(call)
  await arm("adyen", { fault: "none" })
  if (FINISHES_LATER.has(fault)) await Bun.sleep(2 * AFTER_MS + TIMEOUT_MS)
  const again = say(await ask(call))
  if (op === "cancel") await ask({ ...callOf(payment, "adyen", "charge", handle), try: 2 })
  return { told: say(answer), again, movements: await ledger(payment), sent: await wire(payment) }
}

const seen = new Map<string, Seen>()
let outside: Outside

beforeAll(async () => {
  const worlds = await Promise.all(tables.map(() => open()))
  await Promise.all(
    tables.map(async ([op, rows], i) => {
      for (const row of rows) seen.set(`${op} ${row[0]} ${row[1]}`, await play(worlds[i] as Outside, op, row))
    })
  )
  const [first, ...others] = worlds
  outside = first as Outside
  await Promise.all(others.map(close))
}, 120_000)
afterAll(() => close(outside))

const close = async ({ runtime, simulator }: Outside) => {
  await runtime.dispose()
  await simulator.stop()
}

for (const [op, rows] of tables)
  describe(`adyen ${op}`, () => {
    for (const [fault, code, told, then, charges] of rows)
      test(`${fault} ${code}: ${told}; the same call then: ${then}`, () => {
        const { movements, sent, ...answers } = seen.get(`${op} ${fault} ${code}`) as Seen
        expect(answers.told).toStartWith(told)
        expect(answers.again).toStartWith(then)
        expect(movements.filter(({ kind }) => kind === "charge")).toHaveLength(charges)
        for (const { amount, currency } of movements) expect([amount, currency]).toEqual([5000, "USD"])

        for (const what of ["create", "charge", "cancel"]) {
          const requests = sent.filter((request) => request.op === what)
          expect(new Set(requests.map(({ idempotency_key }) => idempotency_key)).size).toBeLessThanOrEqual(1)
          expect(new Set(requests.map(({ body_hash }) => body_hash)).size).toBeLessThanOrEqual(1)
          // A charge that may have been executed is sent once per call; the test calls twice.
          if (what === "charge" && fault !== "429") expect(requests.length).toBeLessThanOrEqual(2)
          // An error that does not say that it is transient is never sent again within a call.
          if (told.includes("http_5") && what === op) expect(requests).toHaveLength(2)
        }
      })
  })

describe("what a cancel that was received is worth", () => {
  test("everything, where no pspReference was ever heard: nothing can have been captured", async () => {
    const { arm, ledger } = control(outside.simulator.url)
    await arm("adyen", { fault: "hang-after", op: "create" })
    const ask = asking(outside)
    expect(say(await ask(callOf("unheard", "adyen", "charge")))).toBe("unknown timeout")
    await arm("adyen", { fault: "none" })
    expect(await ask(callOf("unheard", "adyen", "fence"))).toMatchObject({ outcome: "fenced", code: "cancel_received" })
    expect(await ledger("unheard")).toEqual([])
  })

  test("a promise, where a capture may be under way: the notification tells who was first", async () => {
    const ask = asking(outside)
    const { handle } = await ask(callOf("raced", "adyen", "charge"))
    await ask({ ...callOf("raced", "adyen", "charge", handle), try: 2 })
    expect(await ask(callOf("raced", "adyen", "fence", handle))).toMatchObject({
      outcome: "unknown",
      reason: "cancel_received"
    })
  })
})

test("a read asks nobody: there is nothing that could be asked", async () => {
  expect(say(await asking(outside)(callOf("asked", "adyen", "read", "PSP")))).toBe("unknown cannot_be_asked")
  expect(await control(outside.simulator.url).wire("asked")).toEqual([])
})

test("a reversal gives back all of it, once, and is done when the notification says so", async () => {
  const ask = asking(outside)
  const { ledger } = control(outside.simulator.url)
  const { handle } = await ask(callOf("unwanted", "adyen", "charge"))
  const { provider_reference } = await ask({ ...callOf("unwanted", "adyen", "charge", handle), try: 2 })
  expect(provider_reference).toBe(handle)
  const reverse = { ...callOf("unwanted", "adyen", "reverse", handle), provider_reference: String(handle) }
  for (const key of ["reverse", "reverse", "reverse:2"])
    expect(await ask({ ...reverse, idempotency_key: `unwanted:adyen:1:${key}` })).toMatchObject({ outcome: "pending" })
  expect((await ledger("unwanted")).map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
    "charge 5000",
    "refund 5000"
  ])
})
