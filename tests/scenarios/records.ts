/** What the platform wrote down, read past its API: for checks only. */
import type { Sql } from "postgres"
import { eventually } from "./eventually.ts"
import type { Platform } from "./platform.ts"

export interface Stored {
  readonly type: string
  readonly version: number
  readonly data: Readonly<Record<string, unknown>>
}

const read = async (rows: PromiseLike<ReadonlyArray<Omit<Stored, "data"> & { readonly body: string }>>) =>
  (await rows).map(({ type, version, body }): Stored => ({ type, version, data: JSON.parse(body).data }))

export const streamOf = ({ sql }: Platform, stream: string): Promise<ReadonlyArray<Stored>> =>
  read(sql`select type, version, body from journal.events where stream = ${stream} order by version`)

export const eventsOfType = ({ sql }: Platform, type: string): Promise<ReadonlyArray<Stored>> =>
  read(sql`select type, version, body from journal.events where type = ${type} order by body::json ->> 'time'`)

/** Waits for the messages that tell the user, and answers all there are. */
export const toldTo = ({ sql }: Platform, payment: string, messages = 1) =>
  eventually(
    `the user of ${payment} is told`,
    async () => [
      ...(await sql<Array<{ title: string; message: string }>>`
        select title, message from notification.notifications where payment_id = ${payment}`)
    ],
    ({ length }) => length >= messages
  )

export const countOf = async (sql: Sql, what: "journal.events" | "ledger.postings" | "payment.payments") =>
  Number((await sql`select count(*) from ${sql(what)}`)[0]?.["count"])

/** How a payment's money was asked for. One key and one body at each address is one capture at most, however often. */
export const chargesOnWire = async ({ sim }: Platform, payment: string) => {
  const wire = (await sim.wire(payment)).filter(({ op }) => op === "charge" || op === "create")
  const asked = Map.groupBy(wire, ({ provider, path }) => `${provider} ${path}`)
  const changed = [...asked].filter(
    ([, same]) => new Set(same.map(({ idempotency_key, body_hash }) => `${idempotency_key} ${body_hash}`)).size > 1
  )
  return {
    tries: wire.filter(({ op }) => op === "charge").length,
    providers: [...new Set(wire.map(({ provider }) => provider))],
    /** Addresses that were asked with more than one key or body. */
    changed: changed.map(([address]) => address)
  }
}
