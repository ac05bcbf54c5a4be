/**
 * Adyen's idempotency: the first answer is replayed word for word, for at least 7 days (one stored copy of the page
 * says 31: the shorter is simulated). Keys belong to the company account, whatever the endpoint; the request's body is
 * not compared. What was never processed (401, 429, 704, transient errors) is not remembered.
 */
import { now } from "../clock.ts"
import type { Key, Store } from "./records.ts"

export const KEY_LIFE_MS = 7 * 24 * 3600 * 1000
export const KEY_LENGTH_MAX = 64

const expired = (key: Key): boolean => now() - key.at >= KEY_LIFE_MS

export const findKey = (store: Store, id: string): Key | undefined => {
  const key = store.keys.get(id)
  return key === undefined || expired(key) ? undefined : key
}

export const storeKey = (store: Store, id: string, status: number, body: string): void => {
  store.keys.put({ id, at: now(), status, body })
}

/** On start: expired keys came back from the journal. */
export const pruneKeys = (store: Store): void => {
  for (const key of store.keys.rows.values()) if (expired(key)) store.keys.rows.delete(key.id)
}
