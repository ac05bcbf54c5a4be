/** Transfers in the unit tests' world: enough of the wallet's side to answer what a client asked for. */
import { Effect } from "effect"
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import type { Fact, Message } from "../../../shared/contract/envelope.ts"
import { ZERO } from "../../../shared/contract/money.ts"
import { transfer } from "../examples-money.ts"
import type { Store } from "../records.ts"
import type { TransferRecord } from "../transfers/transfer.ts"

export type Owned<Record> = Record & { readonly tenant: string }
type Told = Readonly<Record<string, unknown>>

export class MoneyWorld {
  readonly transfers = new Map<string, Owned<TransferRecord>>()

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
      default:
        return undefined
    }
  }

  reads(): Pick<Store["Service"], "transfer"> {
    return { transfer: (tenant, id) => Effect.sync(() => mine(this.transfers.get(id), tenant)) }
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
