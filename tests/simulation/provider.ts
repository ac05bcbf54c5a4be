/**
 * Providers of the simulated world: they keep a ledger and know their keys. What is done is drawn apart from what the
 * caller hears, and sometimes happens after he has given up: that is where double charges come from.
 */
import { Effect } from "effect"
import type { Answer, ProviderCall, RefundAnswer, RefundCall } from "../../services/gateway/calls.ts"
import type { ProviderPort, Told } from "../../services/gateway/provider/port.ts"
import type { Provider } from "../../shared/contract/gateway.ts"
import { executeAtAdyen, type Notice, noticesOf } from "./adyen.ts"
import type { World } from "./world.ts"

export interface Charge {
  readonly payment: string
  readonly provider: Provider
  readonly attempt: number
  readonly amount: bigint
  status: "none" | "authorised" | "charged" | "declined" | "cancelled" | "refunded"
  /** The provider answers this key with its own server error for ever (Stripe, 24 h). */
  spent?: boolean
}

export interface Refund {
  readonly payment: string
  readonly provider: Provider
  readonly amount: bigint
  status: "pending" | "done" | "refused" | "undone"
}

const MINUTE_MS = 60_000
/** Longer than anybody waits for a call. */
const HANG_MS = 200_000
const LATE_MS = 3 * MINUTE_MS
const DAY_MS = 86_400_000

const attemptOf = ({ payment_id, provider, attempt }: ProviderCall) => `${payment_id}:${provider}:${attempt}`

export class Providers {
  /** By attempt, for a key belongs to an attempt. */
  readonly charges = new Map<string, Charge>()
  /** By key: a refund has one for ever. */
  readonly refunds = new Map<string, Refund>()
  /** On the wire: key → what was asked under it; attempt → the key of its charge. */
  private readonly bodies = new Map<string, string>()
  private readonly keys = new Map<string, string>()
  calls = 0
  private readonly world: World
  readonly ports: ReadonlyArray<ProviderPort>

  constructor(world: World) {
    this.world = world
    this.ports = (["stripe", "paypal", "adyen"] as const).map((provider) => {
      const call = (it: ProviderCall) => this.call(it)
      const refund = (it: RefundCall) => this.refund(it)
      return { provider, charge: call, read: call, fence: call, reverse: call, refund, accepts: () => true }
    })
  }

  /** Kept charges of a payment, over all providers. */
  kept(payment: string): ReadonlyArray<Charge> {
    return [...this.charges.values()].filter((charge) => charge.payment === payment && charge.status === "charged")
  }

  /** The reference under which the provider knows an attempt. */
  referenceOf(attempt: string, provider: Provider): string {
    return provider === "adyen" ? `psp-${attempt.replace(":adyen:", "-")}` : `ref-${attempt}`
  }

  private call(call: ProviderCall): Effect.Effect<Told> {
    return this.taking(() => {
      this.onWire(call, attemptOf(call))
      const { answer, health } = this.hear(call)
      if (call.provider === "adyen") for (const notice of this.noticesFor(call)) this.world.notify(call, notice)
      return { ...answer, health }
    })
  }

  private refund(call: RefundCall): Effect.Effect<RefundAnswer> {
    return this.taking(() => {
      this.onWire(call, `${call.payment_id}:${call.refund_id}`)
      const { random, tally } = this.world
      const { silence, executed } = this.world.faults()
      if (random() >= silence) return this.giveBack(call)
      const done = random() < executed
      tally.add(done ? "refund done, answer lost" : "refund lost")
      if (done) this.giveBack(call)
      return { outcome: "unknown", code: "timeout" }
    })
  }

  /** The provider acts when the request arrives, and its answer takes as long again. */
  private taking<A>(act: () => A): Effect.Effect<A> {
    const { world } = this
    return Effect.suspend(() => {
      const { latencyMs, hang } = world.faults()
      const way = Math.floor((world.random() * latencyMs) / 2)
      const hangs = world.random() < hang
      if (hangs) world.tally.add("call hangs")
      this.calls++
      return Effect.andThen(
        world.time.sleep(way),
        Effect.suspend(() => {
          const answer = act()
          return Effect.as(world.time.sleep(way + (hangs ? HANG_MS : 0)), answer)
        })
      )
    })
  }

  private hear(call: ProviderCall): { readonly answer: Answer; readonly health: Told["health"] } {
    const { random, tally } = this.world
    const faults = this.world.faults()
    if (random() < faults.refused) {
      const limited = random() < 0.5
      tally.add(limited ? "turned away (429)" : "not sent")
      return { answer: { outcome: limited ? "not_executed" : "not_sent", code: "simulated" }, health: "neutral" }
    }
    if (random() >= faults.silence) return this.spent(call) ?? { answer: this.execute(call), health: "ok" }
    const reason = random() < 0.6 ? "timeout" : random() < 0.5 ? "http_500" : "reset"
    if (random() < faults.executed) {
      tally.add(`${call.operation} done, answer lost`)
      this.execute(call)
    } else if (call.operation === "charge" && random() < faults.late) {
      this.later(call)
    } else tally.add(`${call.operation} lost`)
    if (call.operation === "charge" && reason === "http_500" && call.provider === "stripe") this.of(call).spent = true
    return { answer: { outcome: "unknown", reason }, health: "failure" }
  }

