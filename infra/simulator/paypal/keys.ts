/**
 * PayPal's idempotency: a request id that comes again gets the *latest* state of what it made, with 200 instead of 201.
 * Only successes are remembered: 6 hours for orders, 45 days for payments.
 */
import { now } from "../clock.ts"
import type { Key, Store } from "./records.ts"
import type { Route } from "./routes.ts"

const HOUR_MS = 3600 * 1000
export const ORDER_KEY_LIFE_MS = 6 * HOUR_MS
export const PAYMENT_KEY_LIFE_MS = 45 * 24 * HOUR_MS

const life = (id: string): number => (id.startsWith("order.") ? ORDER_KEY_LIFE_MS : PAYMENT_KEY_LIFE_MS)

/** One id may be used once per kind of request; it is not bound to the resource, so a reused one returns the old. */
export const keyId = (route: Route, requestId: string): string => `${route.name} ${requestId}`

const expired = (key: Key): boolean => now() - key.at >= life(key.id)

export const findKey = (store: Store, id: string): Key | undefined => {
  const key = store.keys.get(id)
  return key === undefined || expired(key) ? undefined : key
}

export const storeKey = (store: Store, id: string, of: string): void => {
  store.keys.put({ id, at: now(), of })
}

export const pruneKeys = (store: Store): void => {
  for (const key of store.keys.rows.values()) if (expired(key)) store.keys.rows.delete(key.id)
}
