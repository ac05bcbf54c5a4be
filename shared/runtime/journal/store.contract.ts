/** What every store does, as tests: the journal is written against this and nothing else. */
import { describe, expect } from "bun:test"
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import * as sample from "./samples.contract.ts"
import {
  balances,
  command,
  commandsOf,
  event,
  eventsOf,
  guarded,
  keys,
  posting,
  progress,
  unguarded,
  walletWrite
} from "./samples.contract.ts"
import type { LogRecord, Write } from "./store.ts"
import { concurrency, streams } from "./streams.contract.ts"
import { type Declare, offs, refused, type StoreUnderTest, trials } from "./trial.contract.ts"

/** Each test has an empty store of its own. */
export const storeContract = (name: string, makeStore: () => Promise<StoreUnderTest>): void => {
  const trial = trials(makeStore)
  describe(name, () => {
    log(trial)
    refusals(trial)
    tables(trial)
    timers(trial)
    streams(trial)
    concurrency(trial)
  })
}

const types = (records: ReadonlyArray<LogRecord>) => records.map(({ message }) => message?.type)

const log = (trial: Declare) => {
  trial("offsets are dense per partition from 0, over several writes", ({ store }) =>
    Effect.gen(function* () {
      const first = { events: [event("w1", 1), event("w2", 1)], commands: [command("w1")] }
      const begin: ReadonlyMap<number, number> = yield* store.write(walletWrite(first))
      expect(new Map(begin)).toEqual(
        new Map([
          [eventsOf(), 0],
          [commandsOf(), 0]
        ])
      )
      const bases = yield* store.write(
        walletWrite({ events: [event("w1", 2)], commands: [command("w1"), command("w2")] })
      )
      expect(bases.get(eventsOf())).toBe(2)
      expect(bases.get(commandsOf())).toBe(1)
      expect(offs(yield* store.read(eventsOf(), 0, 100))).toEqual([0, 1, 2])
      expect(offs(yield* store.read(commandsOf(), 0, 100))).toEqual([0, 1, 2])
      expect(yield* store.heads([eventsOf(), commandsOf()])).toEqual(
        new Map([
          [eventsOf(), 3],
          [commandsOf(), 3]
        ])
      )
    })
  )

  trial("read returns events and commands whole, in order, from an offset and up to a limit", ({ store }) =>
    Effect.gen(function* () {
      const write = walletWrite({
        events: [event("w1", 1, { reason: "tab\t line\n é 💶 \u2028 'quote' \\ \"" }), event("w1", 2)],
        commands: [command("w1"), { ...command("w2"), tp: eventsOf() }]
      })
      yield* store.write(write)
      const records = yield* store.read(eventsOf(), 0, 100)
      expect(records.map(({ message }) => message)).toEqual([
        ...write.events.map(({ message }) => message),
        write.commands[1]!.message
      ])
      expect(types(yield* store.read(commandsOf(), 0, 100))).toEqual(["LockWallet"])
      expect(offs(yield* store.read(eventsOf(), 1, 1))).toEqual([1])
      expect(yield* store.read(eventsOf(), 3, 10)).toEqual([])
    })
  )

  trial("a group's offsets begin at 0 and move with its writes, each group for itself", ({ store }) =>
    Effect.gen(function* () {
      const tps = [commandsOf(), eventsOf()]
      expect(yield* store.offsets("wallet", tps)).toEqual(new Map(tps.map((tp) => [tp, 0])))
      yield* store.write(walletWrite({ offsets: [{ tp: commandsOf(), from: 0, to: 7 }] }))
      expect(yield* store.offsets("wallet", tps)).toEqual(
        new Map([
          [commandsOf(), 7],
          [eventsOf(), 0]
        ])
      )
      expect((yield* store.offsets("saga", tps)).get(commandsOf())).toBe(0)
    })
  )

  trial("an empty write is no write", ({ store }) =>
    Effect.gen(function* () {
      expect((yield* store.write(walletWrite({}))).size).toBe(0)
    })
  )
}

