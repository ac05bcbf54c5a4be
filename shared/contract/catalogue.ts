/** How the event and command catalogues are written down; `docs/events.md` is generated from the same entries. */
import { Schema, SchemaTransformation } from "effect"
import type { Fact, Service } from "./envelope.ts"
import type { Topic } from "./topics.ts"

export interface About {
  /** Version of the data's schema; an older stored version is upcast on read (DECISIONS D8). */
  readonly version: number
  readonly topic: Topic
  readonly producer: Service
  readonly consumers: ReadonlyArray<Service>
  /** What makes it happen, in a sentence. */
  readonly trigger: string
}

/** Facts or commands of one topic and producer; `usually` are the consumers where an entry names no others. */
export const about =
  (topic: Topic, producer: Service, usually: ReadonlyArray<Service>) =>
  (trigger: string, consumers: ReadonlyArray<Service> = usually): About => ({
    version: 1,
    topic,
    producer,
    consumers,
    trigger
  })

export interface Entry<Fields extends Schema.Struct.Fields = Schema.Struct.Fields> extends About {
  readonly data: Schema.Struct<Fields>
  /** The data as it stands on the wire; a test decodes it. */
  readonly example: Schema.Struct<Fields>["Encoded"]
}

export type Catalogue = { readonly [type: string]: Entry }

export const entry = <Fields extends Schema.Struct.Fields>(
  about: About,
  fields: Fields,
  example: Schema.Struct<Fields>["Encoded"]
): Entry<Fields> => ({ ...about, data: Schema.Struct(fields), example })

/** The union of facts a catalogue describes, told apart by `type`. */
export type FactOf<C extends Catalogue> = { [T in keyof C & string]: Fact<T, C[T]["data"]["Type"]> }[keyof C & string]

/** RFC 3339 UTC with milliseconds on the wire, ms since the epoch in memory. */
export const Time = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Number.check(Schema.isFinite()),
    SchemaTransformation.transform({
      decode: (text: string) => Date.parse(text),
      encode: (ms: number) => new Date(ms).toISOString()
    })
  )
)

export const Metadata = Schema.Record(Schema.String, Schema.String)
export type Metadata = typeof Metadata.Type

/** Ids used by every example. */
export const EXAMPLE = {
  payment: "01935d6e-7c3a-7b1e-9a44-3f7c1f0f2a01",
  wallet: "01935d6e-0b2c-7d55-8f10-6a0c51f4be02",
  other: "01935d6e-7c3b-7e02-b0d7-9a11c2d3e403",
  time: "2026-11-25T09:30:00.000Z"
} as const
