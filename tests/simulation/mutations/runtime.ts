/** Bugs of what everything stands on: dedupe, fence, order, acknowledgement, timers, read models. */
import { Effect } from "effect"
import { emptyWrite, Unavailable, type Write } from "../../../shared/runtime/journal/store.ts"
import type { Mutate, World } from "../world.ts"
import { both, store, writes } from "./change.ts"

let unique = 0
const anyCause = (write: Write): Write => ({
  ...write,
  events: write.events.map((row) => ({ ...row, cause: `${row.cause}/${unique++}` }))
})
const anyKey = (write: Write): Write => ({
  ...write,
  postings: write.postings.map((row) => ({ ...row, ref: `${row.ref}/${unique++}` }))
})
const anyOffset = (write: Write, { memory }: World): Write => ({
  ...write,
  offsets: write.offsets.map((move) => ({ ...move, from: memory.positions.get(`${write.group}/${move.tp}`) ?? 0 }))
})
/** The last writer wins: whoever decided on an old state appends all the same. */
const anyVersion = (write: Write, { memory }: World): Write => {
  const next = new Map<string, number>()
  const events = write.events.map((row) => {
    const { subject } = row.message
    const version = (next.get(subject) ?? memory.streams.get(subject)?.length ?? 0) + 1
    next.set(subject, version)
    return { ...row, version }
  })
  return { ...write, events }
}
const some = (world: World, share: number) => world.random() < share

export const RUNTIME: Readonly<Record<string, Mutate>> = {
  "runtime: drops dedupe and the fence": both(writes(anyCause), writes(anyOffset)),
  "runtime: drops dedupe, the fence and the posting's key": both(
    writes((write, world) => anyKey(anyOffset(write, world))),
    writes(anyCause)
  ),
  "runtime: the last writer of a stream wins": writes(anyVersion),
  "runtime: acknowledges before it stores": store((inner) => ({
    write: (write) =>
      write.offsets.length === 0
        ? inner.write(write)
        : Effect.andThen(
            inner.write({ ...emptyWrite(write.group), offsets: write.offsets }),
            inner.write({ ...write, offsets: [] })
          )
  })),
  "runtime: stores and never acknowledges": writes((write) => ({ ...write, offsets: [] })),
  "runtime: an unknown outcome is taken for a failure": store((inner) => ({
    write: (write) => Effect.catchTag(inner.write(write), "OutcomeUnknown", ({ detail }) => new Unavailable({ detail }))
  })),
  "runtime: an unknown outcome is taken for done": store((inner, world) => ({
    write: (write) =>
      Effect.catchTag(inner.write(write), "OutcomeUnknown", () =>
        Effect.sync(() => new Map([...write.events, ...write.commands].map(({ tp }) => [tp, world.memory.head(tp)])))
      )
  })),
  "runtime: a refused write is taken for done": store((inner, world) => ({
    write: (write) =>
      Effect.catchTag(inner.write(write), "Unavailable", () =>
        Effect.sync(() => new Map([...write.events, ...write.commands].map(({ tp }) => [tp, world.memory.head(tp)])))
      )
  })),
  "runtime: timers are not armed": writes((write) => ({ ...write, armed: [] })),
  "runtime: now and then a posting is lost": writes((write, world) =>
    some(world, 0.02) ? { ...write, postings: [] } : write
  ),
  "runtime: now and then a row is lost": writes((write, world) =>
    some(world, 0.02) ? { ...write, tables: [] } : write
  ),
  "runtime: now and then a command is lost": writes((write, world) =>
    some(world, 0.02) ? { ...write, commands: [] } : write
  ),
  "runtime: a state is rebuilt without its last event": store((inner) => ({
    load: (streams, schema) =>
      Effect.map(inner.load(streams, schema), (loaded) => {
        const cut = [...loaded].map(
          ([name, stored]) => [name, { ...stored, events: stored.events.slice(0, -1) }] as const
        )
        return new Map(cut)
      })
  })),
  "runtime: reading goes on one record too far": store((inner) => ({
    offsets: (group, tps) =>
      Effect.map(
        inner.offsets(group, tps),
        (found) => new Map([...found].map(([tp, at]) => [tp, at === 0 ? 0 : at + 1]))
      )
  })),
  "runtime: reading begins anew after a restart": both(
    writes((write, world) => anyOffset(anyCause(write), world)),
    store(() => ({ offsets: (_group, tps) => Effect.succeed(new Map(tps.map((tp) => [tp, 0]))) }))
  )
}
