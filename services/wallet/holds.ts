/**
 * Holds of a wallet: set aside, captured in one or several parts, voided, lapsed. Only the open ones are remembered;
 * what became of a closed one is in its row, and a repeated command is stopped by the store's unique cause.
 */
import type { Message, Recorded } from "../../shared/contract/envelope.ts"
import { add, type Minor, subtract, ZERO } from "../../shared/contract/money.ts"
import type { WalletCommand, WalletEvent } from "../../shared/contract/wallet.ts"
import { append, type Decided, nothing, refuse } from "./decided.ts"
import { lackOf, otherCurrency } from "./funds.ts"
import type { Wallet } from "./wallet.ts"

export interface HoldSettings {
  /** A hold's lifetime where its client names no end (ms). */
  readonly expiryMs: number
  /** The longest lifetime a client may ask for (ms). */
  readonly expiryMaxMs: number
  /** Open holds a wallet has at most: its state stays bounded. */
  readonly openMax: number
}

const DAY_MS = 86_400_000
export const defaultHoldSettings: HoldSettings = { expiryMs: 7 * DAY_MS, expiryMaxMs: 30 * DAY_MS, openMax: 1_000 }

export interface OpenHold {
  readonly id: string
  readonly merchantId: string
  readonly amount: Minor
  /** Not yet captured; `amount` - `remaining` is. */
  readonly remaining: Minor
  readonly heldAt: number
  readonly expiresAt: number
}
/** The first to lapse comes first. */
export type Holds = ReadonlyArray<OpenHold>

export const nextExpiry = (holds: Holds): number | undefined => holds[0]?.expiresAt

type Of<Type extends WalletCommand["type"]> = Extract<WalletCommand, { readonly type: Type }>["data"]
export type HoldEvent = Extract<WalletEvent, { readonly data: { readonly hold_id: string } }>

/** A locked wallet sets nothing aside; what it had set aside stays promised to the merchant (DECISIONS D1.5). */
export const holdFunds = (settings: HoldSettings, wallet: Wallet, data: Of<"HoldFunds">, now: number): Decided => {
  const { hold_id, merchant_id, amount, currency } = data
  const mismatch = otherCurrency(wallet, currency)
  if (mismatch !== undefined) return mismatch
  if (find(wallet.holds, hold_id) !== undefined) return nothing
  if (wallet.locked) return refuse("WALLET_LOCKED", "a locked wallet sets nothing aside")
  const expiresAt = data.expires_at ?? now + Math.min(settings.expiryMs, settings.expiryMaxMs)
  if (expiresAt <= now || expiresAt > now + settings.expiryMaxMs) {
    const reason = `expires_at must be in the future and at most ${settings.expiryMaxMs} ms away`
    return refuse("INVALID_REQUEST", reason, { field: "expires_at" })
  }
  if (wallet.holds.length >= settings.openMax) {
    return refuse("HOLD_LIMIT_EXCEEDED", "too many open holds", { open_holds_max: settings.openMax })
  }
  const lack = lackOf(wallet, data)
  if (lack !== undefined) return lack
  const hold = { id: hold_id, merchantId: merchant_id, amount, remaining: amount, heldAt: now, expiresAt }
  return append({
    type: "FundsHeld",
    data: told(data.wallet_id, { ...wallet, held: add(wallet.held, amount) }, hold, amount)
  })
}

/** Without an amount: all that is left. `final`: what the capture leaves is released with it. */
export const captureHold = (wallet: Wallet, data: Of<"CaptureHold">): Decided => {
  const { wallet_id, hold_id, capture_id, final } = data
  const hold = find(wallet.holds, hold_id)
  if (hold === undefined) return closed(hold_id)
  const amount = data.amount ?? hold.remaining
  if (amount > hold.remaining) {
    const asked = { hold_id, requested_amount: amount, remaining_amount: hold.remaining, currency: wallet.currency }
    return refuse("CAPTURE_EXCEEDS_HOLD", "less is left of the hold", asked)
  }
  const left = { ...hold, remaining: subtract(hold.remaining, amount) }
  const paid = { ...wallet, balance: subtract(wallet.balance, amount), held: subtract(wallet.held, amount) }
  const captured: WalletEvent = {
    type: "HoldCaptured",
    data: { ...told(wallet_id, paid, left, amount), capture_id, final }
  }
  if (!final || left.remaining === ZERO) return append(captured)
  return append(captured, {
    type: "HoldRemainderReleased",
    data: { ...released(wallet_id, paid, left), capture_id }
  })
}

