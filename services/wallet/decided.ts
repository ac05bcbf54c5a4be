/** The few shapes of a decision, by name. */
import type { WalletEvent } from "../../shared/contract/wallet.ts"
import type { Decision, Refusal } from "../../shared/runtime/decider.ts"

export type Decided = Decision<WalletEvent>

export const append = (...events: ReadonlyArray<WalletEvent>): Decided => ({ events })
export const nothing: Decided = { events: [] }
export const refuse = (code: string, reason: string, details?: Refusal["details"]): Decided => ({
  refusal: details === undefined ? { code, reason } : { code, reason, details }
})
export const absent = refuse("WALLET_NOT_FOUND", "no such wallet")
