// Decider, effects, simulator and its notifications together, without saga: Adyen as the first provider under each of
// its faults, to the end of the payment; and what stays open where no notification ever comes.
import { afterAll, beforeAll, expect, test } from "bun:test"
import { ConfigProvider, Effect, ManagedRuntime } from "effect"
import { type Spawned, spawnSimulator } from "../../infra/simulator/spawn.ts"
import { control } from "../../infra/simulator/testing.ts"
import type { Provider } from "../../shared/contract/gateway.ts"
import { gateway } from "./index.ts"
import { adyenNotice, type Notice } from "./provider/adyen-notice.ts"
import { inner, type Json, list } from "./provider/json.ts"
import { PAYMENT, rulesOf, Stream } from "./testing.ts"

const TIMEOUT_MS = 400
/** A notification is waited for so long before the virtual clock moves on. */
const NOTICE_MS = 200

interface Over {
  readonly op?: string
  readonly code?: string
  readonly count?: number
  readonly after_ms?: number
  /** No notification arrives. */
  readonly deaf?: boolean
}

/** Unless it counts, the fault stays armed, so every such call meets it. */
const cases: ReadonlyArray<readonly [fault: string, end: string, by: string, over?: Over]> = [
  ["none", "settled", "adyen"],
  ["none", "settled", "adyen", { deaf: true }],
  ["decline", "settled", "paypal"],
  ["decline", "failed", "nobody", { code: "20" }],
  ["decline", "failed", "nobody", { code: "12" }],
  ["reject-before", "settled", "paypal"],
  ["5xx-before", "settled", "paypal"],
  ["5xx-after", "settled", "adyen"],
  ["5xx-before", "settled", "paypal", { code: "503_transient" }],
  ["5xx-before", "settled", "adyen", { code: "503_transient", count: 1 }],
  ["5xx-after", "settled", "adyen", { code: "503_transient" }],
  ["hang-before", "settled", "paypal"],
  ["hang-before", "settled", "adyen", { count: 1, deaf: true }],
  ["hang-after", "settled", "adyen"],
  ["hang-after", "settled", "adyen", { count: 1, deaf: true }],
  ["reset-before", "settled", "paypal"],
  ["reset-before", "settled", "adyen", { count: 1, deaf: true }],
  ["reset-after", "settled", "adyen", { count: 1, deaf: true }],
  ["cut-body-after", "settled", "adyen"],
  ["cut-body-after", "settled", "adyen", { count: 1, deaf: true }],
  ["empty-200-after", "settled", "adyen", { count: 1, deaf: true }],
  ["html-502-after", "settled", "adyen", { count: 1, deaf: true }],
  ["html-502-after", "settled", "adyen"],
  ["429", "settled", "paypal"],
  ["409", "settled", "paypal"],
  ["409", "settled", "adyen", { count: 1, deaf: true }],
  ["409", "settled", "paypal", { code: "409_final" }],
  ["execute-late", "settled", "adyen", { after_ms: 200, count: 1, deaf: true }],
  // Executed after everybody gave up: only the cancel keeps it from charging a second time.
  ["execute-late", "settled", "paypal", { after_ms: 6000, count: 1 }],
  // Of the authorisation: no money can have moved, so the receipt of the cancel is enough.
  ...["5xx-before", "5xx-after", "hang-before", "hang-after", "reset-after", "cut-body-after", "409", "429"].map(
    (fault) => [fault, "settled", "paypal", { op: "create", deaf: true }] as const
  ),
  ["hang-after", "settled", "adyen", { op: "create", count: 2, deaf: true }],
  // Whether it was captured is told by notification alone: until then nobody else is asked.
  ["5xx-after", "open", "adyen", { deaf: true }],
  ["5xx-before", "open", "nobody", { deaf: true }],
  ["409", "open", "nobody", { code: "409_final", deaf: true }]
]

