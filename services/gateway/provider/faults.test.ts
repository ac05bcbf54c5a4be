// The adapters against the simulator, without decider or saga: every operation under every fault, what it is taken for,
// what a read finds afterwards, what the provider's ledger holds, and what went over the wire.
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { control, type Movement, type WireEntry } from "../../../infra/simulator/testing.ts"
import type { Operation, Provider } from "../../../shared/contract/gateway.ts"
import { asking, callOf, type Outside, open, say, TIMEOUT_MS } from "./testing.ts"

const AFTER_MS = 150

type Row = readonly [fault: string, told: string, then: string, charges: number]
type Op = "create" | "charge" | "read" | "cancel"

const AFTER = (told: string, then: string, charges: number): ReadonlyArray<Row> => [
  ["5xx-after", `${told} http_500`, then, charges],
  ["hang-after", `${told} timeout`, then, charges],
  ["reset-after", `${told} reset`, then, charges],
  ["cut-body-after", `${told} cut`, then, charges],
  ["empty-200-after", `${told} unreadable_answer`, then, charges],
  ["html-502-after", `${told} http_502`, then, charges],
  ["execute-late", `${told} timeout`, then, charges]
]
const BEFORE = (told: string, then: string, charges: number): ReadonlyArray<Row> => [
  ["5xx-before", `${told} http_500`, then, charges],
  ["hang-before", `${told} timeout`, then, charges],
  ["reset-before", `${told} reset`, then, charges],
  ["409", `${told} in_progress`, then, charges]
]

const CHARGE: ReadonlyArray<Row> = [
  ["none", "succeeded", "succeeded", 1],
  ["reject-before", "rejected", "not_charged", 0],
  ["429", "not_executed", "not_charged", 0],
  ["async", "pending", "succeeded", 1],
  ["late-reversal", "succeeded", "reversed", 1],
  ...BEFORE("unknown", "not_charged", 0),
  ...AFTER("unknown", "succeeded", 1)
]
/** A question that fails tells nothing and changes nothing. */
const READ: ReadonlyArray<Row> = [
  ["none", "succeeded", "succeeded", 1],
  ["reject-before", "unknown", "succeeded", 1],
  ["429", "unknown", "succeeded", 1],
  ...BEFORE("unknown", "succeeded", 1),
  ...AFTER("unknown", "succeeded", 1).filter(([fault]) => fault !== "execute-late")
]
const FENCE: ReadonlyArray<Row> = [
  ["none", "fenced", "fenced", 0],
  ["reject-before", "unknown", "not_charged", 0],
  ["429", "unknown", "not_charged", 0],
  ...BEFORE("unknown", "not_charged", 0),
  ...AFTER("unknown", "fenced", 0)
]
/** Stripe's create cannot take money, so whatever becomes of it, nothing was sent that could. */
const CREATE_AT_STRIPE: ReadonlyArray<Row> = [
  ["none", "succeeded", "succeeded", 1],
  ["decline", "declined", "fenced", 0],
  ["reject-before", "rejected", "not_charged", 0],
  ["429", "not_executed", "not_charged", 0],
  ...[...BEFORE("", "not_charged", 0), ...AFTER("", "not_charged", 0)].map(
    // A stored 500 answers the create for a day: no intent of this attempt will ever be known.
    ([fault, , then]): Row => [fault, "not_sent", fault.startsWith("5xx") ? "fenced" : then, 0]
  )
]
/** PayPal's create holds the customer's money, so what became of it has to be found out, and voided. */
const CREATE_AT_PAYPAL: ReadonlyArray<Row> = [
  ["none", "succeeded", "succeeded", 1],
  ["decline", "declined", "not_charged", 0],
  ["reject-before", "rejected", "not_charged", 0],
  ["429", "not_executed", "not_charged", 0],
  ...BEFORE("unknown", "not_charged", 0),
  ...AFTER("unknown", "not_charged", 0)
]

const tables: ReadonlyArray<readonly [Provider, Op, ReadonlyArray<Row>]> = [
  ["stripe", "create", CREATE_AT_STRIPE],
  ["stripe", "charge", [["decline", "declined", "declined", 0], ...CHARGE]],
  ["stripe", "read", READ],
  ["stripe", "cancel", FENCE],
  ["paypal", "create", CREATE_AT_PAYPAL],
  // PayPal's order shows the authorization, not the refused capture.
  ["paypal", "charge", [["decline", "declined", "not_charged", 0], ...CHARGE]],
  ["paypal", "read", READ],
  ["paypal", "cancel", FENCE]
]

const asked: Readonly<Record<Op, Operation>> = { create: "charge", charge: "charge", read: "read", cancel: "fence" }
const FINISHES_LATER = new Set(["async", "late-reversal", "execute-late"])

