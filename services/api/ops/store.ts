/** The SQL of the operators' routes: reads of the services' read models. */
import { Effect, Layer } from "effect"
import { query, type Row, Sql, type SqlClient } from "../../../shared/runtime/postgres.ts"
import { msOrNull, unavailable } from "../reading.ts"
import { type ActionFilter, type ActionRecord, OpsStore } from "./records.ts"

type ActionRow = Omit<ActionRecord, "requested_at" | "completed_at"> &
  Row & { readonly requested_at: bigint; readonly completed_at: bigint | null }

/** Newest first: ids are UUIDv7, so a page stays put while others are inserted. */
export const actionsMatching =
  ({ tenant, target, actor, action, after, limit }: ActionFilter) =>
  (sql: SqlClient) =>
    sql<Array<ActionRow>>`
      select id, action, target, reason, actor, parameters, before, outcome, code, detail, after, requested_at,
          completed_at
        from audit.operator_actions where tenant = ${tenant}
        ${target === undefined ? sql`` : sql`and target = ${target}`}
        ${actor === undefined ? sql`` : sql`and actor = ${actor}`}
        ${action === undefined ? sql`` : sql`and action = ${action}`}
        ${after === undefined ? sql`` : sql`and id < ${after}`}
        order by id desc limit ${limit}`

export const opsStoreLayer: Layer.Layer<OpsStore, never, Sql> = Layer.effect(
  OpsStore,
  Effect.map(Sql, (connections) =>
    OpsStore.of({
      actions: (filter) =>
        Effect.provideService(
          Effect.map(unavailable(query(actionsMatching(filter))), (found) =>
            found.map((row) => ({
              ...row,
              requested_at: Number(row.requested_at),
              completed_at: msOrNull(row.completed_at)
            }))
          ),
          Sql,
          connections
        )
    })
  )
)
