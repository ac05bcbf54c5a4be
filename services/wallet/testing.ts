/** A wallet with holds, for its tests: decided and folded without a journal. */
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import { none } from "./deductions.ts"
import type { OpenHold } from "./holds.ts"
import { decide, evolve, type State, type Wallet } from "./wallet.ts"

export const LIFE_MS = 1_000
export const LIFE_MAX_MS = 5_000
export const OPEN_MAX = 4
export const settings = {
  concurrentPaymentWindowMs: 1_000,
  rememberMs: 301_000,
  holds: { expiryMs: LIFE_MS, expiryMaxMs: LIFE_MAX_MS, openMax: OPEN_MAX }
}
export const NOW = 10_000
export const USD = "USD" as Currency
export const open = (id: string, remaining: bigint, expiresAt = NOW + LIFE_MS, amount = remaining): OpenHold => ({
  id,
  merchantId: "hotel",
  amount: minor(amount),
  remaining: minor(remaining),
  heldAt: NOW - 1,
  expiresAt
})
export const walletWith = (balance: bigint, ...holds: ReadonlyArray<OpenHold>): Wallet => ({
  currency: USD,
  userId: "ana",
  balance: minor(balance),
  held: minor(holds.reduce((sum, { remaining }) => sum + remaining, 0n)),
  holds,
  withdrawals: [],
  locked: false,
  metadata: undefined,
  createdAt: 0,
  version: 2,
  deductions: none
})
let made = 0
export const message = (type: string, data: object, id = `m${++made}`): Message => ({
  id,
  type,
  subject: "wallet-w",
  time: NOW,
  tenant: "t",
  partitionkey: "t/ana",
  correlationid: "w",
  causationid: id,
  actor: "test",
  schema: 1,
  data: { wallet_id: "w", ...data }
})
export const run = (state: State, command: Message, now = NOW) => {
  const decision = decide(settings)(state, command, now)
  const events: ReadonlyArray<WalletEvent> = decision.events ?? []
  const after = events.reduce(
    (at: State, event, n) => evolve(settings)(at, { ...event, id: "e", time: now, version: 3 + n }),
    state
  )
  return { after, events, types: events.map(({ type }) => type), refusal: decision.refusal }
}
