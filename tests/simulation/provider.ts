/**
 * Providers inside the simulated world: they keep a ledger, know their idempotency keys, and may answer late, wrongly
 * or not at all. What is charged is decided apart from what the caller hears: that is where double charges come from.
 */
import { Effect } from "effect"
import type { Answer, ProviderCall, RefundAnswer, RefundCall } from "../../services/gateway/calls.ts"
import type { Provider } from "../../shared/contract/gateway.ts"
import { executeAtAdyen, type Notice, noticesOf } from "./adyen.ts"

export interface Hostility {
  /** Chance that a call gets no usable answer. */
  readonly silence: number
  /** Chance that a silent charge was executed all the same. */
  readonly executed: number
  readonly decline: number
  /** Longest time (ms) a call takes. */
  readonly latencyMs: number
}

export interface Charge {
  readonly payment: string
  readonly provider: Provider
  readonly amount: bigint
  status: "none" | "authorised" | "charged" | "declined" | "cancelled" | "refunded"
}

interface Refund {
  readonly payment: string
  readonly provider: Provider
  readonly amount: bigint
  status: "pending" | "done" | "refused"
}

const attemptOf = ({ payment_id, provider, attempt }: ProviderCall) => `${payment_id}:${provider}:${attempt}`

export class Providers {
  /** By attempt, for a key belongs to an attempt. */
  readonly charges = new Map<string, Charge>()
  /** By key: a refund has one for ever. */
  readonly refunds = new Map<string, Refund>()
  private readonly random: () => number
  hostility: Hostility

  constructor(random: () => number, hostility: Hostility) {
    this.random = random
    this.hostility = hostility
  }

  /** Kept charges of a payment, over all providers. */
  kept(payment: string): ReadonlyArray<Charge> {
    return [...this.charges.values()].filter((charge) => charge.payment === payment && charge.status === "charged")
  }

  call(call: ProviderCall): Effect.Effect<Answer> {
    return Effect.suspend(() => {
      const { silence, executed, latencyMs } = this.hostility
      const silent = this.random() < silence
      const answer = silent && this.random() >= executed ? undefined : this.execute(call)
      const heard: Answer = silent || answer === undefined ? { outcome: "unknown", reason: "timeout" } : answer
      return Effect.delay(Effect.succeed(heard), Math.floor(this.random() * latencyMs))
    })
  }

  /** What the caller hears is drawn apart from what is done; a refund is done once a key, and refused for good once. */
  refund(call: RefundCall): Effect.Effect<RefundAnswer> {
    return Effect.suspend(() => {
      const { silence, executed, latencyMs } = this.hostility
      const silent = this.random() < silence
      const done = silent && this.random() >= executed ? undefined : this.giveBack(call)
      const heard: RefundAnswer = silent || done === undefined ? { outcome: "unknown", code: "timeout" } : done
      return Effect.delay(Effect.succeed(heard), Math.floor(this.random() * latencyMs))
    })
  }

  private giveBack({ idempotency_key: key, payment_id, provider, amount }: RefundCall): RefundAnswer {
    let known = this.refunds.get(key)
    if (known === undefined) {
      const refused = this.random() < this.hostility.decline
      const status = refused ? "refused" : this.random() < this.hostility.decline ? "pending" : "done"
      known = { payment: payment_id, provider, amount, status }
      this.refunds.set(key, known)
    } else if (known.status === "pending") known.status = "done"
    if (known.status === "refused") return { outcome: "refused", code: "REFUND_NOT_ALLOWED" }
    return { outcome: known.status === "done" ? "succeeded" : "pending", reference: `re-${key}` }
  }

  /** What the provider tells of the attempt by itself: lost as often as answers are, told again at the next call. */
  notices(call: ProviderCall): ReadonlyArray<Notice> {
    if (call.provider !== "adyen" || this.random() < this.hostility.silence) return []
    const charge = this.charges.get(attemptOf(call))
    return charge === undefined ? [] : noticesOf(charge, call)
  }

  private execute(call: ProviderCall): Answer {
    const id = attemptOf(call)
    const charge: Charge = this.charges.get(id) ?? {
      payment: call.payment_id,
      provider: call.provider,
      amount: call.amount,
      status: "none"
    }
    this.charges.set(id, charge)
    if (call.provider === "adyen") return executeAtAdyen(charge, call, () => this.random() < this.hostility.decline)
    const { amount, currency } = call
    const success: Answer = {
      outcome: "succeeded",
      provider_reference: `ref-${id}`,
      handle: `h-${id}`,
      amount,
      currency
    }
    const declined: Answer = { outcome: "declined", decline_class: "soft", code: "generic_decline" }
    switch (call.operation) {
      case "charge":
        if (charge.status === "none") charge.status = this.random() < this.hostility.decline ? "declined" : "charged"
        return charge.status === "charged" ? success : charge.status === "declined" ? declined : { outcome: "fenced" }
      case "read":
        if (charge.status === "charged") return success
        return charge.status === "declined"
          ? declined
          : { outcome: charge.status === "cancelled" ? "fenced" : "not_charged" }
      case "fence":
        if (charge.status === "charged") return success
        charge.status = charge.status === "declined" ? "declined" : "cancelled"
        return { outcome: "fenced" }
      case "reverse":
        if (charge.status === "charged") charge.status = "refunded"
        return { outcome: "reversed", provider_reference: `re-${id}` }
    }
  }
}
