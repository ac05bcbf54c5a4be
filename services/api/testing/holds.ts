/** Holds in the unit tests' world: enough of the wallet's side to answer what a client asked for. */
import { Effect } from "effect"
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import type { Fact, Message } from "../../../shared/contract/envelope.ts"
import type { HoldRecord, HoldStatus } from "../holds/hold.ts"
import type { Store } from "../records.ts"

export type OwnedHold = HoldRecord & { readonly tenant: string }

const TIME = Date.parse(EXAMPLE.time)

export const holdWith = (hold: Partial<OwnedHold> & { readonly id: string }): OwnedHold => ({
  tenant: "default",
  wallet_id: EXAMPLE.wallet,
  user_id: "ana",
  merchant_id: "grand-hotel",
  currency: "USD",
  amount: 80_000n,
  captured_amount: 0n,
  remaining_amount: 80_000n,
  released_amount: 0n,
  status: "held",
  expires_at: 8_000_000_000_000,
  version: 3,
  created_at: TIME,
  updated_at: TIME,
  ...hold
})

interface Asked {
  readonly wallet_id: string
  readonly hold_id: string
  readonly merchant_id?: string
  readonly amount?: bigint
  readonly expires_at?: number
  readonly capture_id?: string
  readonly final?: boolean
}

/** The hold after the command, and the event that says so. */
export const holdAfter = (
  known: OwnedHold | undefined,
  { tenant, type, data }: Message
): readonly [OwnedHold, Fact] => {
  const asked = data as Asked
  const { hold_id, merchant_id = "grand-hotel", amount = 80_000n, expires_at = 8_000_000_000_000 } = asked
  const before = known ?? holdWith({ id: hold_id, tenant, merchant_id, amount, remaining_amount: amount, expires_at })
  const taken = asked.amount ?? before.remaining_amount
  const changes: Readonly<Record<string, readonly [string, HoldStatus, bigint, bigint]>> = {
    HoldFunds: ["FundsHeld", "held", 0n, 0n],
    CaptureHold: ["HoldCaptured", "captured", taken, 0n],
    VoidHold: ["HoldVoided", "voided", 0n, before.remaining_amount]
  }
  const [event = "", status = "held", captured = 0n, released = 0n] = changes[type] ?? []
  const left = before.remaining_amount - captured - released
  const after: OwnedHold = {
    ...before,
    status,
    captured_amount: before.captured_amount + captured,
    released_amount: before.released_amount + released,
    remaining_amount: left
  }
  const facts = {
    ...asked,
    merchant_id: after.merchant_id,
    currency: after.currency,
    amount: taken,
    hold_amount: after.amount,
    captured_amount: after.captured_amount,
    remaining_amount: left,
    held_at: after.created_at,
    expires_at: after.expires_at,
    balance: 0n,
    available: 0n
  }
  return [after, { type: event, data: facts }]
}

export const holdReads = (
  all: ReadonlyMap<string, OwnedHold>
): Pick<Store["Service"], "hold" | "holds" | "lapsedAt"> => ({
  hold: (tenant, id) =>
    Effect.sync(() => {
      const found = all.get(id)
      return found?.tenant === tenant ? found : undefined
    }),
  holds: ({ tenant, wallet_id, after = "~", limit }) =>
    Effect.sync(() =>
      [...all.values()]
        .filter((hold) => hold.tenant === tenant && hold.wallet_id === wallet_id && hold.id < after)
        .sort((a, b) => (a.id > b.id ? -1 : 1))
        .slice(0, limit)
    ),
  lapsedAt: () => Effect.succeed(0n)
})