  private spent(call: ProviderCall): ReturnType<Providers["hear"]> | undefined {
    if (call.operation !== "charge" || this.of(call).spent !== true) return undefined
    this.world.tally.add("stored server error")
    return { answer: { outcome: "unknown", reason: "http_500" }, health: "failure" }
  }

  /** Executed after its caller has looked away: only a fence that came before keeps it from taking money. */
  private later(call: ProviderCall): void {
    const { world } = this
    world.tally.add("charge executed late")
    world.time.after(Math.floor(world.random() * LATE_MS), () => {
      const charge = this.of(call)
      const fenced = charge.status === "cancelled"
      if (fenced && world.random() < world.plan.faults.broken && call.provider !== "adyen") {
        charge.status = "charged"
        world.tally.add("charged after its fence")
        const found: Notice = { ...call, operation: "read", answer: this.success(call) }
        world.notify(call, found, true)
      } else if (!fenced) this.execute(call)
    })
  }

  private success(call: ProviderCall): Answer {
    const { amount, currency } = call
    const id = attemptOf(call)
    return { outcome: "succeeded", provider_reference: `ref-${id}`, handle: `h-${id}`, amount, currency }
  }

  private of(call: ProviderCall): Charge {
    const id = attemptOf(call)
    const { payment_id: payment, provider, attempt, amount } = call
    const charge: Charge = this.charges.get(id) ?? { payment, provider, attempt, amount, status: "none" }
    this.charges.set(id, charge)
    return charge
  }

  private execute(call: ProviderCall): Answer {
    const charge = this.of(call)
    const declines = () => this.world.random() < this.world.faults().decline
    if (call.provider === "adyen") return executeAtAdyen(charge, call, declines)
    const success = this.success(call)
    const declined: Answer = { outcome: "declined", decline_class: "soft", code: "generic_decline" }
    switch (call.operation) {
      case "charge":
        if (charge.status === "none") charge.status = declines() ? "declined" : "charged"
        return charge.status === "charged" ? success : charge.status === "declined" ? declined : { outcome: "fenced" }
      case "read":
        if (charge.status === "charged") return success
        if (charge.status === "declined") return declined
        return { outcome: charge.status === "none" ? "not_charged" : "fenced" }
      case "fence":
        if (charge.status === "charged") return success
        if (charge.status === "none") charge.status = "cancelled"
        return { outcome: "fenced" }
      case "reverse":
        if (charge.status === "charged") charge.status = "refunded"
        return { outcome: "reversed", provider_reference: `re-${attemptOf(call)}` }
    }
  }

  private giveBack({ idempotency_key: key, ...call }: RefundCall): RefundAnswer {
    const { random, tally } = this.world
    const { decline, undone } = this.world.faults()
    const { payment_id: payment, provider, amount } = call
    const reference = `re-${key}`
    let known = this.refunds.get(key)
    if (known === undefined) {
      known = {
        payment,
        provider,
        amount,
        status: random() < decline ? "refused" : random() < decline ? "pending" : "done"
      }
      this.refunds.set(key, known)
    } else if (known.status === "pending") known.status = "done"
    if (known.status === "refused") return { outcome: "refused", code: "REFUND_NOT_ALLOWED" }
    if (known.status === "undone") return { outcome: "failed", reference, code: "lost_or_stolen_card" }
    if (known.status === "done" && random() < undone) {
      const refund = known
      this.world.time.after(Math.floor(random() * 3 * DAY_MS), () => {
        if (refund.status !== "done") return
        refund.status = "undone"
        tally.add("refund undone days later")
        this.world.takeBack({ ...call, idempotency_key: key }, reference)
      })
    }
    return { outcome: known.status === "done" ? "succeeded" : "pending", reference }
  }

  /** What the provider tells of the attempt by itself: lost, or late and more than once. */
  private noticesFor(call: ProviderCall): ReadonlyArray<Notice> {
    const { random, tally } = this.world
    const { lost, repeated } = this.world.faults()
    const charge = this.charges.get(attemptOf(call))
    const notices = charge === undefined ? [] : noticesOf(charge, call)
    if (notices.length === 0) return notices
    if (random() < lost) {
      tally.add("notice lost")
      return []
    }
    if (random() >= repeated) return notices
    tally.add("notice repeated")
    return [...notices, ...notices]
  }

  /** I10: one (attempt, operation) has one key for its charge, and one key has one body, for ever. */
  private onWire(call: ProviderCall | RefundCall, of: string): void {
    const { idempotency_key: key, operation, amount, currency, provider } = call
    const body = `${of} ${provider} ${operation} ${amount} ${currency}`
    const before = this.bodies.get(key)
    if (before === undefined) this.bodies.set(key, body)
    else if (before !== body)
      this.world.violate("I10", `${key} was sent with ${before}, then with ${body}`, call.payment_id)
    if (operation !== "charge" && operation !== "refund") return
    const first = this.keys.get(`${of}:${operation}`) ?? key
    this.keys.set(`${of}:${operation}`, first)
    if (first !== key)
      this.world.violate("I10", `${of}: ${operation} under ${first}, then under ${key}`, call.payment_id)
  }
}
