/**
 * The store as one life of the platform sees it: it may be away, slow, or lose its answer before or after the write
 * was done. A life that has ended writes nothing more, whatever its fibers and finalizers still do.
 */
import { Effect } from "effect"
import { memoryOf } from "../../shared/runtime/journal/memory.ts"
import {
  OutcomeUnknown,
  type Store,
  type StoreFailure,
  Unavailable,
  type Write
} from "../../shared/runtime/journal/store.ts"
import type { Life } from "./life.ts"
import type { World } from "./world.ts"

/** Whatever a dead process is waiting for, it does not hear. */
const ifAlive = <A, E>(world: World, life: Life, self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    if (!life.alive) return Effect.never
    const still = life.stillUntil - world.time.now
    return still > 0 ? Effect.andThen(world.time.sleep(still), ifAlive(world, life, self)) : self
  })

export const storeOf = (world: World, life: Life): Store => {
  const { memory } = world
  const plain = memoryOf(memory)
  const done = (write: Write) =>
    ifAlive(
      world,
      life,
      Effect.suspend(() => {
        const result = memory.write(write)
        if (result._tag === "Failure") world.refused(result.failure)
        else world.written(write, life)
        return Effect.fromResult(result)
      })
    )
  const troubled = (write: Write): ReturnType<Store["write"]> => {
    const { random } = world
    const { unavailable, unanswered, writeMs } = world.faults()
    if (random() < unavailable) {
      world.tally.add("store unavailable")
      return Effect.andThen(world.time.sleep(1), new Unavailable({ detail: "simulated" }))
    }
    const slow = Math.floor(random() * writeMs)
    const writing = slow === 0 ? done(write) : Effect.andThen(world.time.sleep(slow), done(write))
    if (random() >= unanswered) return writing
    const lost: Effect.Effect<never, StoreFailure> = Effect.fail(new OutcomeUnknown({ detail: "simulated" }))
    if (random() < 0.5) {
      world.tally.add("commit lost before it was done")
      return lost
    }
    world.tally.add("commit done, answer lost")
    return Effect.andThen(writing, lost)
  }
  const write = (what: Write) => (world.quiet ? done(what) : Effect.suspend(() => troubled(what)))
  const load: Store["load"] = (streams, schema) => ifAlive(world, life, plain.load(streams, schema))
  return { ...plain, load, write }
}
