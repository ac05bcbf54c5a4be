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

/** Every hold there was; the wallet itself remembers only the open ones. */
export const holdsTable: Table = {
  name: "wallet.holds",
  columns: {
    id: "text",
    tenant: "text",
    wallet_id: "text",
    user_id: "text",
    merchant_id: "text",
    currency: "text",
    amount: "bigint",
    captured_amount: "bigint",
    remaining_amount: "bigint",
    released_amount: "bigint",
    status: "text",
    expires_at: "bigint",
    version: "int",
    created_at: "bigint",
    updated_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}

/** Every transfer there was; its money moved in the commit that wrote the row. */
export const transfersTable: Table = {
  name: "wallet.transfers",
  columns: {
    id: "text",
    tenant: "text",
    source_wallet_id: "text",
    destination_wallet_id: "text",
    amount: "bigint",
    currency: "text",
    reference: "text",
    version: "int",
    created_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}

/** Every withdrawal there was; the wallet itself remembers only those under way. */
export const withdrawalsTable: Table = {
  name: "wallet.withdrawals",
  columns: {
    id: "text",
    tenant: "text",
    wallet_id: "text",
    user_id: "text",
    amount: "bigint",
    currency: "text",
    reference: "text",
    status: "text",
    reason: "text",
    version: "int",
    created_at: "bigint",
    updated_at: "bigint"
  },
  key: ["id"],
  write: "replace"
}
