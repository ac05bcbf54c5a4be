/**
 * The one statement of a commit. Data-modifying CTEs over unnested columns: one round trip, and nothing in between
 * where a dying connection could leave half of it.
 *
 * Order: the partition rows first, in the order of tp (no deadlock, no inverted offset), then the consumer's offsets;
 * both counts are checked in `gate`, which everything else reads. The final select raises where fewer rows were touched
 * than given: a CTE that touches too few aborts nothing.
 */
import { encodeCommand, encodeEvent } from "../../contract/codec.ts"
import { SERVICES } from "../../contract/envelope.ts"
import type { Row, Table } from "../decider.ts"
import { parameters, SEPARATORS, unfold } from "./columns.ts"
import { insertion, type Part } from "./insertion.ts"
import type { Write } from "./store.ts"

export interface Statement {
  readonly text: string
  readonly params: ReadonlyArray<string>
  /** The partitions whose base offsets it answers with, in that order. */
  readonly partitions: ReadonlyArray<number>
}

export interface StatementOptions {
  /** Off only to measure what it costs. */
  readonly checkPrevious?: boolean
}

/** Undefined: there is nothing to write. */
export const statementOf = (write: Write, options: StatementOptions = {}): Statement | undefined => {
  const partitions = partitionsOf(write)
  const gate = [
    ...(partitions.size > 0 ? [locks(partitions)] : []),
    ...(write.offsets.length > 0 ? [offsets(write, partitions.size > 0)] : [])
  ]
  const sections = sectionsOf(write, [...partitions.keys()], gate.length > 0 ? ", gate" : "", options)
  const parts = [...gate, ...sections]
  if (parts.length === 0) return undefined
  const wants = parts.flatMap(({ expects }) => (expects === undefined ? [] : [String(expects.want)]))
  const params = [...parameters(parts.flatMap(({ columns }) => columns)), ...wants]
  return { text: textOf(gate, sections), params, partitions: [...partitions.keys()] }
}

const texts = new Map<string, string>()
/** A service writes a dozen shapes. More than this means that somebody makes tables at run time. */
const TEXTS_MAX = 1_000

const textOf = (gate: ReadonlyArray<Part>, sections: ReadonlyArray<Part>): string => {
  const shape = [...gate, ...sections].map((part) => part.shape).join("|")
  const known = texts.get(shape)
  if (known !== undefined) return known
  if (texts.size >= TEXTS_MAX) texts.clear()
  const text = compile(gate, sections)
  texts.set(shape, text)
  return text
}

const compile = (gate: ReadonlyArray<Part>, sections: ReadonlyArray<Part>): string => {
  const parts = [...gate, ...sections]
  let column = SEPARATORS
  let want = SEPARATORS + parts.reduce((count, { columns }) => count + columns.length, 0)
  const compiled = parts.map(({ columns, text, expects }) => {
    const unfolded = columns.map(({ type, optional }) => unfold(++column, type, optional ?? false)).join(", ")
    const check = expects && `bus.expect('${expects.what}', (${expects.count(unfolded)}), $${++want}::bigint)`
    return { text: text?.(unfolded), check }
  })
  const checks = (from: number, to: number) => compiled.slice(from, to).flatMap(({ check }) => check ?? [])
  const ctes = (from: number, to: number) => compiled.slice(from, to).flatMap(({ text }) => text ?? [])
  const held = gate[0]?.shape === "locks"
  const gateRow = [held ? "held.bases, held.tps" : "null::bigint[] as bases", ...checks(0, gate.length)].join(", ")
  const gateText = `gate as materialized (select ${gateRow}${held ? " from held" : ""})`
  const all = [...ctes(0, gate.length), ...(gate.length > 0 ? [gateText] : []), ...ctes(gate.length, parts.length)]
  const bases = gate.length > 0 ? "(select array_to_string(bases, ',') from gate)" : "null::text"
  const answer = [`${bases} as bases`, ...checks(gate.length, parts.length)].join(",\n  ")
  return `with ${all.join(",\n")}\nselect ${answer}`
}

/** tp → how many rows it gets, in the order of tp. */
const partitionsOf = ({ events, commands }: Write): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  for (const { tp } of events) counts.set(tp, (counts.get(tp) ?? 0) + 1)
  for (const { tp } of commands) counts.set(tp, (counts.get(tp) ?? 0) + 1)
  return counts.size < 2 ? counts : new Map([...counts].sort(([a], [b]) => a - b))
}

