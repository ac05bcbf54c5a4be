/** Reads a request's body, never more of it than is allowed, whether its length was announced or not. */
import { Effect } from "effect"
import { parse } from "./json.ts"
import { type Problem, problem } from "./problem.ts"

/** The largest body taken, in bytes (DECISIONS D4). */
export const BODY_MAX = 64 * 1024

/** Bodies of the requests that move money are small; a reader that dies half-way was the client's doing. */
export const readJson = (request: Request, optional: boolean, maxBytes = BODY_MAX): Effect.Effect<unknown, Problem> => {
  const length = request.headers.get("content-length")
  if (optional && (request.body === null || length === "0")) return Effect.succeed({})
  if (!isJson(request.headers.get("content-type"))) return Effect.fail(problem("UNSUPPORTED_MEDIA_TYPE"))
  if (Number(length ?? 0) > maxBytes) return Effect.fail(tooLarge(maxBytes))
  return Effect.flatMap(
    Effect.promise(() => read(request, length !== null, maxBytes)),
    (bytes) => {
      if (bytes === "too large") return Effect.fail(tooLarge(maxBytes))
      if (bytes === "cut off") return Effect.fail(problem("INVALID_JSON", { detail: "the body ended early" }))
      if (optional && bytes.length === 0) return Effect.succeed({})
      const parsed = parse(bytes)
      return parsed.refused === undefined
        ? Effect.succeed(parsed.value)
        : Effect.fail(problem("INVALID_JSON", { detail: parsed.refused }))
    }
  )
}

/** The bytes as they came, of whatever type; no part of them is looked at. */
export const readRaw = (request: Request, maxBytes: number): Effect.Effect<Uint8Array, Problem> => {
  const length = request.headers.get("content-length")
  if (Number(length ?? 0) > maxBytes) return Effect.fail(tooLarge(maxBytes))
  return Effect.flatMap(
    Effect.promise(() => read(request, length !== null, maxBytes)),
    (bytes) => {
      if (bytes === "too large") return Effect.fail(tooLarge(maxBytes))
      if (bytes === "cut off") return Effect.fail(problem("INVALID_JSON", { detail: "the body ended early" }))
      return Effect.succeed(bytes)
    }
  )
}

const tooLarge = (limit_bytes: number): Problem => problem("BODY_TOO_LARGE", { details: { limit_bytes } })

const isJson = (type: string | null): boolean => type !== null && /^application\/json\s*(;|$)/i.test(type.trim())

const read = async (
  request: Request,
  announced: boolean,
  maxBytes: number
): Promise<Uint8Array | "too large" | "cut off"> => {
  try {
    if (announced) return new Uint8Array(await request.arrayBuffer())
    return await readChunks(request, maxBytes)
  } catch {
    return "cut off"
  }
}

const readChunks = async (request: Request, maxBytes: number): Promise<Uint8Array | "too large"> => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  if (request.body !== null)
    for await (const chunk of request.body) {
      length += chunk.length
      if (length > maxBytes) return "too large"
      chunks.push(chunk)
    }
  return Buffer.concat(chunks, length)
}
