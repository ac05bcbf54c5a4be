/** Reads of what the verbs beside the payment have made. */
import { transferReads } from "./transfers/store.ts"
import { withdrawalReads } from "./withdrawals/store.ts"

type Guarded = Parameters<typeof transferReads>[0]

export const moneyReads = (guarded: Guarded) => ({ ...transferReads(guarded), ...withdrawalReads(guarded) })
