/**
 * What must add up over everything: a wallet's accounts, clearing, and all accounts of a currency. Each is one
 * statement, so it sees one moment; each reads the whole ledger, so it belongs into full verifications.
 */
import { Effect } from "effect"
import { damage, type Found } from "./finding.ts"
import { accountsThatDiffer, clearingThatDiffers, totalsThatDiffer, withdrawalsThatDiffer } from "./ledger.ts"
import type { Asked } from "./store.ts"

const LOOK = "; find the posting that its events do not tell, or the event without one"

export const sums: Asked<ReadonlyArray<Found>> = Effect.gen(function* () {
  const accounts = yield* accountsThatDiffer
  const clearing = yield* clearingThatDiffers
  const withdrawals = yield* withdrawalsThatDiffer
  const totals = yield* totalsThatDiffer
  return [
    ...accounts.map(({ wallet, account, currency, shown, posted }) => {
      const detail = `the wallet's row says ${shown ?? "nothing"} ${currency}, the postings of ${account} ${posted}`
      const about = { stream: `wallet-${wallet}`, expected: posted, found: shown, detail: detail + LOOK }
      return { ...damage("sums", "account_differs", about), key: `${account} ${currency}` }
    }),
    ...clearing.map(({ currency, holds, open }) => {
      const detail = `payments:clearing holds ${holds} ${currency}, open payments with deducted money are ${open}`
      const about = { stream: "payments:clearing", expected: open, found: holds, detail: detail + LOOK }
      return { ...damage("sums", "clearing_differs", about), key: currency }
    }),
    ...withdrawals.map(({ currency, holds, open }) => {
      const detail = `withdrawals:clearing holds ${holds} ${currency}, withdrawals under way are ${open}`
      const about = { stream: "withdrawals:clearing", expected: open, found: holds, detail: detail + LOOK }
      return { ...damage("sums", "clearing_differs", about), key: `withdrawals ${currency}` }
    }),
    ...totals.map(({ currency, total }) => {
      const detail = `all accounts of ${currency} together hold ${total}`
      const about = { stream: "trial balance", expected: "0", found: total, detail: detail + LOOK }
      return { ...damage("sums", "trial_balance", about), key: currency }
    })
  ]
})
