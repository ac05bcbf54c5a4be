/** What is checked at every write: balances and accounts as they move, and what may be recorded only once. */
import type { Message } from "../../shared/contract/envelope.ts"
import type { Write } from "../../shared/runtime/journal/store.ts"
import type { World } from "./world.ts"

/** Facts of which a payment, hold or refund has one at most. */
const ONCE: Readonly<Record<string, (data: { readonly [name: string]: unknown }) => unknown>> = {
  PaymentCompleted: ({ payment_id }) => payment_id,
  PaymentFailed: ({ payment_id }) => payment_id,
  PaymentCancelled: ({ payment_id }) => payment_id,
  WalletDeducted: ({ payment_id }) => payment_id,
  WalletRefunded: ({ payment_id }) => payment_id,
  SagaCompleted: ({ payment_id }) => payment_id,
  SagaFailed: ({ payment_id }) => payment_id,
  PaymentRefunded: ({ refund_id }) => refund_id,
  WalletRefundReceived: ({ refund_id }) => refund_id,
  GatewayRefunded: ({ refund_id }) => refund_id,
  FundsHeld: ({ hold_id }) => hold_id,
  HoldVoided: ({ hold_id }) => hold_id,
  HoldExpired: ({ hold_id }) => hold_id,
  HoldCaptured: ({ capture_id }) => capture_id
}

export class Books {
  /** Account → balance, as all postings so far leave it. */
  readonly accounts = new Map<string, bigint>()
  private readonly seen = new Set<string>()
  /** Payments whose deduction has not been undone. */
  private readonly owing = new Set<string>()
  private readonly keys = new Map<string, string>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  belongs(payment: string, key: string): void {
    this.keys.set(payment, key)
  }
  keyOf(payment: string): string {
    return this.keys.get(payment) ?? "acme/ana"
  }

  account(name: string): bigint {
    return this.accounts.get(name) ?? 0n
  }

  /** FAILED and CANCELLED are said only when the money is back (DECISIONS D3). */
  private follow({ type, correlationid }: Message): void {
    if (type === "WalletDeducted") this.owing.add(correlationid)
    else if (type === "WalletRefunded") this.owing.delete(correlationid)
    else if ((type === "PaymentFailed" || type === "PaymentCancelled") && this.owing.has(correlationid))
      this.world.violate("I1", `${type} before its money was back`, correlationid)
  }

  check({ events, postings, tables }: Write): void {
    for (const { message } of events) {
      this.follow(message)
      const once = ONCE[message.type]?.(message.data as never)
      if (once === undefined) continue
      const key = `${message.type} ${once}`
      if (this.seen.has(key)) this.world.violate("I9", `${key} happened twice`, message.correlationid)
      this.seen.add(key)
    }
    for (const { source, destination, amount, payment_id } of postings) {
      const left = this.account(source) - amount
      this.accounts.set(source, left)
      this.accounts.set(destination, this.account(destination) + amount)
      if (left < 0n && !mayBeNegative(source)) this.world.violate("I1", `${source} fell to ${left}`, payment_id)
    }
    for (const { table, rows } of tables) {
      if (table.name !== "wallet.wallets") continue
      for (const { id, balance, held } of rows) {
        if (BigInt(String(balance)) < 0n) this.world.violate("I8", `wallet ${id} has ${balance}`)
        if (BigInt(String(held ?? 0)) > BigInt(String(balance)))
          this.world.violate("I8", `wallet ${id} holds ${held} of ${balance}`)
      }
    }
  }
}

/** Where money comes from: outside. A provider's control account mirrors what it has charged. */
const mayBeNegative = (account: string): boolean => account === "funding" || account.endsWith(":control")
