/**
 * The journal's brain: folds a batch of messages, in order, through a decider and collects everything that follows.
 * Pure and synchronous; a thousand messages of one hot wallet are one pass and one write.
 */

import { schemaVersion } from "../../contract/codec.ts"
import type { Fact, Message, Recorded } from "../../contract/envelope.ts"
import { commandTopic } from "../../contract/timer.ts"
import { topicPartition } from "../../contract/topics.ts"
import type { Decider, Outgoing, Posting, Projected, Refusal, Row, Table } from "../decider.ts"
import { uuidv5 } from "../ids.ts"
import { type Item, moves } from "./items.ts"
import type { CommandRow, EventRow, PostingRow, SnapshotRow, TimerRow, Write } from "./store.ts"

export type { Item } from "./items.ts"

export type Outcome =
  | { readonly _tag: "Applied"; readonly events: ReadonlyArray<Message> }
  | { readonly _tag: "Refused"; readonly refusal: Refusal }
  /** Not for this service, or a repetition of what is already done. */
  | { readonly _tag: "Skipped" }

/** A stream's state in memory, with what is needed to continue it. */
export interface Loaded<State> {
  readonly state: State
  readonly version: number
  readonly time: number
  readonly armed: number | undefined
  readonly snapshotted: number
}

export interface Context<State> {
  readonly now: number
  readonly nextId: (now: number) => string
  readonly snapshotEvery: number
  readonly encodeState: (state: State) => unknown
}

export interface Performed<Effect> {
  readonly effect: Effect
  /** The event it follows from. */
  readonly cause: Message
}

export interface Folded<State, Effect> {
  readonly outcomes: ReadonlyArray<Outcome>
  readonly states: ReadonlyMap<string, Loaded<State>>
  readonly write: Write
  readonly effects: ReadonlyArray<Performed<Effect>>
}