const locks = (partitions: ReadonlyMap<number, number>): Part => ({
  shape: "locks",
  columns: [
    { type: "smallint", cells: [...partitions.keys()] },
    { type: "int", cells: [...partitions.values()] }
  ],
  text: (columns) => `lk0 as materialized (select p.tp, u.n from unnest(${columns}) u(tp, n)
  join bus.partitions p on p.tp = u.tp order by p.tp for update of p),
lk as (update bus.partitions p set next = p.next + lk0.n from lk0 where p.tp = lk0.tp
  returning p.tp, p.next - lk0.n as base),
held as materialized (
  select array_agg(base order by tp) as bases, array_agg(tp order by tp) as tps, count(*) as n from lk)`,
  expects: { what: "partitions", count: () => "select n from held", want: partitions.size }
})

const offsets = ({ group, offsets }: Write, held: boolean): Part => {
  const grp = SERVICES.indexOf(group)
  return {
    shape: `offsets ${grp}`,
    columns: [
      { type: "smallint", cells: offsets.map(({ tp }) => tp) },
      { type: "bigint", cells: offsets.map(({ from }) => from) },
      { type: "bigint", cells: offsets.map(({ to }) => to) }
    ],
    text: (
      columns
    ) => `moved as (update bus.offsets o set next = u.c from unnest(${columns}) u(a, b, c)${held ? ", held" : ""}
  where o.grp = ${grp} and o.tp = u.a and o.next = u.b returning 1)`,
    expects: { what: "offsets", count: () => "select count(*) from moved", want: offsets.length }
  }
}

const sectionsOf = (write: Write, tps: ReadonlyArray<number>, gate: string, options: StatementOptions) => {
  const parts: Array<Part> = []
  if (write.fired.length > 0) parts.push(fired(write, gate))
  if (write.events.length > 0) {
    const continued = options.checkPrevious === false ? [] : continuedStreams(write)
    if (continued.length > 0) parts.push(previous(continued))
    parts.push(events(write, tps))
  }
  if (write.commands.length > 0) parts.push(commands(write, tps))
  if (write.postings.length > 0) parts.push(postings(write, gate))
  const tables = [...write.tables].sort((a, b) => (a.table.name < b.table.name ? -1 : 1))
  for (const { table, rows } of tables) if (rows.length > 0) parts.push(projection(table, rows, gate))
  if (write.armed.length > 0) parts.push(armed(write, gate))
  if (write.disarmed.length > 0) parts.push(disarmed(write, gate))
  if (write.snapshots.length > 0) parts.push(snapshots(write, gate))
  return parts
}

/** Streams whose first new version is not 1: a state that is ahead of the store would leave a hole behind it. */
const continuedStreams = ({ events }: Write) => {
  const first = new Map<string, (typeof events)[number]>()
  for (const event of events) if (!first.has(event.message.subject)) first.set(event.message.subject, event)
  return [...first.values()].filter(({ version }) => version > 1)
}

const previous = (continued: Write["events"]): Part => ({
  shape: "previous",
  columns: [
    { type: "smallint", cells: continued.map(({ tp }) => tp) },
    { type: "text", cells: continued.map(({ message }) => message.subject) },
    { type: "int", cells: continued.map(({ version }) => version - 1) }
  ],
  expects: {
    what: "previous versions",
    // The order names the index: a plan made on an empty table might take another one, and read a whole partition of
    // it.
    count: (columns) => `select count(*) from unnest(${columns}) u(tp, stream, version) cross join lateral
    (select e.version from journal.events e where e.tp = u.tp and e.stream = u.stream and e.version >= u.version
     order by e.version limit 1) x where x.version = u.version`,
    want: continued.length
  }
})

