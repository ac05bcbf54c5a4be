/** Bugs of wallet and payment: they give what is not there, forget what was promised, or count wrongly. */
import type { Mutate } from "../world.ts"
import { type Data, event, seeing, wakes, withoutPosting, withoutRow } from "./change.ts"

const more = (data: Data, by: bigint): Data => ({ ...data, amount: (data["amount"] as bigint) + by })
const rich = (state: Data | undefined): Data | undefined =>
  state === undefined ? undefined : { ...state, balance: (state["balance"] as bigint) + 1_000_000n }
const short = (data: Data, by: bigint): Data => ({
  ...data,
  balance: (data["balance"] as bigint) - by,
  available: (data["available"] as bigint) - by
})

/** A wallet that believes in more money than there is decides, and its events say what is there. */
const blind = (command: string, fact: string): Mutate => {
  const look = seeing("wallet", (state, message) => [message.type === command ? rich(state) : state, message])
  const tell = event("wallet", fact, (data) => short(data, 1_000_000n))
  return (parts, world) => tell(look(parts, world), world)
}

export const WALLET: Readonly<Record<string, Mutate>> = {
  "wallet: deducts without looking at the balance": blind("DeductWalletBalance", "WalletDeducted"),
  "wallet: held money can be spent": seeing("wallet", (state, message) =>
    message.type === "DeductWalletBalance" && state !== undefined ? [{ ...state, held: 0n }, message] : [state, message]
  ),
  "wallet: deducts one unit less than asked": event("wallet", "WalletDeducted", (data) => more(short(data, -1n), -1n)),
  "wallet: gives one unit too much back": event("wallet", "WalletRefunded", (data) => more(short(data, -1n), 1n)),
  "wallet: a deduction that never happened is refunded": seeing("wallet", (state, message) =>
    message.type === "RefundWalletBalance"
      ? [state, { ...message, data: { ...(message.data as Data), deducted: true } }]
      : [state, message]
  ),
  "wallet: no tombstone": event("wallet", "WalletDeductionVoided", () => undefined),
  "wallet: a refund is forgotten": event("wallet", "WalletRefunded", () => undefined),
  "wallet: a refund is not written down": withoutPosting("wallet", "compensation"),
  "wallet: a deduction is not written down": withoutPosting("wallet", "deduct"),
  "wallet: a hold's expiry is forgotten": wakes("wallet", () => undefined),
  "wallet: a hold's release is forgotten": event("wallet", "HoldVoided", () => undefined),
  "wallet: a hold's release is not written down": withoutPosting("wallet", "hold_expiry"),
  "wallet: the remainder of a final capture stays held": event("wallet", "HoldRemainderReleased", () => undefined),
  "wallet: a capture leaves the hold whole": event("wallet", "HoldCaptured", (data) => ({
    ...data,
    remaining_amount: data["hold_amount"]
  })),
  "wallet: a refund's credit is not written down": withoutPosting("wallet", "refund_credit"),
  "payment: a completion is not written down": withoutPosting("payment", "confirm"),
  "payment: a failure is not shown": withoutRow("payment", "PaymentFailed"),
  "payment: the cap of refunds is forgotten": seeing("payment", (state, message) =>
    message.type === "RequestRefund" && state !== undefined ? [{ ...state, refunds: [] }, message] : [state, message]
  ),
  "payment: refunds under way do not count": seeing("payment", (state, message) => {
    if (message.type !== "RequestRefund" || state?.["refunds"] === undefined) return [state, message]
    const refunds = (state["refunds"] as ReadonlyArray<Data>).filter(({ status }) => status !== "pending")
    return [{ ...state, refunds }, message]
  }),
  "payment: what is refunded is not set aside": withoutPosting("payment", "refund_reserve"),
  "payment: what was set aside is not released": withoutPosting("payment", "refund_release")
}
