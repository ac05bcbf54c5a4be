/** Puts messages into the log that follow from no event: timers that are due, and what operators ask for. */
import { Effect } from "effect"
import type { Message, Service } from "../contract/envelope.ts"
import type { Bus } from "./bus/bus.ts"
import { recordsOf } from "./journal/items.ts"
import { type CommandRow, emptyWrite, type Store, type StoreFailure, type Write } from "./journal/store.ts"

/** A message and the topic partition it is for. */
export interface Addressed {
  readonly message: Message
  readonly tp: number
}

/** Each with its place among those of its partition. */
export const numbered = (messages: ReadonlyArray<Addressed>): ReadonlyArray<CommandRow> => {
  const ordinals = new Map<number, number>()
  return messages.map(({ message, tp }) => {
    const ordinal = ordinals.get(tp) ?? 0
    ordinals.set(tp, ordinal + 1)
    return { message, tp, ordinal }
  })
}

/** All of them in one write, with what else belongs to it; consumers of this process hear of them at once. */
export const send = (
  { store, bus }: { readonly store: Store; readonly bus: Bus["Service"] },
  group: Service,
  messages: ReadonlyArray<Addressed>,
  also: Partial<Write> = {}
): Effect.Effect<void, StoreFailure> => {
  const commands = numbered(messages)
  return Effect.map(store.write({ ...emptyWrite(group), ...also, commands }), (bases) =>
    bus.publish(recordsOf(commands, bases))
  )
}
