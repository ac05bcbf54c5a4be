/** Everything the checks know of the services, put together: their deciders, their tables, and who writes what. */

import { operatorActionsTable } from "../../services/audit/store.ts"
import { gateway } from "../../services/gateway/index.ts"
import { notificationsTable } from "../../services/notification/store.ts"
import { refundsTable as paymentRefunds, paymentsTable } from "../../services/payment/store.ts"
import { refundsTable as sagaRefunds, sagasTable } from "../../services/saga/store.ts"
import { holdsTable, ownersTable, transfersTable, walletsTable, withdrawalsTable } from "../../services/wallet/store.ts"
import type { Table } from "../../shared/runtime/decider.ts"
import type { Memory } from "../../shared/runtime/journal/journal.ts"
import { progressTable } from "../../shared/runtime/progress.ts"
import type { decidersOf } from "../embedded/deciders.ts"
import { type Book, bookOf } from "./book.ts"
import { correctionDecider } from "./correction.ts"
import { type Accounts, SNAPSHOTS } from "./replay.ts"
import type { TextRow } from "./store.ts"

/** A table of the read models, and the stream each of its rows comes from. */
export interface Source {
  readonly table: Table
  readonly streamOf: (row: TextRow) => string
  /** Rows of one stream are found by this column, whose value is the end of the stream's name. */
  readonly by?: string
  /**
   * Where neither the stream's name tells the key nor a column finds the rows: the events that make a row, its stream's
   * first one or any of them, are folded for each row.
   */
  readonly made?: "first" | "any"
}

/** A table that streams of several services write together: a row is found from the leading one. */
export interface Shared {
  readonly table: Table
  readonly lead: string
  readonly others: ReadonlyArray<string>
}

export interface Desk {
  readonly books: ReadonlyArray<Book>
  readonly sources: ReadonlyArray<Source>
  readonly shared: ReadonlyArray<Shared>
  readonly accounts: Accounts
}

const [attempts, breakers, refunds] = gateway.tables as readonly [Table, Table, Table]
const of = (prefix: string, column: string) => (row: TextRow) => `${prefix}${row[column]}`

export const SOURCES: ReadonlyArray<Source> = [
  { table: walletsTable, streamOf: of("wallet-", "id") },
  { table: ownersTable, streamOf: of("wallet-", "wallet_id"), made: "first" },
  { table: holdsTable, streamOf: of("wallet-", "wallet_id"), by: "wallet_id" },
  { table: transfersTable, streamOf: of("wallet-", "source_wallet_id"), by: "source_wallet_id" },
  { table: withdrawalsTable, streamOf: of("wallet-", "wallet_id"), by: "wallet_id" },
  { table: paymentsTable, streamOf: of("payment-", "id") },
  { table: paymentRefunds, streamOf: of("payment-", "payment_id"), by: "payment_id" },
  { table: progressTable, streamOf: of("saga-", "payment_id") },
  { table: sagasTable, streamOf: of("saga-", "payment_id") },
  { table: sagaRefunds, streamOf: of("saga-", "payment_id"), made: "any" },
  { table: attempts, streamOf: of("gateway-", "payment_id"), by: "payment_id" },
  { table: refunds, streamOf: of("gateway-", "payment_id"), made: "any" },
  { table: breakers, streamOf: of("breaker-", "provider") },
  { table: notificationsTable, streamOf: of("notification-", "payment_id"), made: "any" },
  { table: operatorActionsTable, streamOf: of("action-", "id") },
  { table: SNAPSHOTS, streamOf: ({ stream }) => stream ?? "" }
]

const SHARED: ReadonlyArray<Shared> = [{ table: progressTable, lead: "saga-", others: ["gateway-"] }]

/** What a wallet's row shows is what its two accounts hold (DECISIONS D1). */
const accounts: Accounts = ({ table, row }) =>
  table !== walletsTable
    ? undefined
    : new Map([
        [`wallet:${row["id"]}`, row["available"] as bigint],
        [`wallet:${row["id"]}:held`, row["held"] as bigint]
      ])

type Deciders = ReturnType<typeof decidersOf>

/** `memory`: what the service's processor remembers; none where the platform is stopped. */
export const deskOf = (deciders: Deciders, memory: (service: keyof Deciders) => Memory | undefined): Desk => ({
  books: [
    bookOf(deciders.wallet, ["wallet-"], memory("wallet")),
    bookOf(deciders.payment, ["payment-"], memory("payment")),
    bookOf(deciders.saga, ["saga-"], memory("saga")),
    bookOf(deciders.gateway, ["gateway-", "breaker-"], memory("gateway")),
    bookOf(deciders.notification, ["notification-"], memory("notification")),
    bookOf(deciders.audit, ["action-"], memory("audit")),
    bookOf(correctionDecider, ["correction-"])
  ],
  sources: SOURCES,
  shared: SHARED,
  accounts
})
