/**
 * One service as the checks see it: which streams are its own, and what its decider makes of their events. The state's
 * type stays inside, so that all services are checked by the same code.
 */
import { Result, Schema } from "effect"
import { decode } from "../../shared/contract/codec.ts"
import type { Fact, Message, Recorded, Service } from "../../shared/contract/envelope.ts"
import { topicPartitions } from "../../shared/contract/topics.ts"
import type { Decider, Encoded, Posting, Projected } from "../../shared/runtime/decider.ts"
import type { Memory } from "../../shared/runtime/journal/journal.ts"
import { canonical } from "./finding.ts"
import type { StoredEvent } from "./store.ts"

/** What becomes of a stream step by step. */
export interface Fold {
  /** Throws where the event cannot be folded: then the rest of the stream says nothing. */
  readonly take: (event: Message, version: number) => Step
  /** The state so far, as its codec writes it. */
  readonly encoded: () => unknown
  /** Whether both say the same. */
  readonly compare: (encoded: unknown, stored: unknown) => boolean
  readonly encode: (state: unknown) => unknown
  /** Goes on from a stored state instead of from nothing. */
  readonly restore: (stored: unknown) => void
}

export interface Step {
  readonly rows: ReadonlyArray<Projected>
  readonly postings: ReadonlyArray<Posting>
}

export interface Book {
  readonly service: Service
  /** Names of its streams begin so. */
  readonly prefixes: ReadonlyArray<string>
  readonly tps: ReadonlyArray<number>
  readonly schema: number
  readonly fold: () => Fold
  readonly postingsOf: (event: Message, version: number) => ReadonlyArray<Posting>
  readonly memory: Memory
}

/** A stopped platform remembers nothing. */
export const NO_MEMORY: Memory = { peek: () => undefined, evict: () => {} }

export const bookOf = <State, E extends Fact, Eff>(
  decider: Decider<State, E, Eff>,
  prefixes: ReadonlyArray<string>,
  memory: Memory = NO_MEMORY
): Book => {
  const decodeState = Schema.decodeUnknownSync(decider.snapshot.codec)
  const encodeState = Schema.encodeSync(decider.snapshot.codec)
  const recorded = ({ type, data, id, time }: Message, version: number) =>
    ({ type, data, id, time, version }) as unknown as Recorded<E>
  const factsOf = (encoded: unknown, beside: unknown): string =>
    canonical(isRecord(encoded) && isRecord(beside) ? (decider.facts?.(encoded, beside) ?? encoded) : encoded)
  const encode = (state: unknown): unknown => encodeState(state as State)
  return {
    service: decider.service,
    prefixes,
    tps: topicPartitions(decider.topic),
    schema: decider.snapshot.schema,
    memory,
    postingsOf: (message, version) => decider.postings(recorded(message, version)),
    fold: () => {
      let state = decider.initial
      return {
        take: (message, version) => {
          const event = recorded(message, version)
          state = decider.evolve(state, event)
          // The cause of a row is asked for its lineage alone, which an event has from its cause.
          return { rows: decider.project(state, event, message), postings: decider.postings(event) }
        },
        encoded: () => encodeState(state),
        compare: (a, b) => factsOf(a, b) === factsOf(b, a),
        encode,
        restore: (stored) => {
          state = decodeState(stored)
        }
      }
    }
  }
}

const isRecord = (value: unknown): value is Encoded => typeof value === "object" && value !== null

export const bookFor = (books: ReadonlyArray<Book>, stream: string): Book | undefined =>
  books.find(({ prefixes }) => prefixes.some((prefix) => stream.startsWith(prefix)))

export const messageOf = ({ id, type, stream, cause, body }: StoredEvent) =>
  Result.mapError(
    decode(body, { id, type, subject: stream, causationid: cause }),
    ({ error }) => `${type} ${id} cannot be read: ${error}`
  )