const everything = (stream: string, version: number, options: sample.EventOptions = {}): Partial<Write> => ({
  events: [event(stream, version, options)],
  commands: [command(stream)],
  postings: [posting(randomUUID())],
  tables: [{ table: balances, rows: [{ id: randomUUID(), balance: 1n, note: null }] }],
  armed: [sample.timer(stream, 5)]
})

const refusals = (trial: Declare) => {
  trial("a second delivery is refused and writes nothing", (opened) =>
    Effect.gen(function* () {
      const { store } = opened
      yield* store.offsets("wallet", [commandsOf()])
      const offsets = [{ tp: commandsOf(), from: 0, to: 1 }]
      yield* store.write(walletWrite({ ...everything("w1", 1), offsets }))
      yield* refused(opened, walletWrite({ ...everything("w2", 1), offsets }), { _tag: "OffsetsMoved" })
      yield* refused(opened, walletWrite({ offsets }), { _tag: "OffsetsMoved" })
    })
  )

  trial("a stale version is refused and writes nothing", (opened) =>
    Effect.gen(function* () {
      yield* opened.store.write(walletWrite(everything("w1", 1)))
      yield* refused(opened, walletWrite(everything("w1", 1)), { _tag: "Conflict", kind: "version" })
    })
  )

  trial("a version that leaves a hole is refused and writes nothing", (opened) =>
    Effect.gen(function* () {
      yield* opened.store.write(walletWrite(everything("w1", 1)))
      yield* refused(opened, walletWrite(everything("w1", 3)), { _tag: "Conflict", kind: "version" })
      yield* refused(opened, walletWrite(everything("w2", 2)), { _tag: "Conflict", kind: "version" })
    })
  )

  trial("a duplicate cause is refused and writes nothing", (opened) =>
    Effect.gen(function* () {
      const { store } = opened
      const cause = randomUUID()
      const events = [event("w1", 1, { cause }), event("w1", 2, { cause, n: 1 })]
      yield* store.write(walletWrite({ events }))
      yield* refused(opened, walletWrite(everything("w1", 3, { cause })), { _tag: "Conflict", kind: "cause" })
      const other = { tp: eventsOf(), cause: randomUUID() }
      expect(yield* store.causes([{ tp: eventsOf(), cause }, other])).toEqual(new Set([cause]))
      expect((yield* store.causes([])).size).toBe(0)
    })
  )

  trial("a posting is made once", (opened) =>
    Effect.gen(function* () {
      yield* opened.store.write(walletWrite({ postings: [posting("p1"), posting("p1", "refund-1")] }))
      const again = walletWrite({ ...everything("w2", 1), postings: [posting("p2"), posting("p1")] })
      yield* refused(opened, again, { _tag: "Conflict", kind: "key", constraint: "postings_once" })
    })
  )
}

