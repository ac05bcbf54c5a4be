/**
 * The truth about money: every movement the providers made, whether or not a caller ever heard of it. The invariants of
 * the platform ("at most one net charge per payment") are checked against this and nothing else.
 */
import { iso, now } from "./clock.ts"
import type { ProviderName } from "./provider.ts"
import type { Table, World } from "./world.ts"

/** `id` is the movement's reference at the provider, `parent` what it belongs to (intent, authorization, capture). */
export type Movement = {
  readonly id: string
  readonly provider: ProviderName
  readonly kind: "charge" | "refund" | "void"
  readonly parent: string
  readonly payment_id: string | null
  /** Minor units by the ISO exponent, whatever the provider's own unit is. */
  readonly amount: number
  readonly currency: string
  readonly at: number
}

export class Ledger {
  private readonly movements: Table<Movement>

  constructor(world: World) {
    this.movements = world.table<Movement>("ledger")
  }

  /** A movement is written once: its reference is the key. */
  append(movement: Omit<Movement, "at">): void {
    if (this.movements.get(movement.id) === undefined) this.movements.put({ ...movement, at: now() })
  }

  /** Of one provider, from a moment (ms) on and before another. */
  between(provider: ProviderName, from: number, to: number): ReadonlyArray<Movement> {
    return [...this.movements.rows.values()].filter(
      (movement) => movement.provider === provider && movement.at >= from && movement.at < to
    )
  }

  json(): string {
    const lines: Array<string> = []
    for (const { id, provider, kind, parent, payment_id, amount, currency, at } of this.movements.rows.values()) {
      const entry = { provider, kind, reference: id, payment_id, amount, currency, at: iso(at), parent }
      lines.push(JSON.stringify(entry))
    }
    return `{"data":[${lines.join(",\n")}]}`
  }
}