/** A decider threw on this item: the message is poison, the batch is not. */
export class Defect extends Error {
  readonly index: number
  constructor(index: number, cause: unknown) {
    super(`decider defect: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.index = index
  }
}

export const fresh = <State>(state: State): Loaded<State> => ({
  state,
  version: 0,
  time: 0,
  armed: undefined,
  snapshotted: 0
})

export const fold = <State, E extends Fact, Effect>(
  decider: Decider<State, E, Effect>,
  items: ReadonlyArray<Item>,
  loaded: ReadonlyMap<string, Loaded<State>>,
  context: Context<State>
): Folded<State, Effect> => {
  const batch = new Batch(decider, loaded, context)
  const outcomes = items.map((item, index) => {
    try {
      return batch.take(item)
    } catch (error) {
      throw new Defect(index, error)
    }
  })
  return { outcomes, states: batch.states, write: batch.write(items), effects: batch.effects }
}

interface Decided<State, E extends Fact> {
  readonly stream: string
  readonly message: Message
  readonly before: Loaded<State>
  readonly now: number
  readonly events: ReadonlyArray<E>
}

class Batch<State, E extends Fact, Effect> {
  readonly states = new Map<string, Loaded<State>>()
  readonly effects: Array<Performed<Effect>> = []
  private readonly decider: Decider<State, E, Effect>
  private readonly loaded: ReadonlyMap<string, Loaded<State>>
  private readonly context: Context<State>
  private readonly events: Array<EventRow> = []
  private readonly commands: Array<CommandRow> = []
  private readonly postings: Array<PostingRow> = []
  private readonly tables = new Map<Table, Map<string, Row>>()
  private readonly armed = new Map<string, TimerRow>()
  private readonly disarmed = new Set<string>()
  private readonly causes = new Set<string>()
  private readonly origin = new Map<string, { readonly tp: number }>()
  private readonly ordinals = new Map<number, number>()

  constructor(decider: Decider<State, E, Effect>, loaded: ReadonlyMap<string, Loaded<State>>, context: Context<State>) {
    this.decider = decider
    this.loaded = loaded
    this.context = context
  }

  take({ message, joined, rows }: Item): Outcome {
    const stream = message && this.decider.route(message)
    if (message === undefined || stream === undefined) {
      for (const row of rows ?? []) this.project(row)
      return { _tag: "Skipped" }
    }
    if (this.causes.has(message.id)) return { _tag: "Skipped" }
    const one = this.decide(stream, message)
    if (one.refusal !== undefined) return { _tag: "Refused", refusal: one.refusal }
    const other = joined && this.decide(this.otherStream(stream, joined), joined)
    if (other?.refusal !== undefined) return { _tag: "Refused", refusal: other.refusal }
    if (other !== undefined && (one.events.length === 0) !== (other.events.length === 0))
      throw new Error(`only one half of ${message.type} and ${other.message.type} has an effect`)
    let recorded = this.apply(one)
    if (other !== undefined) recorded = [...recorded, ...this.apply(other)]
    if (recorded.length > 0) for (const row of rows ?? []) this.project(row)
    return { _tag: "Applied", events: recorded }
  }

  /** Halves are decided before either is recorded, so they must not see each other: their streams differ. */
  private otherStream(stream: string, joined: Message): string {
    const other = this.decider.route(joined)
    if (other === undefined || other === stream) throw new Error(`${joined.type} is no other half for ${stream}`)
    return other
  }

  private decide(stream: string, message: Message) {
    const before = this.states.get(stream) ?? this.loaded.get(stream) ?? fresh(this.decider.initial)
    const now = Math.max(before.time, this.context.now)
    return { stream, message, before, now, ...this.decider.decide(before.state, message, now) }
  }

  private apply({ stream, message, before, now, events }: Decided<State, E>): ReadonlyArray<Message> {
    const due = message.type === "TimerFired" ? { ...before, armed: undefined } : before
    const { after, recorded } = this.record(stream, due, events, message, now)
    this.states.set(stream, this.arm(stream, after, message))
    return recorded
  }

  private record(stream: string, before: Loaded<State>, facts: ReadonlyArray<E>, cause: Message, now: number) {
    const recorded: Array<Message> = []
    const tp = topicPartition(this.decider.topic, cause.partitionkey)
    let { state, version } = before
    for (const [n, fact] of facts.entries()) {
      version++
      const message = this.envelope(fact, stream, cause, this.context.nextId(now), now)
      const event = { ...fact, id: message.id, time: now, version } as Recorded<E>
      state = this.decider.evolve(state, event)
      this.events.push({ message, version, cause: cause.id, n, tp, ordinal: this.ordinal(tp) })
      this.follow(state, event, message, cause)
      recorded.push(message)
    }
    if (recorded.length > 0) {
      this.causes.add(cause.id)
      this.origin.set(stream, { tp })
    }
    return { after: { ...before, state, version, time: recorded.length > 0 ? now : before.time }, recorded }
  }

  private follow(state: State, event: Recorded<E>, message: Message, cause: Message): void {
    const { commands = [], effects = [] } = this.decider.react(state, event)
    for (const outgoing of commands) this.send(outgoing, message, event.version)
    for (const effect of effects) this.effects.push({ effect, cause: message })
    for (const posting of this.decider.postings(event)) this.post(posting, message, event.version)
    for (const row of this.decider.project(state, event, cause)) this.project(row)
  }

  private send({ topic, subject, command, name }: Outgoing, event: Message, version: number): void {
    const id = uuidv5(event.subject, name ?? `${command.type}#${version}`)
    const tp = topicPartition(topic, event.partitionkey)
    const message = this.envelope(command, subject, event, id, event.time)
    this.commands.push({ message, tp, ordinal: this.ordinal(tp) })
  }

  private envelope(fact: Fact, subject: string, cause: Message, id: string, time: number): Message {
    return {
      id,
      type: fact.type,
      subject,
      time,
      tenant: cause.tenant,
      partitionkey: cause.partitionkey,
      correlationid: cause.correlationid,
      causationid: cause.id,
      ...(cause.traceparent === undefined ? {} : { traceparent: cause.traceparent }),
      actor: cause.actor,
      schema: schemaVersion(fact.type),
      data: fact.data
    }
  }

  private post(posting: Posting, event: Message, version: number): void {
    const id = uuidv5(posting.payment_id, `${posting.kind}/${posting.ref}`)
    this.postings.push({ ...posting, id, stream: event.subject, version, time: event.time })
  }

  private project({ table, row }: Projected): void {
    let rows = this.tables.get(table)
    if (rows === undefined) {
      rows = new Map()
      this.tables.set(table, rows)
    }
    const key = table.key.map((column) => String(row[column])).join("\u0000")
    const earlier = rows.get(key)
    if (table.write === "insert" && earlier !== undefined) throw new Error(`${table.name} ${key} twice in one batch`)
    const keeps = table.write === "rank" && earlier !== undefined && Number(earlier["rank"]) >= Number(row["rank"])
    if (!keeps) rows.set(key, row)
  }

  /** One timer row a stream: it is moved only when it would fire too late, and removed when nothing is due any more. */
  private arm(stream: string, after: Loaded<State>, cause: Message): Loaded<State> {
    const moment = this.decider.wakeAt(after.state)
    if (moment === undefined) {
      if (after.armed === undefined) return after
      this.armed.delete(stream)
      this.disarmed.add(stream)
      return { ...after, armed: undefined }
    }
    const wake = Math.ceil(moment) // whole ms: jitter has fractions, the row has none
    if (after.armed !== undefined && after.armed <= wake) return after
    const topic = commandTopic[this.decider.service]
    if (topic === undefined) throw new Error(`${this.decider.service} has no command topic for its timers`)
    const { partitionkey, correlationid } = cause
    this.disarmed.delete(stream)
    this.armed.set(stream, {
      stream,
      tp: topicPartition(topic, partitionkey),
      due_at: wake,
      partitionkey,
      correlationid
    })
    return { ...after, armed: wake }
  }

  private ordinal(tp: number): number {
    const next = this.ordinals.get(tp) ?? 0
    this.ordinals.set(tp, next + 1)
    return next
  }

  write(items: ReadonlyArray<Item>): Write {
    const snapshots: Array<SnapshotRow> = []
    for (const [stream, after] of this.states) {
      const origin = this.origin.get(stream)
      const every = Math.max(this.context.snapshotEvery, this.decider.size?.(after.state) ?? 0)
      if (origin === undefined || after.version - after.snapshotted < every) continue
      const { version, time } = after
      const state = this.context.encodeState(after.state)
      snapshots.push({ stream, tp: origin.tp, version, time, schema: this.decider.snapshot.schema, state })
      this.states.set(stream, { ...after, snapshotted: version })
    }
    return {
      group: this.decider.service,
      offsets: moves(items),
      events: this.events,
      commands: this.commands,
      postings: this.postings,
      tables: [...this.tables].map(([table, rows]) => ({ table, rows: [...rows.values()] })),
      armed: [...this.armed.values()],
      disarmed: [...this.disarmed],
      fired: [],
      snapshots
    }
  }
}
