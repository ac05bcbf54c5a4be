/** The SQL of the dead letters' routes: reads of what the runtime has written. Asking goes through the log. */
import { Effect, Layer } from "effect"
import { DeadLetterAsks } from "../../../shared/runtime/asks.ts"
import { query, type Row, Sql, type SqlClient } from "../../../shared/runtime/postgres.ts"
import { ms, msOrNull, unavailable } from "../reading.ts"
import type { EventRecord, StoreUnavailable, StreamAt } from "../records.ts"
import { type LetterFilter, type LetterRecord, Letters } from "./records.ts"

type Times = "off" | "next_redrive_at" | "created_at" | "updated_at"
type LetterColumns = Omit<LetterRecord, Times> &
  Row & {
    readonly off: bigint
    readonly next_redrive_at: bigint | null
    readonly created_at: bigint
    readonly updated_at: bigint
  }

const fromRow = (row: LetterColumns): LetterRecord => ({
  ...row,
  off: Number(row.off),
  next_redrive_at: msOrNull(row.next_redrive_at),
  created_at: ms(row.created_at),
  updated_at: ms(row.updated_at)
})

const letters = (sql: SqlClient) => sql`
  select d.id, d.service, d.unit, d.tenant, d.topic, d.tp, d.off, d.message_id, d.type, d.error_class, d.error,
    d.history, d.body, d.status, d.redrives, d.next_redrive_at, d.created_at, d.updated_at, u.status as unit_status,
    case when u.status is null then 0 else
      (select count(*)::int from bus.parked_messages p where p.service = d.service and p.unit = d.unit) end as waiting
  from bus.dead_letters d left join bus.parked_units u on u.service = d.service and u.unit = d.unit and u.letter = d.id`

/** Ids are UUIDv7: a page stays put while others die. */
export const lettersMatching =
  ({ tenant, service, status, unit, error_class, ids, order, after, limit }: LetterFilter) =>
  (sql: SqlClient) =>
    sql<Array<LetterColumns>>`${letters(sql)} where d.tenant = ${tenant}
      ${status === undefined ? sql`` : status === "dead" ? sql`and d.status = 'dead'` : sql`and d.status = ${status}`}
      ${service === undefined ? sql`` : sql`and d.service = ${service}`}
      ${unit === undefined ? sql`` : sql`and d.unit = ${unit}`}
      ${error_class === undefined ? sql`` : sql`and d.error_class = ${error_class}`}
      ${ids === undefined ? sql`` : sql`and d.id = any(${[...ids]}::uuid[])`}
      ${after === undefined ? sql`` : order === "newest" ? sql`and d.id < ${after}` : sql`and d.id > ${after}`}
      order by d.id ${order === "newest" ? sql`desc` : sql`asc`} limit ${limit}`

const letterById = (tenant: string, id: string) => (sql: SqlClient) =>
  sql<Array<LetterColumns>>`${letters(sql)} where d.id = ${id} and d.tenant = ${tenant}`

const tailOf =
  ({ tp, stream }: StreamAt, limit: number) =>
  (sql: SqlClient) =>
    sql<Array<EventRecord & Row>>`
      select id, stream, version, type, cause, body from journal.events
      where tp = ${tp} and stream = ${stream} order by version desc limit ${limit}`

export const lettersLayer: Layer.Layer<Letters, never, Sql | DeadLetterAsks> = Layer.effect(
  Letters,
  Effect.gen(function* () {
    const connections = yield* Sql
    const { ask } = yield* DeadLetterAsks
    const on = <A>(self: Effect.Effect<A, StoreUnavailable, Sql>) => Effect.provideService(self, Sql, connections)
    return Letters.of({
      find: (filter) => on(Effect.map(unavailable(query(lettersMatching(filter))), (found) => found.map(fromRow))),
      one: (tenant, id) =>
        on(Effect.map(unavailable(query(letterById(tenant, id))), ([found]) => found && fromRow(found))),
      tail: (at, limit) => on(unavailable(query(tailOf(at, limit)))),
      ask
    })
  })
)