type Seen = Readonly<{ told: string; found: string; movements: Array<Movement>; sent: Array<WireEntry> }>

const play = async (outside: Outside, provider: Provider, op: Op, fault: string): Promise<Seen> => {
  const ask = asking(outside)
  const { arm, ledger, wire } = control(outside.simulator.url)
  const payment = `${provider}-${op}-${fault}`
  // What is read has been charged; what is fenced has been created.
  const before = op === "read" ? "charge" : op === "cancel" ? "read" : undefined
  const handle = before && (await ask(callOf(payment, provider, before))).handle
  expect((await arm(provider, { fault, op, after_ms: AFTER_MS + TIMEOUT_MS })).status).toBe(200)
  const answer = await ask(callOf(payment, provider, asked[op], handle))
  await arm(provider, { fault: "none" })
  if (FINISHES_LATER.has(fault)) await Bun.sleep(2 * AFTER_MS + TIMEOUT_MS)
  const { outcome } = await ask(callOf(payment, provider, "read", answer.handle))
  return { told: say(answer), found: outcome, movements: await ledger(payment), sent: await wire(payment) }
}

const seen = new Map<string, Seen>()
const opened: Array<Outside> = []

beforeAll(async () => {
  const ops = ["create", "charge", "read", "cancel"] as const
  opened.push(...(await Promise.all(ops.map(() => open()))))
  await Promise.all(
    tables.map(async ([provider, op, rows]) => {
      for (const [fault] of rows) {
        const outside = opened[ops.indexOf(op)] as Outside
        seen.set(`${provider} ${op} ${fault}`, await play(outside, provider, op, fault))
      }
    })
  )
}, 120_000)
afterAll(async () => {
  for (const { runtime, simulator } of opened) {
    await runtime.dispose()
    await simulator.stop()
  }
})

for (const [provider, op, rows] of tables)
  describe(`${provider} ${op}`, () => {
    for (const [fault, told, then, charges] of rows)
      test(`${fault}: ${told}; a read then: ${then}`, () => {
        const { movements, sent, ...answers } = seen.get(`${provider} ${op} ${fault}`) as Seen
        expect(answers.told).toStartWith(told)
        expect(answers.found).toBe(then)
        expect(movements.filter(({ kind }) => kind === "charge")).toHaveLength(charges)
        for (const { amount, currency } of movements) expect([amount, currency]).toEqual([5000, "USD"])

        for (const what of ["create", "charge", "cancel"]) {
          const requests = sent.filter((request) => request.op === what)
          expect(new Set(requests.map(({ idempotency_key }) => idempotency_key)).size).toBeLessThanOrEqual(1)
          expect(new Set(requests.map(({ body_hash }) => body_hash)).size).toBeLessThanOrEqual(1)
          expect(requests.length).toBeLessThanOrEqual(what === "create" ? 6 : 3)
          // A charge that may have been executed is never sent again by an adapter, nor by anything beneath it.
          if (what === "charge" && fault !== "429") expect(requests.length).toBeLessThanOrEqual(1)
        }
      })
  })

describe("P11 when the provider may have forgotten the key, nothing is replayed", () => {
  const DAY_MS = 24 * 3_600_000
  const old = (id: string, provider: Provider, operation: Operation) => ({
    ...callOf(id, provider, operation),
    started_at: Date.now() - DAY_MS
  })
  const creates = async (url: string, id: string) => (await control(url).wire(id)).filter(({ op }) => op === "create")

  test("Stripe: the charge is found in the list, by its metadata", async () => {
    const outside = opened[0] as Outside
    const ask = asking(outside)
    await ask(callOf("forgotten", "stripe", "charge"))
    expect(say(await ask(old("forgotten", "stripe", "read")))).toBe("succeeded")
    expect(await creates(outside.simulator.url, "forgotten")).toHaveLength(1)
  })

  test("Stripe: what is not in the list was never created, so nobody can confirm it", async () => {
    const outside = opened[0] as Outside
    expect(await asking(outside)(old("never", "stripe", "fence"))).toMatchObject({
      outcome: "fenced",
      code: "never_created"
    })
    expect(await creates(outside.simulator.url, "never")).toHaveLength(0)
  })

  test("PayPal: without the order's id it stays unknown, for a person", async () => {
    const outside = opened[0] as Outside
    await asking(outside)(callOf("lost", "paypal", "charge"))
    expect(say(await asking(outside)(old("lost", "paypal", "read")))).toBe("unknown no_handle")
    expect(await creates(outside.simulator.url, "lost")).toHaveLength(1)
  })
})
