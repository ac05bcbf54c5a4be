/**
 * Stripe's idempotency, API v1: the first execution's status and body are replayed for 24 hours, errors and 500s
 * included. What never began to execute (validation, 401, 429, a conflict) is not remembered.
 */
import { now } from "../clock.ts"
import { keyMismatch } from "./problem.ts"
import type { Key, Store } from "./records.ts"

export const KEY_LIFE_MS = 24 * 3600 * 1000
/** Old keys are dropped a few at a time, whenever a new one is stored. */
const PRUNED_PER_STORE = 4

const expired = (key: Key): boolean => now() - key.at >= KEY_LIFE_MS

export const findKey = (store: Store, id: string, request: string): Key | undefined => {
  const key = store.keys.get(id)
  if (key === undefined || expired(key)) return undefined
  if (key.request !== request) throw keyMismatch(id)
  return key
}

export const storeKey = (store: Store, key: Omit<Key, "at">): void => {
  // Deleted first, so that the table stays ordered by age and pruning can stop at the first young key.
  store.keys.rows.delete(key.id)
  store.keys.put({ ...key, at: now() })
  let pruned = 0
  for (const old of store.keys.rows.values()) {
    if (pruned >= PRUNED_PER_STORE || !expired(old)) return
    store.keys.rows.delete(old.id)
    pruned += 1
  }
}

/** On start: expired keys came back from the journal. */
export const pruneKeys = (store: Store): void => {
  for (const key of store.keys.rows.values()) if (expired(key)) store.keys.rows.delete(key.id)
}