const events = ({ events }: Write, tps: ReadonlyArray<number>): Part => {
  const at = positions(tps)
  return {
    shape: "events",
    columns: [
      { type: "uuid", cells: events.map(({ message }) => message.id) },
      { type: "text", cells: events.map(({ message }) => message.subject) },
      { type: "int", cells: events.map(({ version }) => version) },
      { type: "text", cells: events.map(({ message }) => message.type) },
      { type: "uuid", cells: events.map(({ cause }) => cause) },
      { type: "smallint", cells: events.map(({ n }) => n) },
      { type: "int", cells: events.map(({ tp }) => at(tp)) },
      { type: "int", cells: events.map(({ ordinal }) => ordinal) },
      { type: "text", json: true, cells: events.map(({ message }) => encodeEvent(message)) }
    ],
    text: (columns) => `ev as (insert into journal.events (id, stream, version, type, cause, n, tp, off, body)
  select u.id, u.stream, u.version, u.type, u.cause, u.n, gate.tps[u.p], gate.bases[u.p] + u.ordinal, u.body
  from unnest(${columns}) u(id, stream, version, type, cause, n, p, ordinal, body), gate returning 1)`,
    expects: { what: "events", count: () => "select count(*) from ev", want: events.length }
  }
}

const commands = ({ commands }: Write, tps: ReadonlyArray<number>): Part => {
  const at = positions(tps)
  return {
    shape: "commands",
    columns: [
      { type: "int", cells: commands.map(({ tp }) => at(tp)) },
      { type: "int", cells: commands.map(({ ordinal }) => ordinal) },
      { type: "text", json: true, cells: commands.map(({ message }) => encodeCommand(message)) }
    ],
    text: (columns) => `lg as (insert into bus.log (tp, off, body)
  select gate.tps[u.p], gate.bases[u.p] + u.ordinal, u.body
  from unnest(${columns}) u(p, ordinal, body), gate returning 1)`,
    expects: { what: "commands", count: () => "select count(*) from lg", want: commands.length }
  }
}

/** Place of a partition in the gate's arrays; Postgres counts from 1. */
const positions = (tps: ReadonlyArray<number>): ((tp: number) => number) => {
  const places = new Map(tps.map((tp, index) => [tp, index + 1] as const))
  return (tp) => places.get(tp) as number
}

const POSTINGS: Table = {
  name: "ledger.postings",
  columns: {
    id: "uuid",
    source: "text",
    destination: "text",
    amount: "bigint",
    currency: "text",
    kind: "text",
    payment_id: "text",
    ref: "text",
    stream: "text",
    version: "int",
    time: "bigint"
  },
  key: ["payment_id", "kind", "ref"],
  write: "insert"
}

const postings = ({ postings }: Write, gate: string): Part => {
  const rows = postings.map((posting) => ({ ...posting }))
  return {
    ...insertion("po", POSTINGS, rows, gate, " returning 1"),
    expects: { what: "postings", count: () => "select count(*) from po", want: rows.length }
  }
}

const projection = (table: Table, rows: ReadonlyArray<Row>, gate: string): Part =>
  insertion(`"${table.name}${table.write === "delete" ? " gone" : ""}"`, table, rows, gate)

const TIMERS: Table = {
  name: "journal.timers",
  columns: { stream: "text", tp: "smallint", due_at: "bigint", partitionkey: "text", correlationid: "text" },
  key: ["stream"],
  write: "replace"
}
const SNAPSHOTS: Table = {
  name: "journal.snapshots",
  columns: { tp: "smallint", stream: "text", version: "int", schema: "int", time: "bigint", state: "text" },
  key: ["tp", "stream"],
  write: "replace"
}

const armed = ({ armed }: Write, gate: string): Part =>
  insertion(
    "armed",
    TIMERS,
    armed.map((timer) => ({ ...timer })),
    gate
  )

const snapshots = ({ snapshots }: Write, gate: string): Part =>
  insertion(
    "snapshots",
    SNAPSHOTS,
    snapshots.map((row) => ({ ...row, state: JSON.stringify(row.state) })),
    gate
  )

const disarmed = ({ disarmed }: Write, gate: string): Part => ({
  shape: "disarmed",
  columns: [{ type: "text", cells: disarmed }],
  text: (columns) =>
    `disarmed as (delete from journal.timers t${gate.replace(",", " using")} where t.stream = any(${columns}))`
})

const fired = ({ fired }: Write, gate: string): Part => ({
  shape: "fired",
  columns: [
    { type: "text", cells: fired.map(({ stream }) => stream) },
    { type: "bigint", cells: fired.map(({ due_at }) => due_at) }
  ],
  text: (columns) => `fired as (delete from journal.timers t using unnest(${columns}) u(stream, due_at)${gate}
  where t.stream = u.stream and t.due_at = u.due_at returning 1)`,
  expects: { what: "timers", count: () => "select count(*) from fired", want: fired.length }
})
