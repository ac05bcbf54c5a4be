// Decider, effects and simulator together, without saga: one payment under each fault of its first provider, to its
// end.
import { afterAll, beforeAll, expect, test } from "bun:test"
import { ConfigProvider, Effect, ManagedRuntime } from "effect"
import { type Spawned, spawnSimulator } from "../../infra/simulator/spawn.ts"
import { control } from "../../infra/simulator/testing.ts"
import { gateway } from "./index.ts"
import { PAYMENT, rulesOf, Stream } from "./testing.ts"

const TIMEOUT_MS = 400

/** The fault stays armed, so every charge at Stripe meets it. */
const cases: ReadonlyArray<readonly [fault: string, end: string, by: string | undefined, over?: object]> = [
  ["none", "settled", "stripe"],
  ["decline", "settled", "paypal"],
  ["decline", "failed", undefined, { code: "stolen_card" }],
  ["decline", "failed", undefined, { code: "insufficient_funds" }],
  ["reject-before", "settled", "paypal"],
  ["5xx-before", "settled", "paypal"],
  ["5xx-after", "settled", "stripe"],
  ["hang-before", "settled", "paypal"],
  ["hang-after", "settled", "stripe"],
  ["reset-before", "settled", "paypal"],
  ["reset-after", "settled", "stripe"],
  ["cut-body-after", "settled", "stripe"],
  ["empty-200-after", "settled", "stripe"],
  ["html-502-after", "settled", "stripe"],
  ["429", "settled", "paypal"],
  ["409", "settled", "paypal"],
  ["async", "settled", "stripe", { after_ms: 50 }],
  ["execute-late", "settled", "stripe", { after_ms: 200 }],
  // Executed after everybody gave up and looked: only the fence keeps it from charging a second time.
  ["execute-late", "settled", "paypal", { after_ms: 4000, count: 1 }]
]

type End = { readonly stream: Stream; readonly kept: ReadonlyArray<string> }

const play = async (simulator: Spawned, fault: string, over: object): Promise<End> => {
  const environment = ConfigProvider.fromEnvRecord({ GATEWAY_TIMEOUT_MS: `${TIMEOUT_MS}` })
  const settings = await Effect.runPromise(
    gateway.settings(simulator.url).pipe(Effect.provide(ConfigProvider.layer(environment)))
  )
  const breaker = (provider: "stripe" | "paypal" | "adyen") => ({ ...settings.breaker(provider), consecutive: 1e9 })
  const runtime = ManagedRuntime.make(gateway.layers({ ...settings, breaker }))
  const { arm, ledger } = control(simulator.url)
  await arm("stripe", { fault, ...over })
  const rules = rulesOf({ tries: fault === "execute-late" ? 1 : 3 })
  const stream = new Stream(rules)
  stream.now = Date.now()
  stream.begin()
  for (let done = 0; stream.state.phase === "open" && stream.events.length < 200; ) {
    const call = stream.calls[done]
    if (call === undefined) {
      stream.wake()
      continue
    }
    done++
    for (const { command } of await runtime.runPromise(gateway.perform(settings)(call)))
      if (command.type === "RecordAnswer") stream.take(command)
  }
  if (fault === "execute-late") await Bun.sleep(4500)
  const movements = await ledger(PAYMENT)
  await runtime.dispose()
  return { stream, kept: movements.filter(({ kind }) => kind === "charge").map(({ provider }) => provider) }
}

const ends: Array<End> = []
const simulators: Array<Spawned> = []

beforeAll(async () => {
  // Every case has a world of its own, a few at a time.
  const waiting = cases.map((row, i) => [row, i] as const)
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [[fault, , , over = {}], i] = next
      const simulator = await spawnSimulator()
      simulators.push(simulator)
      ends[i] = await play(simulator, fault, over)
      await simulator.stop()
    }
  }
  await Promise.all([worker(), worker(), worker(), worker()])
}, 120_000)
afterAll(async () => {
  for (const simulator of simulators) await simulator.stop()
})

for (const [i, [fault, end, by = "nobody", over = {}]] of cases.entries())
  test(`${fault} ${JSON.stringify(over)}: ${end} by ${by}`, () => {
    const { stream, kept } = ends[i] as End
    expect([stream.state.phase, ...kept]).toEqual(by === "nobody" ? [end] : [end, by])
    const kept_by: string = stream.state.attempts.find(({ status }) => status === "SUCCEEDED")?.provider ?? "nobody"
    expect(kept_by).toBe(by)
    const charges = stream.calls.filter(({ operation, provider }) => operation === "charge" && provider === "stripe")
    expect(charges.length).toBeLessThanOrEqual(3)
    expect(new Set(charges.map(({ idempotency_key }) => idempotency_key)).size).toBe(1)
  })