const tables = (trial: Declare) => {
  trial("replace keeps the last row, rank the highest, insert the first and says so", (opened) =>
    Effect.gen(function* () {
      const { store } = opened
      const write = (balance: bigint, rank: number) =>
        store.write(
          walletWrite({
            tables: [
              { table: balances, rows: [{ id: "a", balance, note: null }] },
              { table: progress, rows: [{ id: "a", rank, step: `step ${rank}` }] }
            ]
          })
        )
      yield* write(10n, 2)
      yield* write(7n, 1)
      yield* write(8n, 2)
      expect(yield* Effect.promise(() => opened.rows(balances))).toEqual([{ id: "a", balance: 8n, note: null }])
      expect(yield* Effect.promise(() => opened.rows(progress))).toEqual([{ id: "a", rank: 2, step: "step 2" }])
      const insert = walletWrite({ tables: [{ table: keys, rows: [{ tenant: "acme", key: "k", open: true }] }] })
      yield* store.write(insert)
      yield* refused(opened, { ...insert, armed: [sample.timer("w1", 1)] }, { _tag: "Conflict", kind: "key" })
    })
  )

  trial("a guarded row changes only from the version the writer read, and goes only while it is there", (opened) =>
    Effect.gen(function* () {
      const { store, rows } = opened
      const row = (id: string, was: number) => ({ id, was, version: was + 1 })
      const put = (...of: ReadonlyArray<ReturnType<typeof row>>) =>
        walletWrite({ tables: [{ table: guarded, rows: of }] })
      const take = (...ids: ReadonlyArray<string>) => ({ table: unguarded, rows: ids.map((id) => ({ id })) })
      yield* store.write(put(row("a", 0), row("b", 0)))
      yield* store.write(put(row("a", 1)))
      yield* refused(
        opened,
        { ...put(row("b", 1), row("a", 1)), armed: [sample.timer("w1", 1)] },
        { _tag: "RowsMoved" }
      )
      yield* refused(opened, put(row("a", 0)), { _tag: "RowsMoved" })
      yield* store.write({ ...put(row("a", 2)), tables: [{ table: guarded, rows: [row("a", 2)] }, take("b")] })
      yield* refused(opened, { ...put(row("c", 0)), tables: [take("a", "b")] }, { _tag: "RowsMoved" })
      const kept = yield* Effect.promise(() => rows(guarded))
      expect(kept.map(({ id, version }) => [id, Number(version)])).toEqual([["a", 3]])
    })
  )

  trial("a cell is kept as it is: empty, null, or full of control characters", ({ store, rows }) =>
    Effect.gen(function* () {
      const notes = ["", null, "\u001d", "\u001e", "a\u001e0\u001fb\u001d", "\n\t,{}\"'\\N", "NULL", "{}", "💶"]
      for (const [index, note] of notes.entries()) {
        yield* store.write(
          walletWrite({ tables: [{ table: balances, rows: [{ id: `${index}`, balance: 0n, note }] }] })
        )
      }
      const all = notes.map((note, index) => ({ id: `${index}`, balance: 0n, note }))
      expect(yield* Effect.promise(() => rows(balances))).toEqual(all)
      const together = all.map((row) => ({ ...row, balance: 1n, note: row.note }))
      yield* store.write(walletWrite({ tables: [{ table: balances, rows: together }] }))
      expect(yield* Effect.promise(() => rows(balances))).toEqual(together)
    })
  )
}

const timers = (trial: Declare) => {
  trial("timers are armed, moved, disarmed, and fire once", (opened) =>
    Effect.gen(function* () {
      const { store } = opened
      yield* store.write(
        walletWrite({ armed: [sample.timer("w1", 30), sample.timer("w2", 20), sample.timer("w3", 10)] })
      )
      expect((yield* store.due(20, 10)).map(({ stream }) => stream)).toEqual(["w3", "w2"])
      expect(yield* store.due(30, 1)).toEqual([sample.timer("w3", 10)])
      yield* store.write(walletWrite({ armed: [sample.timer("w1", 5)], disarmed: ["w3", "unknown"] }))
      expect((yield* store.due(99, 10)).map(({ stream }) => stream)).toEqual(["w1", "w2"])
      const fired = [
        { stream: "w1", due_at: 5 },
        { stream: "w2", due_at: 20 }
      ]
      const stale = walletWrite({ commands: [command("w1")], fired: [{ stream: "w1", due_at: 30 }] })
      yield* refused(opened, stale, { _tag: "Conflict", kind: "timer" })
      yield* store.write(walletWrite({ commands: [command("w1"), command("w2")], fired }))
      yield* refused(opened, walletWrite({ commands: [command("w1")], fired }), { _tag: "Conflict", kind: "timer" })
      expect(yield* store.due(99, 10)).toEqual([])
    })
  )
}
