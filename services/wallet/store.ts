/** The tables of the wallet's read model; the journal writes them in the commit of the events they follow from. */
import type { Table } from "../../shared/runtime/decider.ts"

export const walletsTable: Table = {
  name: "wallet.wallets",
  columns: {
    id: "text",
    tenant: "text",
    user_id: "text",
    currency: "text",
    balance: "bigint",
    available: "bigint",
    held: "bigint",
    status: "text",
    metadata: "text",
    version: "int",
    created_at: "bigint",
    updated_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}

/** One wallet per user and currency: the second creation finds its row taken. */
export const ownersTable: Table = {
  name: "wallet.owners",
  columns: { tenant: "text", user_id: "text", currency: "text", wallet_id: "text" },
  key: ["tenant", "user_id", "currency"],
  write: "insert"
}
