/** The call-backs' own table, and where the stream of a payment is. */
import { Effect } from "effect"
import type { Provider } from "../../../shared/contract/provider.ts"
import { topicPartitions } from "../../../shared/contract/topics.ts"
import { query, type Row } from "../../../shared/runtime/postgres.ts"
import { paymentStream } from "../calls.ts"

export type Status = "received" | "applied" | "known" | "ignored" | "parked" | "failed"

export interface Arrived {
  readonly provider: Provider
  readonly event_id: string
  readonly type: string
  readonly item: number
  readonly body: string
  readonly status: Status
  readonly received_at: number
  readonly next_at: number | null
}

interface Key extends Row {
  readonly provider: Provider
  readonly event_id: string
}
export const keyOf = ({ provider, event_id }: { readonly provider: string; readonly event_id: string }): string =>
  `${provider} ${event_id}`

/** As text: the driver takes an array of bigint for one bigint. */
const moment = ({ next_at }: { readonly next_at: number | null }): string | null =>
  next_at === null ? null : String(next_at)

const column = <A, B>(rows: ReadonlyArray<A>, of: (row: A) => B): Array<B> => rows.map(of)

/** Keeps those that are new, and says which. Ordered by key, so that two instances cannot wait for each other. */
export const keep = (arrived: ReadonlyArray<Arrived>) => {
  const rows = [...arrived].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return query<Key>(
    (sql) => sql`
      insert into gateway.webhooks
        (provider, event_id, type, item, body, status, looks, received_at, next_at)
      select provider, event_id, type, item, body, status, 0, received_at, next_at
        from unnest(${column(rows, (row) => row.provider)}::text[], ${column(rows, (row) => row.event_id)}::text[],
          ${column(rows, (row) => row.type)}::text[], ${column(rows, (row) => row.item)}::int[],
          ${column(rows, (row) => row.body)}::text[], ${column(rows, (row) => row.status)}::text[],
          ${column(rows, (row) => String(row.received_at))}::text[]::bigint[],
          ${column(rows, moment)}::text[]::bigint[])
          as told (provider, event_id, type, item, body, status, received_at, next_at)
      on conflict (provider, event_id) do nothing
      returning provider, event_id`
  )
}

export interface Due extends Row {
  readonly provider: Provider
  readonly event_id: string
  readonly type: string
  readonly item: number
  readonly body: string
  readonly status: Status
  readonly looks: number
  readonly received_at: bigint
}

export const due = (now: number, most: number) =>
  query<Due>(
    (sql) => sql`
      select provider, event_id, type, item, body, status, looks, received_at from gateway.webhooks
       where next_at <= ${BigInt(now)} order by next_at limit ${most}`
  )

interface Soonest extends Row {
  readonly next_at: bigint
}
/** When (ms) the next of them is due; undefined: none waits. */
export const soonest = Effect.map(
  query<Soonest>((sql) => sql`select next_at from gateway.webhooks where next_at is not null order by next_at limit 1`),
  ([row]) => (row === undefined ? undefined : Number(row.next_at))
)

export interface Looked {
  readonly provider: Provider
  readonly event_id: string
  readonly status: Status
  readonly payment_id: string | null
  readonly reason: string | null
  readonly next_at: number | null
}

export const looked = (results: ReadonlyArray<Looked>) => {
  const rows = [...results].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return query(
    (sql) => sql`
      update gateway.webhooks w
         set status = found.status, payment_id = found.payment_id, reason = found.reason, looks = w.looks + 1,
             next_at = found.next_at
        from unnest(${column(rows, (row) => row.provider)}::text[], ${column(rows, (row) => row.event_id)}::text[],
          ${column(rows, (row) => row.status)}::text[], ${column(rows, (row) => row.payment_id)}::text[],
          ${column(rows, (row) => row.reason)}::text[],
          ${column(rows, moment)}::text[]::bigint[])
          as found (provider, event_id, status, payment_id, reason, next_at)
       where w.provider = found.provider and w.event_id = found.event_id`
  )
}

interface Beginning extends Row {
  readonly stream: string
  readonly body: string
}

const PARTITIONS = [...topicPartitions("gateway-events")]

/** The first event of each payment's stream at the gateway, which says whose it is; a few index lookups a payment. */
export const beginnings = (payments: ReadonlyArray<string>) =>
  query<Beginning>(
    (sql) => sql`
      select stream, body from journal.events
       where tp = any(${PARTITIONS}::smallint[]) and stream = any(${payments.map(paymentStream)}::text[])
         and version = 1`
  )

/** Rows older than `before` (ms), a batch of them; says how many they were. */
export const forget = (before: number, most: number) =>
  Effect.map(
    query<Key>(
      (sql) => sql`
        delete from gateway.webhooks where (provider, event_id) in (
          select provider, event_id from gateway.webhooks
           where received_at < ${BigInt(before)} order by received_at limit ${most})
        returning provider, event_id`
    ),
    ({ length }) => length
  )
