/** Ids: UUIDv7 (RFC 9562) where something new begins, UUIDv5 where the same cause must give the same id. */

import { hash, randomFillSync } from "node:crypto"
import { Context, Layer } from "effect"

export class Ids extends Context.Service<
  Ids,
  {
    /** A UUIDv7 of that moment (ms). Ids made by one process in one millisecond are in order of making. */
    readonly next: (now: number) => string
    /** Uniform in [0, 1): jitter only. */
    readonly random: () => number
  }
>()("shared/Ids") {
  static readonly layer = Layer.sync(Ids, () => {
    const pool = new Uint8Array(POOL_BYTES)
    let at = POOL_BYTES
    const bytes = () => {
      if (at + RANDOM_BYTES > POOL_BYTES) {
        randomFillSync(pool)
        at = 0
      }
      at += RANDOM_BYTES
      return pool.subarray(at - RANDOM_BYTES, at)
    }
    return { next: sequence(bytes), random: Math.random }
  })
  /** The same seed gives the same ids: the simulation's. */
  static readonly seeded = (random: () => number) => Layer.sync(Ids, () => Ids.seededBy(random))
  static readonly seededBy = (random: () => number): Ids["Service"] => {
    const bytes = new Uint8Array(RANDOM_BYTES)
    const fill = () => {
      for (let i = 0; i < RANDOM_BYTES; i++) bytes[i] = Math.floor(random() * 256)
      return bytes
    }
    return { next: sequence(fill), random }
  }
}

const RANDOM_BYTES = 8
const POOL_BYTES = RANDOM_BYTES * 512
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** Layout of RFC 9562 section 5.7 with a 12-bit counter in rand_a (method 1), so that ids of one millisecond sort. */
const sequence = (bytes: () => Uint8Array) => {
  let last = 0
  let counter = 0
  return (now: number): string => {
    if (now > last) {
      last = now
      counter = 0
    } else if (++counter > 0xfff) {
      last++
      counter = 0
    }
    const time = last.toString(16).padStart(12, "0")
    const b = bytes() as Uint8Array & ArrayLike<number>
    const at = (i: number) => hex[b[i] as number] as string
    const variant = hex[((b[0] as number) & 0x3f) | 0x80] as string
    const a = (0x7000 | counter).toString(16)
    const node = at(2) + at(3) + at(4) + at(5) + at(6) + at(7)
    return `${time.slice(0, 8)}-${time.slice(8)}-${a}-${variant}${at(1)}-${node}`
  }
}

/** UUIDv5 (RFC 9562 section 5.5) of a name within a text namespace. */
export const uuidv5 = (namespace: string, name: string): string => {
  const digest = hash("sha1", `${namespace}\u0000${name}`, "hex")
  const variant = ((Number.parseInt(digest.slice(16, 18), 16) & 0x3f) | 0x80).toString(16)
  const time = `${digest.slice(0, 8)}-${digest.slice(8, 12)}`
  return `${time}-5${digest.slice(13, 16)}-${variant}${digest.slice(18, 20)}-${digest.slice(20, 32)}`
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
export const isUuid = (text: string): boolean => UUID.test(text)

/** The moment (ms) a UUIDv7 was made. */
export const timeOfUuidv7 = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
