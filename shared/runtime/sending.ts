/** Puts messages into the log that follow from no event: timers that are due, and what operators ask for. */
import { Effect } from "effect"
import type { Message, Service } from "../contract/envelope.ts"
import { Bus } from "./bus/bus.ts"
import { type CommandRow, emptyWrite, type Store, type StoreFailure, type Write } from "./journal/store.ts"

/** A message and the topic partition it is for. */
export interface Addressed {
  readonly message: Message
  readonly tp: number
}

const numbered = (messages: ReadonlyArray<Addressed>): ReadonlyArray<CommandRow> => {
  const ordinals = new Map<number, number>()
  return messages.map(({ message, tp }) => {
    const ordinal = ordinals.get(tp) ?? 0
    ordinals.set(tp, ordinal + 1)
    return { message, tp, ordinal }
  })
}

/** All of them in one write, with what else belongs to it; consumers of this process hear of them at once. */
export const send = (
  store: Store,
  group: Service,
  messages: ReadonlyArray<Addressed>,
  also: Partial<Write> = {}
): Effect.Effect<void, StoreFailure, Bus> =>
  Effect.gen(function* () {
    const bus = yield* Bus
    const commands = numbered(messages)
    const bases = yield* store.write({ ...emptyWrite(group), ...also, commands })
    bus.publish(
      commands.map(({ message, tp, ordinal }) => ({
        tp,
        off: (bases.get(tp) ?? 0) + ordinal,
        message,
        undecodable: undefined
      }))
    )
  })
