/** What the store reads of units that wait behind a dead letter. Each lookup is by key, and says so (README.md). */
import type { Service } from "../../contract/envelope.ts"
import type { LetterRow, ParkedRow, Unit } from "../deadletter.ts"
import { parameters, unfold } from "./columns.ts"
import type { Query } from "./load.ts"

/** bigint columns as the driver brings them. */
type Stored<R, Numbers extends keyof R> = Omit<R, Numbers> & {
  readonly [N in Numbers]: null extends R[N] ? bigint | null : bigint
}
export type UnitColumns = Stored<Unit, "version" | "next_seq" | "next_redrive_at">
export type LetterColumns = Stored<LetterRow, "off" | "next_redrive_at" | "created_at" | "updated_at">
export type ParkedColumns = Stored<ParkedRow, "seq" | "off" | "parked_at">

const UNIT = "unit, version, status, letter, error_class, next_seq, redrives, next_redrive_at, actor, reason"
const LETTER = `id, service, unit, tenant, topic, tp, off, message_id, type, error_class, error, history, body, status,
  redrives, next_redrive_at, created_at, updated_at`

const WAITING = `select ${UNIT} from bus.parked_units where service = $1 and status <> 'open' order by service, unit`
const NAMED = `select p.* from unnest(${unfold(3, "text")}) u(unit) cross join lateral
  (select ${UNIT} from bus.parked_units p where p.service = $4 and p.unit = u.unit limit 1) p`

/** Those that wait, or those named in whatever state. */
export const unitsQuery = (service: Service, named?: ReadonlyArray<string>): Query =>
  named === undefined
    ? { text: WAITING, params: [service] }
    : { text: NAMED, params: [...parameters([{ type: "text", cells: named }]), service] }

export const letterQuery = (id: string): Query => ({
  text: `select ${LETTER} from bus.dead_letters where id = $1::uuid`,
  params: [id]
})

export const waitingQuery = (service: Service, unit: string, limit: number): Query => ({
  text: `select seq, tp, off, body, parked_at from bus.parked_messages where service = $1 and unit = $2
    order by service, unit, seq limit $3::int`,
  params: [service, unit, String(limit)]
})

const whole = (time: bigint | null): number | null => (time === null ? null : Number(time))

export const unitFrom = (row: UnitColumns): Unit => ({
  ...row,
  version: Number(row.version),
  next_seq: Number(row.next_seq),
  next_redrive_at: whole(row.next_redrive_at)
})
export const letterFrom = (row: LetterColumns): LetterRow => ({
  ...row,
  off: Number(row.off),
  next_redrive_at: whole(row.next_redrive_at),
  created_at: Number(row.created_at),
  updated_at: Number(row.updated_at)
})
export const parkedFrom = (row: ParkedColumns): ParkedRow => ({
  ...row,
  seq: Number(row.seq),
  off: Number(row.off),
  parked_at: Number(row.parked_at)
})
