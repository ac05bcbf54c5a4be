/** What a repair of derived data leaves behind. One stream `correction-{id}` a repair. */
import { Schema } from "effect"
import { EXAMPLE, entry, type FactOf } from "./catalogue.ts"

export const ConsistencyEvents = {
  ReadModelCorrected: entry(
    {
      version: 1,
      topic: "metrics-events",
      producer: "metrics",
      consumers: ["metrics"],
      trigger: "a repair made a row, a snapshot or a remembered state anew from the events of its stream"
    },
    {
      /** Whose events say what is right. */
      stream: Schema.String,
      /** A read-model table, `journal.snapshots`, or `memory`: what a processor remembers. */
      table: Schema.String,
      key: Schema.String,
      /** What differed, as JSON; null: there was nothing, there is nothing now. */
      before: Schema.NullOr(Schema.String),
      after: Schema.NullOr(Schema.String),
      reason: Schema.String
    },
    {
      stream: `wallet-${EXAMPLE.wallet}`,
      table: "wallet.wallets",
      key: EXAMPLE.wallet,
      before: '{"balance":"100001"}',
      after: '{"balance":"100000"}',
      reason: "found by the nightly verification"
    }
  )
} as const
export type ConsistencyEvent = FactOf<typeof ConsistencyEvents>
