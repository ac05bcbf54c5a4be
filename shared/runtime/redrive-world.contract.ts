/** A store, and the lives of processes on it: what the tests of dead letters look at and change. */
import { Effect, Layer, type Scope } from "effect"
import type { DeadLetterCommand } from "../contract/deadletter.ts"
import type { Message } from "../contract/envelope.ts"
import { topicPartition } from "../contract/topics.ts"
import { send, tallyWith } from "../testing/tally.ts"
import { askOf, DeadLetterAsks } from "./asks.ts"
import { Bus } from "./bus/bus.ts"
import { embeddedBus } from "./bus/embedded.ts"
import type { Submit } from "./commands.ts"
import { deadLettersTable, type LetterRow, parkedTable, type Tried, type Unit, unitsTable } from "./deadletter.ts"
import type { Row, Table } from "./decider.ts"
import { Ids } from "./ids.ts"
import { JournalStore, Poison, type Store, Unavailable } from "./journal/store.ts"
import type { Opened } from "./journal/trial.contract.ts"
import { makeProcessor } from "./processor.ts"

type Needs = Bus | DeadLetterAsks | JournalStore | Ids | Scope.Scope
type Life = Effect.Effect<void, unknown, Needs>

const redrive = { redrivesMax: 2, backoffMs: 20 }

/** `broken` holds what the code of the day cannot process. */
export class World {
  readonly broken = new Set(["bad"])
  /** Writes of these are refused, as long as they are in it. */
  readonly unstorable = new Set<string>()
  /** So many writes of events find the store away. */
  away = 0
  submit: Submit = () => Effect.die("nobody runs")
  healthy = (): boolean => false
  private readonly opened: Opened
  constructor(opened: Opened) {
    this.opened = opened
  }

  readonly life = (body: () => Life, instances = 1): Effect.Effect<void, never> => {
    const worse = Layer.effect(
      JournalStore,
      Effect.map(JournalStore, ({ open }) => ({ open: (name) => Effect.map(open(name), this.worse) }))
    )
    const store = Layer.provide(worse, this.opened.layer)
    const all = Layer.provideMerge(DeadLetterAsks.layer, Layer.provideMerge(embeddedBus, store))
    const running = Effect.gen({ self: this }, function* () {
      for (let n = 0; n < instances; n++) {
        const { run, submit, healthy } = yield* this.processor
        yield* Effect.forkScoped(run)
        this.submit = submit
        this.healthy = healthy
      }
      yield* body()
    })
    return Effect.orDie(Effect.scoped(running).pipe(Effect.provide(Layer.mergeAll(all, Ids.layer))))
  }

  private get processor() {
    return makeProcessor({ decider: tallyWith(this.broken), topics: ["wallet-commands"], redrive })
  }
  private readonly worse = (store: Store): Store => ({
    ...store,
    write: (write) => {
      if (write.events.length > 0 && this.away-- > 0) return new Unavailable({ detail: "away" })
      return write.events.some(({ message }) => this.unstorable.has(referenceOf(message)))
        ? Effect.fail(new Poison({ code: "23514", detail: "no partition of relation found for row" }))
        : store.write(write)
    }
  })

  /** As another service's commit would. */
  readonly send = (...messages: ReadonlyArray<Message>) =>
    Effect.gen({ self: this }, function* () {
      yield* send(this.opened.store, ...messages)
      yield* (yield* Bus).refresh
    })
  private readonly rows = (table: Table): Effect.Effect<ReadonlyArray<Row>> =>
    Effect.promise(() => this.opened.rows(table))
  get letters() {
    return Effect.map(this.rows(deadLettersTable), (rows) =>
      (rows as unknown as ReadonlyArray<LetterRow>).map((row) => ({
        ...row,
        tried: (JSON.parse(row.history) as ReadonlyArray<Tried>).map(({ outcome, redrive }) => `${redrive} ${outcome}`)
      }))
    )
  }
  get waiting() {
    return Effect.map(this.rows(parkedTable), (rows) => rows.map(({ body }) => referenceOf(JSON.parse(String(body)))))
  }
  readonly unit = (user: string) =>
    Effect.map(this.rows(unitsTable), (rows) =>
      (rows as unknown as ReadonlyArray<Unit>).find(({ unit }) => unit === `wallet-${user}`)
    )
  readonly events = (user: string) => {
    const at = { tp: topicPartition("wallet-events", `t/${user}`), stream: `wallet-${user}` }
    return Effect.map(this.opened.store.load([at], 0), (streams) =>
      (streams.get(at.stream)?.events ?? []).map(({ message }) => message)
    )
  }
  readonly references = (user: string) => Effect.map(this.events(user), (events) => events.map(referenceOf))

  readonly ask = (type: DeadLetterCommand["type"], letter: LetterRow, reason = "mended") =>
    Effect.gen(function* () {
      const { next } = yield* Ids
      const ask = askOf(letter, { type, id: next(0), time: 0, actor: "operator:test", traceparent: undefined, reason })
      yield* (yield* DeadLetterAsks).ask(ask === undefined ? [] : [ask])
    })
}

const referenceOf = ({ data }: Pick<Message, "data">): string =>
  (data as { readonly reference?: string }).reference ?? ""

const DEADLINE_TURNS = 3_000
export const until = <A, E, R>(what: string, look: Effect.Effect<A, E, R>, holds: (seen: A) => boolean) =>
  Effect.gen(function* () {
    for (let turn = 0; turn < DEADLINE_TURNS; turn++) {
      const seen = yield* look
      if (holds(seen)) return seen
      yield* Effect.sleep(3)
    }
    throw new Error(`${what}: last seen ${JSON.stringify(yield* look)}`)
  })
