/**
 * Topics and how messages find their partition. Counts are those of redpanda/topics.yaml (a test keeps them equal):
 * they are fixed for a topic generation, because adding partitions would break the order of a user's messages.
 */

/** `topic → partitions`. The order is the topic's number in stored rows: append only. */
export const PARTITIONS = {
  "payment-events": 12,
  "wallet-events": 8,
  "gateway-events": 6,
  "saga-events": 6,
  "metrics-events": 4,
  "audit-events": 4,
  "payment-commands": 12,
  "wallet-commands": 8,
  "gateway-commands": 6,
  "saga-commands": 6,
  "notification-commands": 4,
  "payment-events-dlq": 1,
  "wallet-events-dlq": 1,
  "gateway-events-dlq": 1,
  "saga-events-dlq": 1
} as const
export type Topic = keyof typeof PARTITIONS

const names = Object.keys(PARTITIONS) as ReadonlyArray<Topic>
const numbers = new Map(names.map((name, number) => [name, number] as const))

/** Room for 64 partitions a topic in the number that stored rows carry. */
const PARTITIONS_MAX = 64

/** A topic partition as one small integer: topic number * 64 + partition. */
export const topicPartition = (topic: Topic, key: string): number =>
  (numbers.get(topic) as number) * PARTITIONS_MAX + partitionOf(key, PARTITIONS[topic])

export const topicOf = (tp: number): Topic => names[Math.floor(tp / PARTITIONS_MAX)] as Topic
export const partitionNumber = (tp: number): number => tp % PARTITIONS_MAX
export const topicPartitions = (topic: Topic): ReadonlyArray<number> =>
  Array.from(
    { length: PARTITIONS[topic] },
    (_, partition) => (numbers.get(topic) as number) * PARTITIONS_MAX + partition
  )
export const allTopicPartitions = (): ReadonlyArray<number> => names.flatMap(topicPartitions)

/** Kafka's default partitioner: murmur2 of the key, sign bit off, modulo the count (KIP-480's keyed case). */
export const partitionOf = (key: string, partitions: number): number => {
  let hash = hashes.get(key)
  if (hash === undefined) {
    hash = murmur2(new TextEncoder().encode(key)) & 0x7fffffff
    if (hashes.size >= HASHES_MAX) hashes.clear()
    hashes.set(key, hash)
  }
  return hash % partitions
}

/** A user's key is hashed some twenty times a payment; remembering is cheaper, and a full map starts anew. */
const HASHES_MAX = 100_000
const hashes = new Map<string, number>()

/** MurmurHash2, 32 bit, seed 0x9747b28c, as in org.apache.kafka.common.utils.Utils#murmur2. */
export const murmur2 = (bytes: Uint8Array): number => {
  const m = 0x5bd1e995
  let hash = 0x9747b28c ^ bytes.length
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length & ~3
  for (let at = 0; at < whole; at += 4) {
    let k = Math.imul(view.getInt32(at, true), m)
    k = Math.imul(k ^ (k >>> 24), m)
    hash = Math.imul(hash, m) ^ k
  }
  const rest = bytes.length - whole
  if (rest >= 3) hash ^= (bytes[whole + 2] as number) << 16
  if (rest >= 2) hash ^= (bytes[whole + 1] as number) << 8
  if (rest >= 1) hash = Math.imul(hash ^ (bytes[whole] as number), m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return (hash ^ (hash >>> 15)) | 0
}