/** Notifications, as they come. */
const listen = () => {
  const notices: Array<Notice> = []
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      for (const item of list((await request.json()) as Json, "notificationItems")) {
        const notice = adyenNotice(inner(item, "NotificationRequestItem") ?? {})
        if (notice !== undefined) notices.push(notice)
      }
      return new Response("[accepted]", { status: 202 })
    }
  })
  return { notices, server, env: { WEBHOOK_TARGET: `http://127.0.0.1:${server.port}` } }
}

const heard = async (notices: ReadonlyArray<Notice>): Promise<void> => {
  const until = performance.now() + NOTICE_MS
  while (notices.length === 0 && performance.now() < until) await Bun.sleep(5)
}

const tell = (stream: Stream, { operation, attempt, answer }: Notice): void => {
  const data = { payment_id: PAYMENT, provider: "adyen", attempt, try: 0, operation, breaker_failures: 0, jitter: 0 }
  stream.take({ type: "RecordAnswer", data: { ...data, provider: "adyen", ...answer } })
}

type End = { readonly stream: Stream; readonly kept: ReadonlyArray<string> }

const EVENTS_MAX = 120

const play = async (fault: string, { deaf = false, ...over }: Over): Promise<End> => {
  const { notices, server, env } = listen()
  const simulator = await spawnSimulator(deaf ? {} : { env })
  simulators.push(simulator)
  const environment = ConfigProvider.fromEnvRecord({ GATEWAY_TIMEOUT_MS: `${TIMEOUT_MS}` })
  const settings = await Effect.runPromise(
    gateway.settings(simulator.url).pipe(Effect.provide(ConfigProvider.layer(environment)))
  )
  const breaker = (provider: Provider) => ({ ...settings.breaker(provider), consecutive: 1e9 })
  const runtime = ManagedRuntime.make(gateway.layers({ ...settings, breaker }))
  const { arm, ledger } = control(simulator.url)
  await arm("adyen", { fault, ...over })
  const stream = new Stream(rulesOf({}, "adyen", "paypal"))
  stream.now = Date.now()
  stream.begin()
  for (let done = 0; stream.state.phase === "open" && stream.events.length < EVENTS_MAX; ) {
    const notice = notices.shift()
    const call = stream.calls[done]
    if (notice !== undefined) tell(stream, notice)
    else if (call !== undefined) {
      done++
      for (const { command } of await runtime.runPromise(gateway.perform(settings)(call)))
        if (command.type === "RecordAnswer") stream.take(command)
    } else {
      if (!deaf) await heard(notices)
      if (notices.length === 0) stream.wake()
    }
  }
  if (fault === "execute-late") await Bun.sleep(over.after_ms ?? 0)
  const movements = await ledger(PAYMENT)
  await runtime.dispose()
  await simulator.stop()
  await server.stop(true)
  return { stream, kept: movements.filter(({ kind }) => kind === "charge").map(({ provider }) => provider) }
}

const ends: Array<End> = []
const simulators: Array<Spawned> = []

beforeAll(async () => {
  const waiting = cases.map((row, i) => [row, i] as const)
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [[fault, , , over = {}], i] = next
      ends[i] = await play(fault, over)
    }
  }
  await Promise.all([worker(), worker(), worker(), worker()])
}, 120_000)
afterAll(async () => {
  for (const simulator of simulators) await simulator.stop()
})

for (const [i, [fault, end, by, over = {}]] of cases.entries())
  test(`${fault} ${JSON.stringify(over)}: ${end} by ${by}`, () => {
    const { stream, kept } = ends[i] as End
    expect([stream.state.phase, ...kept]).toEqual(by === "nobody" ? [end] : [end, by])
    const kept_by: string = stream.state.attempts.find(({ status }) => status === "SUCCEEDED")?.provider ?? "nobody"
    expect(kept_by).toBe(end === "open" ? "nobody" : by)
    if (end === "open") expect(stream.attempts()).toEqual(["adyen 1 UNKNOWN"])
    const charges = stream.calls.filter(({ operation, provider }) => operation === "charge" && provider === "adyen")
    expect(charges.length).toBeLessThanOrEqual(4)
    expect(new Set(charges.map(({ idempotency_key }) => idempotency_key)).size).toBe(1)
  })
