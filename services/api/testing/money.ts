/** Transfers and withdrawals in the unit tests' world: enough of the wallet to answer what a client asked for. */
import { Effect } from "effect"
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import type { Fact, Message } from "../../../shared/contract/envelope.ts"
import { ZERO } from "../../../shared/contract/money.ts"
import { transfer, withdrawal } from "../examples-money.ts"
import type { Store } from "../records.ts"
import type { TransferRecord } from "../transfers/transfer.ts"
import type { WithdrawalRecord } from "../withdrawals/withdrawal.ts"

export type Owned<Record> = Record & { readonly tenant: string }
type Told = Readonly<Record<string, unknown>>

export class MoneyWorld {
  readonly transfers = new Map<string, Owned<TransferRecord>>()
  readonly withdrawals = new Map<string, Owned<WithdrawalRecord>>()

  /** What follows from a command of these; undefined: it is none of them. */
  follow({ type, data, tenant, time }: Message): Fact | undefined {
    const told = data as Told
    switch (type) {
      case "SendTransfer": {
        const { transfer_id, wallet_id, destination_wallet_id, amount, currency, reference = null } = told
        const of = { id: transfer_id, tenant, source_wallet_id: wallet_id, destination_wallet_id, created_at: time }
        this.transfers.set(String(transfer_id), { ...of, amount, currency, reference } as Owned<TransferRecord>)
        return { type: "TransferSent", data: { ...told, balance: ZERO, available: ZERO } }
      }
      case "RequestWithdrawal": {
        const { withdrawal_id: id, wallet_id, amount, currency, reference } = told
        const of = { id, wallet_id, amount, currency, reference } as Partial<Owned<WithdrawalRecord>>
        this.withdrawals.set(String(id), withdrawalWith({ ...of, id: String(id), tenant, created_at: time }))
        return { type: "WithdrawalRequested", data: { ...told, requested_at: time, balance: ZERO, available: ZERO } }
      }
      case "SettleWithdrawal":
      case "FailWithdrawal": {
        const known = this.withdrawals.get(String(told["withdrawal_id"])) as Owned<WithdrawalRecord>
        const settled = type === "SettleWithdrawal"
        this.withdrawals.set(known.id, { ...known, status: settled ? "settled" : "failed" })
        const { amount, reference, created_at: requested_at } = known
        const of = { amount, currency: "USD", reference, requested_at, balance: ZERO, available: ZERO }
        return { type: settled ? "WithdrawalSettled" : "WithdrawalFailed", data: { ...told, ...of } }
      }
      default:
        return undefined
    }
  }

  reads(): Pick<Store["Service"], "transfer" | "withdrawal" | "withdrawals"> {
    return {
      transfer: (tenant, id) => Effect.sync(() => mine(this.transfers.get(id), tenant)),
      withdrawal: (tenant, id) => Effect.sync(() => mine(this.withdrawals.get(id), tenant)),
      withdrawals: ({ tenant, wallet_id, limit }) =>
        Effect.sync(() =>
          [...this.withdrawals.values()]
            .filter((one) => one.tenant === tenant && one.wallet_id === wallet_id)
            .slice(0, limit)
        )
    }
  }
}

export const mine = <A extends { readonly tenant: string }>(found: A | undefined, tenant: string): A | undefined =>
  found?.tenant === tenant ? found : undefined

export const transferWith = (of: Partial<Owned<TransferRecord>> & { readonly id: string }): Owned<TransferRecord> => ({
  tenant: "default",
  ...transfer.asks,
  amount: BigInt(transfer.asks.amount),
  created_at: Date.parse(EXAMPLE.time),
  ...of
})

export const withdrawalWith = (
  of: Partial<Owned<WithdrawalRecord>> & { readonly id: string }
): Owned<WithdrawalRecord> => ({
  tenant: "default",
  user_id: "ana",
  wallet_id: EXAMPLE.wallet,
  ...withdrawal.asks,
  amount: BigInt(withdrawal.asks.amount),
  status: "pending",
  reason: null,
  created_at: Date.parse(EXAMPLE.time),
  updated_at: Date.parse(EXAMPLE.time),
  ...of
})
