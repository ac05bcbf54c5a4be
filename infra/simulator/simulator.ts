/**
 * The providers of the outside world, as one value: takes a call, says what happens to it. Sockets are the server's
 * (server.ts), money and rules the providers' (one folder each); this decides who answers, with which fault, and writes
 * down what was received.
 */

import { makeAdyen } from "./adyen/adyen.ts"
import { now } from "./clock.ts"
import { control } from "./control.ts"
import { type Drawn, type Fault, Faults } from "./faults.ts"
import { Ledger } from "./ledger.ts"
import { makePaypal } from "./paypal/paypal.ts"
import type { Answer, Call, Outside, Plan, Provider } from "./provider.ts"
import { makeStripe } from "./stripe/stripe.ts"
import { type Task, Tasks } from "./tasks.ts"
import { Webhooks } from "./webhooks.ts"
import { Wire } from "./wire.ts"
import { type Row, type Table, World } from "./world.ts"

export type SimulatorOptions = {
  readonly dataDir?: string | undefined
  readonly webhookTarget?: string | undefined
  readonly stripeWebhookSecret?: string | undefined
  readonly paypalWebhookId?: string | undefined
  /** Hexadecimal, as Adyen's Customer Area shows it. */
  readonly adyenHmacKey?: string | undefined
}

/** What becomes of a call on the wire: `answer` absent means that nobody ever answers. */
export type Fate = {
  readonly answer: Answer | undefined
  readonly fault: Fault
  readonly latency_ms: number
  /** To be called when the answer has left (or never will): until then the call's key is in use. */
  readonly done: () => void
}

/** A call whose caller gives up before it is executed. */
type LateCall = Row & { readonly provider: string; readonly call: Call }

const UNANSWERED: ReadonlySet<Fault> = new Set(["hang-before", "hang-after", "reset-before", "reset-after"])
const BEFORE: ReadonlySet<Fault> = new Set(["hang-before", "reset-before"])

const nothing = (): void => {}

const NOT_FOUND: Answer = {
  status: 404,
  body: '{"error":"no such provider"}',
  headers: { "content-type": "application/json" }
}

export class Simulator {
  readonly world: World
  readonly faults: Faults
  readonly ledger: Ledger
  readonly tasks: Tasks
  readonly webhooks: Webhooks
  readonly wire: Wire
  readonly providers: ReadonlyArray<Provider>
  private readonly lateCalls: Table<LateCall>
  private readonly busy = new Set<string>()

  constructor(options: SimulatorOptions) {
    this.world = new World(options.dataDir)
    this.faults = new Faults(this.world)
    this.ledger = new Ledger(this.world)
    this.tasks = new Tasks(this.world)
    this.webhooks = new Webhooks(this.world, options.webhookTarget)
    this.wire = new Wire(this.world.journal)
    this.lateCalls = this.world.table<LateCall>("late_call")
    const outside: Outside = { world: this.world, ledger: this.ledger, tasks: this.tasks, webhooks: this.webhooks }
    this.providers = [
      makePaypal(outside, options.paypalWebhookId),
      makeStripe(outside, options.stripeWebhookSecret),
      makeAdyen(outside, options.adyenHmacKey)
    ]
  }

  /** Remembers what an earlier process knew and takes up what it had promised to do. */
  open(): void {
    this.world.open((line) => this.wire.restore(line))
    for (const provider of this.providers) provider.start()
    for (const { provider, call } of this.lateCalls.rows.values()) {
      const lock = this.providers.find(({ name }) => name === provider)?.plan(call).lock
      if (lock !== undefined) this.busy.add(lock)
    }
    const later = Object.assign({}, ...this.providers.map((provider) => provider.later))
    this.tasks.start({ ...later, late_call: (id: string) => this.executeLate(id) })
  }

  /** Nothing happens by itself any more; the journal stays open for the calls that are still being answered. */
  pause(): void {
    this.tasks.stop()
    this.webhooks.stop()
  }

  /** What the call changed is in the journal's buffer when this returns; the answer may leave once that is written. */
  handle(call: Call): Fate {
    if (call.path.startsWith("/_sim/")) {
      const fate = { answer: control(this, call), fault: "none", latency_ms: 0, done: nothing } as const
      this.world.seal()
      return fate
    }
    const provider = this.providers.find((known) => known.owns(call.path))
    if (provider === undefined) return { answer: NOT_FOUND, fault: "none", latency_ms: 0, done: nothing }
    const plan = provider.plan(call)
    const drawn = this.faults.draw(provider.name, plan)
    const answer = this.answer(provider, call, plan, drawn)
    const unanswered = drawn !== undefined && UNANSWERED.has(drawn.fault)
    this.record(provider, call, plan, drawn, unanswered ? undefined : answer)
    this.world.seal()
    return {
      answer,
      fault: drawn?.fault ?? "none",
      latency_ms: drawn?.latency_ms ?? 0,
      done: this.hold(plan, drawn)
    }
  }

  private answer(provider: Provider, call: Call, plan: Plan, drawn: Drawn | undefined): Answer | undefined {
    const busy = plan.lock !== undefined && this.busy.has(plan.lock)
    if (drawn !== undefined && BEFORE.has(drawn.fault)) return undefined
    if (drawn?.fault === "execute-late" && !busy) {
      this.postpone(provider, call, plan, drawn)
      return undefined
    }
    const answer = provider.run(call, drawn, busy)
    const seconds = drawn?.fault === "429" ? /^retry_after_(\d+)$/.exec(drawn.code ?? "")?.[1] : undefined
    return seconds === undefined ? answer : { ...answer, headers: { ...answer.headers, "retry-after": seconds } }
  }

  /** While an answer is delayed, its key is in use. */
  private hold(plan: Plan, drawn: Drawn | undefined): () => void {
    const { lock } = plan
    if (lock === undefined || drawn === undefined || drawn.latency_ms === 0) return nothing
    if (drawn.fault === "execute-late" || this.busy.has(lock)) return nothing
    this.busy.add(lock)
    return () => this.busy.delete(lock)
  }

  private postpone(provider: Provider, call: Call, plan: Plan, drawn: Drawn): void {
    const { id } = this.lateCalls.put({ id: crypto.randomUUID(), provider: provider.name, call })
    this.tasks.schedule("late_call", id, drawn.after_ms)
    if (plan.lock !== undefined) this.busy.add(plan.lock)
  }

  private executeLate(id: Task["of"]): void {
    const late = this.lateCalls.get(id)
    const provider = this.providers.find(({ name }) => name === late?.provider)
    if (late === undefined || provider === undefined) return
    this.lateCalls.delete(id)
    const { lock } = provider.plan(late.call)
    if (lock !== undefined) this.busy.delete(lock)
    provider.run(late.call, undefined, false)
  }

  private record(provider: Provider, call: Call, plan: Plan, drawn: Drawn | undefined, sent: Answer | undefined): void {
    const fault = drawn === undefined || drawn.fault === "none" ? null : drawn.fault
    const status =
      sent === undefined ? 0 : fault === "html-502-after" ? 502 : fault === "empty-200-after" ? 200 : sent.status
    const hash = Bun.hash(call.body).toString(16)
    const key = plan.idempotencyKey ?? null
    const payment = plan.paymentId ?? null
    this.wire.append([now(), provider.name, call.method, call.path, plan.op, key, hash, payment, status, fault])
  }
}
