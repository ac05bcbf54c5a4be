/** Whose a wallet is and in which currency: this never changes, so the edge remembers it and reads it once. */
import { Effect } from "effect"
import { Bounded } from "../../shared/runtime/bounded.ts"
import { isUuid } from "../../shared/runtime/ids.ts"
import { type Problem, problem } from "./problem.ts"
import type { Store, StoreUnavailable } from "./records.ts"

export interface Owner {
  readonly userId: string
  readonly currency: string
}

export interface Owners {
  /** Another tenant's wallet is not found (DECISIONS D4). */
  readonly of: (tenant: string, walletId: string) => Effect.Effect<Owner, Problem | StoreUnavailable>
}

const REMEMBERED_MAX = 100_000

export const makeOwners = (store: Pick<Store["Service"], "wallet">): Owners => {
  const remembered = new Bounded<string, Owner>(REMEMBERED_MAX)
  return {
    of: (tenant, walletId) => {
      const place = `${tenant}/${walletId}`
      const known = remembered.get(place)
      if (known !== undefined) return Effect.succeed(known)
      if (!isUuid(walletId)) return Effect.fail(problem("WALLET_NOT_FOUND", { details: { wallet_id: walletId } }))
      return Effect.flatMap(store.wallet(tenant, walletId), (wallet) => {
        if (wallet === undefined) return Effect.fail(problem("WALLET_NOT_FOUND", { details: { wallet_id: walletId } }))
        const owner = { userId: wallet.user_id, currency: wallet.currency }
        remembered.set(place, owner)
        return Effect.succeed(owner)
      })
    }
  }
}

export const mismatch = (wallet: string, asked: string): Problem =>
  problem("CURRENCY_MISMATCH", {
    detail: `the wallet keeps ${wallet}, the request is in ${asked}`,
    details: { wallet_currency: wallet, requested_currency: asked, field: "currency" }
  })
