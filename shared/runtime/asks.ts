/** What an operator asks of dead letters, on its way through the log to the service that owns them. */
import { Context, Effect, Layer, Semaphore } from "effect"
import { schemaVersion } from "../contract/codec.ts"
import type { DeadLetterCommand } from "../contract/deadletter.ts"
import type { Message, Service } from "../contract/envelope.ts"
import { commandTopic } from "../contract/timer.ts"
import { topicPartition } from "../contract/topics.ts"
import { Bus } from "./bus/bus.ts"
import { NotAccepted } from "./commands.ts"
import type { LetterRow } from "./deadletter.ts"
import { JournalStore, type StoreFailure } from "./journal/store.ts"
import { type Addressed, send } from "./sending.ts"

/** Who asks, and with which id; `id` is the ask's identity in the log. */
export interface Asking extends Pick<Message, "id" | "time" | "actor" | "traceparent"> {
  readonly type: DeadLetterCommand["type"]
  readonly reason: string
}

type About = Pick<LetterRow, "id" | "service" | "unit" | "tenant" | "topic" | "tp">

/**
 * Behind everything that is on its way to the letter's unit: into the partition the letter came from, if that carries
 * commands. Undefined for a service that has no commands, and so no one to ask.
 */
export const askOf = (letter: About, { type, reason, ...asking }: Asking): Addressed | undefined => {
  const topic = commandTopic[letter.service as Service]
  if (topic === undefined) return undefined
  const { id: dead_letter_id, service, unit, tenant, tp } = letter
  const partitionkey = `${tenant}/${unit}`
  const data: DeadLetterCommand["data"] = { service, unit, dead_letter_id, reason }
  const message: Message = {
    ...asking,
    type,
    data,
    subject: `dead_letter-${dead_letter_id}`,
    tenant,
    partitionkey,
    correlationid: dead_letter_id,
    causationid: asking.id,
    schema: schemaVersion(type)
  }
  return { message, tp: letter.topic === topic ? tp : topicPartition(topic, partitionkey) }
}

/** The API's way to ask: committed when it answers, done when the owner comes to it. */
export class DeadLetterAsks extends Context.Service<
  DeadLetterAsks,
  { readonly ask: (asks: ReadonlyArray<Addressed>) => Effect.Effect<void, NotAccepted> }
>()("shared/DeadLetterAsks") {
  static readonly layer: Layer.Layer<DeadLetterAsks, StoreFailure, Bus | JournalStore> = Layer.effect(
    DeadLetterAsks,
    Effect.gen(function* () {
      const bus = yield* Bus
      const stores = yield* JournalStore
      const store = yield* stores.open("asks")
      const one = yield* Semaphore.make(1)
      const ask = (asks: ReadonlyArray<Addressed>) =>
        send({ store, bus }, "api", asks).pipe(
          one.withPermit,
          Effect.catch(({ _tag }) =>
            Effect.andThen(Effect.ignore(bus.refresh), new NotAccepted({ detail: `the ask was not written: ${_tag}` }))
          )
        )
      return { ask }
    })
  )
}
