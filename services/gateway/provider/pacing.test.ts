// A rate limit with Retry-After, at each provider and at both calls of a charge: waited out, then charged once.
import { afterAll, beforeAll, expect, test } from "bun:test"
import { control } from "../../../infra/simulator/testing.ts"
import { asking, callOf, type Outside, open, say } from "./testing.ts"

const RETRY_AFTER_S = 1
/** The pause has to fit into it. */
const PATIENT_MS = 10_000

let outside: Outside
beforeAll(async () => {
  outside = await open(PATIENT_MS)
})
afterAll(async () => {
  await outside.runtime.dispose()
  await outside.simulator.stop()
})

for (const [provider, op] of [
  ["stripe", "charge"],
  ["stripe", "create"],
  ["paypal", "charge"],
  ["adyen", "charge"]
] as const)
  test(`P116 ${provider} throttles the ${op} and says when to come back: asked then, under the same key`, async () => {
    const { arm, ledger, wire } = control(outside.simulator.url)
    const ask = asking(outside)
    const payment = `${provider}-${op}-paced`
    // Adyen's charge is two calls, each committed.
    const handle = provider === "adyen" ? (await ask(callOf(payment, provider, "charge"))).handle : undefined
    await arm(provider, { fault: "429", op, code: `retry_after_${RETRY_AFTER_S}`, count: 1 })
    expect(say(await ask(callOf(payment, provider, "charge", handle)))).toBe("succeeded")
    expect(await ledger(payment)).toMatchObject([{ provider, kind: "charge" }])
    const [first, second, ...more] = (await wire(payment)).filter((entry) => entry.op === op)
    expect(more).toEqual([])
    expect(first).toMatchObject({ status: 429 })
    expect(second).toMatchObject({ idempotency_key: first?.idempotency_key ?? "", body_hash: first?.body_hash ?? "" })
    const paused = Date.parse(String(second?.at)) - Date.parse(String(first?.at))
    expect(paused).toBeGreaterThanOrEqual(RETRY_AFTER_S * 1000)
  })