export const voidHold = (wallet: Wallet, { wallet_id, hold_id, reason }: Of<"VoidHold">): Decided => {
  const hold = find(wallet.holds, hold_id)
  if (hold === undefined) return closed(hold_id)
  const why = reason === undefined ? {} : { reason }
  return append({ type: "HoldVoided", data: { ...released(wallet_id, wallet, hold), ...why } })
}

/** Which of them it was, its row says: a list of closed holds would grow for ever. */
const closed = (hold_id: string): Decided => refuse("HOLD_CLOSED", "nothing is held any more", { hold_id })
export const expired = (hold_id: string): Decided => refuse("HOLD_EXPIRED", "its time is up", { hold_id })

/** What every decision at `now` finds lapsed, and the wallet without it; nearly always nothing. */
export const lapse = (wallet: Wallet, { subject }: Message, now: number) => {
  const first = nextExpiry(wallet.holds)
  if (first === undefined || first > now) return undefined
  const over = wallet.holds.filter(({ expiresAt }) => expiresAt <= now)
  const walletId = subject.slice("wallet-".length) // a timer's message names its wallet by its stream only
  let left = wallet
  const events = over.map((hold): WalletEvent => {
    const data = released(walletId, left, hold)
    left = { ...left, held: subtract(left.held, hold.remaining) }
    return { type: "HoldExpired", data }
  })
  return { events, over, wallet: { ...left, holds: wallet.holds.slice(over.length) } }
}

export const evolveHolds = (wallet: Wallet, { data }: Recorded<HoldEvent>): Wallet => {
  const { balance, available, remaining_amount } = data
  const others = wallet.holds.filter(({ id }) => id !== data.hold_id)
  const holds = remaining_amount === ZERO ? others : inOrder(others, holdIn(data))
  return { ...wallet, balance, held: subtract(balance, available), holds }
}

export const find = (holds: Holds, id: string): OpenHold | undefined => holds.find((hold) => hold.id === id)

/** Most holds live equally long, so the place of a new one is nearly always the end. */
const inOrder = (holds: Holds, hold: OpenHold): Holds => {
  const before = holds.findLastIndex(({ expiresAt }) => expiresAt <= hold.expiresAt) + 1
  return [...holds.slice(0, before), hold, ...holds.slice(before)]
}

const holdIn = (data: HoldEvent["data"]): OpenHold => ({
  id: data.hold_id,
  merchantId: data.merchant_id,
  amount: data.hold_amount,
  remaining: data.remaining_amount,
  heldAt: data.held_at,
  expiresAt: data.expires_at
})

/** The hold and its wallet as they are afterwards. `amount`: what moved. */
const told = (wallet_id: string, { currency, balance, held }: Wallet, hold: OpenHold, amount: Minor) => ({
  wallet_id,
  hold_id: hold.id,
  merchant_id: hold.merchantId,
  currency,
  amount,
  hold_amount: hold.amount,
  captured_amount: subtract(hold.amount, hold.remaining),
  remaining_amount: hold.remaining,
  held_at: hold.heldAt,
  expires_at: hold.expiresAt,
  balance,
  available: subtract(balance, held)
})

/** All that is left of the hold is available again. */
const released = (walletId: string, wallet: Wallet, hold: OpenHold) => ({
  ...told(walletId, { ...wallet, held: subtract(wallet.held, hold.remaining) }, hold, hold.remaining),
  remaining_amount: ZERO
})
