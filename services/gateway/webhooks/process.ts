/**
 * What call-backs mean is found out here, after they were acknowledged: read, addressed to the stream of its payment,
 * decided there like an answer that was asked for. A process that dies on the way leaves rows that the next one finds,
 * and a command that was applied already is not applied again.
 */
import { Clock, Effect } from "effect"
import { tenantOf } from "../../../shared/contract/codec.ts"
import type { Message } from "../../../shared/contract/envelope.ts"
import type { Submit } from "../../../shared/runtime/commands.ts"
import { reach } from "../../../shared/runtime/crashpoint.ts"
import { uuidv5 } from "../../../shared/runtime/ids.ts"
import type { Sql, SqlFailure } from "../../../shared/runtime/postgres.ts"
import { paymentStream } from "../calls.ts"
import type { RecordWebhook } from "../gateway.ts"
import type { Notice } from "../notice.ts"
import { isAlarming, read } from "./reading.ts"
import type { Count } from "./receive.ts"
import { beginnings, type Due, due, type Looked, looked } from "./store.ts"

export interface Processing {
  readonly submit: Submit
  readonly count: Count
  readonly retention_ms: number
}

/** Events of one round. */
export const ROUND_MAX = 200
/** One about a payment nobody knows yet is looked at again, 1 s later and ever more slowly, as long as it is kept. */
const PARKED_MIN_MS = 1_000
const PARKED_MAX_MS = 3_600_000
/** The store is busy, or the decider broke: so often it is tried again, and then it is a person's case. */
const TRIES_MAX = 12

const ALARM = "money of a kept charge is disputed or taken back: a person decides"

type End = Pick<Looked, "status" | "payment_id" | "reason" | "next_at">

const ended = (status: Looked["status"], payment_id: string | null = null, reason: string | null = null): End => ({
  status,
  payment_id,
  reason,
  next_at: null
})

const later = ({ looks, received_at }: Due, { retention_ms }: Processing, now: number): number | null => {
  const next = now + Math.min(PARKED_MIN_MS * 2 ** Math.min(looks, 30), PARKED_MAX_MS)
  return next < Number(received_at) + retention_ms ? next : null
}

/** What the stream of a payment says of whom it belongs to. */
type Owner = Pick<Message, "partitionkey" | "traceparent">

const messageOf = ({ provider, event_id, type: event_type }: Due, notice: Notice, owner: Owner, now: number) => {
  const { payment_id } = notice
  const data = { payment_id, provider, event_id, event_type, notice }
  const command: RecordWebhook = { type: "RecordWebhook", data }
  const id = uuidv5(`webhook-${provider}`, event_id)
  const lineage = { tenant: tenantOf(owner.partitionkey), correlationid: payment_id, ...owner }
  const about = { subject: paymentStream(payment_id), time: now, causationid: id, actor: `provider:${provider}` }
  return { ...command, id, ...about, ...lineage, schema: 1 } satisfies Message
}

const decided = (of: Processing, row: Due, notice: Notice, owner: Owner | undefined) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const { payment_id } = notice
    const parked = (reason: string, again: boolean): End => ({
      status: "parked",
      payment_id,
      reason,
      next_at: again ? later(row, of, now) : null
    })
    if (owner === undefined) return parked("no such payment", true)
    yield* reach("webhooks.before-submit")
    const outcome = yield* Effect.result(of.submit({ message: messageOf(row, notice, owner, now) }))
    if (outcome._tag === "Failure") {
      const reason = outcome.failure._tag === "NotAccepted" ? outcome.failure.detail : outcome.failure._tag
      if (row.looks + 1 >= TRIES_MAX) return ended("failed", payment_id, reason)
      return { status: row.status, payment_id, reason, next_at: later(row, of, now) } satisfies End
    }
    switch (outcome.success._tag) {
      case "Applied":
        return ended(outcome.success.events.length > 0 ? "applied" : "known", payment_id)
      // It was decided by a process that died before it could say so.
      case "Skipped":
        return ended("applied", payment_id)
      case "Refused": {
        const { code, reason } = outcome.success.refusal
        return parked(reason, code === "NOT_YET")
      }
    }
  })

const tell = (of: Processing, { provider, event_id, type, status: before }: Due, { status, reason }: End) => {
  if (status === "received" || status === before) return Effect.void
  of.count(provider, status)
  if (status !== "parked" && status !== "failed") return Effect.void
  return Effect.logWarning(`${provider}'s ${type} ${event_id} is ${status}: ${reason}`)
}

const ownersOf = (payments: ReadonlyArray<string>) =>
  Effect.map(payments.length === 0 ? Effect.succeed([]) : beginnings(payments), (rows) => {
    const owners = new Map<string, Owner>()
    for (const { stream, body } of rows) {
      const { partitionkey, traceparent } = JSON.parse(body) as Owner
      owners.set(stream, { partitionkey, ...(traceparent !== undefined && { traceparent }) })
    }
    return owners
  })

/** One round; true where there may be more. */
export const round = (of: Processing): Effect.Effect<boolean, SqlFailure, Sql> =>
  Effect.gen(function* () {
    const rows = yield* due(yield* Clock.currentTimeMillis, ROUND_MAX)
    if (rows.length === 0) return false
    const told = rows.map((row) => ({ row, means: read(row.provider, row.type, row.body, row.item) }))
    const payments = new Set(told.flatMap(({ means }) => (typeof means === "string" ? [] : means.payment_id)))
    const owners = yield* ownersOf([...payments])
    const ends = yield* Effect.forEach(
      told,
      ({ row, means }) => {
        if (isAlarming(row.provider, row.type)) return Effect.succeed(ended("parked", null, ALARM))
        if (means === "nothing") return Effect.succeed(ended("ignored"))
        if (means === "unheard") return Effect.succeed(ended("ignored", null, "of a type that is not known here"))
        return decided(of, row, means, owners.get(paymentStream(means.payment_id)))
      },
      { concurrency: "unbounded" }
    )
    yield* looked(ends.map((end, i) => ({ ...end, provider: rows[i]!.provider, event_id: rows[i]!.event_id })))
    yield* Effect.forEach(ends, (end, i) => tell(of, rows[i] as Due, end), { discard: true })
    return rows.length === ROUND_MAX
  })
