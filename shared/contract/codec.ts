/**
 * Messages as stored text. An event's row has its id, type, stream and cause in columns, so its body leaves them out
 * (SPIKE section 2d: a fifth of the WAL); a command's body is whole.
 */
import { Result, Schema } from "effect"
import type { Message } from "./envelope.ts"
import { describe, types } from "./messages.ts"

type Json = Record<string, unknown>

const codecs = new Map(
  types().map((type) => {
    const { data, version } = describe(type) as NonNullable<ReturnType<typeof describe>>
    const schema = data as unknown as Schema.Codec<Json, Json>
    return [type, { version, encode: Schema.encodeSync(schema), decode: Schema.decodeUnknownResult(schema) }] as const
  })
)

/** Turns stored data of an older schema version into the current one; registered by type and version (DECISIONS D8). */
export type Upcast = (data: Json) => Json
const upcasts = new Map<string, Upcast>()
export const registerUpcast = (type: string, fromVersion: number, upcast: Upcast): void => {
  upcasts.set(`${type}/${fromVersion}`, upcast)
}

export const schemaVersion = (type: string): number => codecs.get(type)?.version ?? 1

/** Encodes a message's data for the wire. An unknown type or a wrong field is a defect: a decider made it. */
export const encodeData = (type: string, data: unknown): Json => {
  const codec = codecs.get(type)
  if (codec === undefined) throw new Error(`no schema for message type ${type}`)
  return codec.encode(data as Json)
}

/** Most streams are named after what correlates them (`saga-{payment id}`): then it is not said twice. */
const correlated = (subject: string, correlationid: string): boolean => subject.endsWith(`-${correlationid}`)
const correlationOf = (subject: string): string => subject.slice(subject.indexOf("-") + 1)

const shared = ({ time, subject, partitionkey, correlationid, traceparent, actor, schema, type, data }: Message) => ({
  time: new Date(time).toISOString(),
  partitionkey,
  ...(correlated(subject, correlationid) ? {} : { correlationid }),
  ...(traceparent === undefined ? {} : { traceparent }),
  actor,
  schema,
  data: encodeData(type, data)
})

export const encodeEvent = (message: Message): string => JSON.stringify(shared(message))

export const encodeCommand = (message: Message): string => {
  const { id, type, subject, causationid } = message
  return JSON.stringify({ id, type, subject, causationid, ...shared(message) })
}

/** The part of a stored message that may stand in columns. */
export interface Columns {
  readonly id: string
  readonly type: string
  readonly subject: string
  readonly causationid: string
}

/** A stored message that no reader of this version can understand. */
export interface Undecodable {
  readonly id: string
  readonly type: string
  readonly subject: string
  readonly causationid: string
  readonly error: string
  readonly body: string
}

export const decode = (body: string, columns?: Columns): Result.Result<Message, Undecodable> => {
  let raw: Json
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error("not a JSON object")
    raw = { ...(parsed as Json), ...columns }
  } catch (error) {
    const nameless = { id: "", type: "", subject: "", causationid: "", ...columns }
    return Result.fail({ ...nameless, error: `body is no JSON: ${String(error)}`, body })
  }
  const text = (name: string): string => (typeof raw[name] === "string" ? (raw[name] as string) : "")
  const broken = (error: string) =>
    Result.fail({
      id: text("id"),
      type: text("type"),
      subject: text("subject"),
      causationid: text("causationid"),
      error,
      body
    })
  const codec = codecs.get(text("type"))
  if (codec === undefined) return broken(`unknown message type ${text("type")}`)
  const time = Date.parse(text("time"))
  if (Number.isNaN(time) || text("id") === "" || text("partitionkey") === "") return broken("envelope is incomplete")
  const schema = typeof raw["schema"] === "number" ? raw["schema"] : 1
  // A newer schema means what this version cannot know; optional fields, which it may ignore, do not raise it.
  if (schema > codec.version) return broken(`schema ${schema} is newer than ${codec.version}, the newest known here`)
  const data = codec.decode(upcast(text("type"), schema, codec.version, raw["data"] as Json))
  if (Result.isFailure(data)) return broken(`data: ${data.failure.message}`)
  return Result.succeed({
    id: text("id"),
    type: text("type"),
    subject: text("subject"),
    time,
    tenant: tenantOf(text("partitionkey")),
    partitionkey: text("partitionkey"),
    correlationid: text("correlationid") || correlationOf(text("subject")),
    causationid: text("causationid"),
    ...(raw["traceparent"] === undefined ? {} : { traceparent: text("traceparent") }),
    actor: text("actor"),
    schema: codec.version,
    data: data.success
  })
}

const upcast = (type: string, from: number, to: number, data: Json): Json => {
  let current = data
  for (let version = from; version < to; version++) current = upcasts.get(`${type}/${version}`)?.(current) ?? current
  return current
}

export const partitionKey = (tenant: string, userId: string): string => `${tenant}/${userId}`
export const tenantOf = (partitionkey: string): string => partitionkey.slice(0, Math.max(0, partitionkey.indexOf("/")))
