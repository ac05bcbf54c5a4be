/**
 * When a provider fails too often, charges go elsewhere for a while. One machine a provider, for all tenants. It
 * decides only whom to ask; it never decides whether money may move to another provider: that is the attempt's own
 * end.
 */
import type { Provider } from "../../shared/contract/gateway.ts"
import type { Transition } from "./calls.ts"

export interface BreakerRules {
  /** So many failures in a row open it. */
  readonly consecutive: number
  /** Or this share of the calls of the last `window_ms`, if there were at least `calls_min`. */
  readonly rate: number
  readonly calls_min: number
  readonly window_ms: number
  readonly reset_ms: number
  /** A probe that has not answered for that long is given up, and another may pass. */
  readonly lease_ms: number
}

const SLOTS = 12

/** Calls of a twelfth of the window: the memory is bounded however busy the provider is. */
interface Slot {
  readonly start: number
  readonly calls: number
  readonly failures: number
}

export type Breaker =
  | { readonly state: "closed"; readonly row: number; readonly slots: ReadonlyArray<Slot> }
  | { readonly state: "open"; readonly failures: number; readonly until: number }
  | { readonly state: "half_open"; readonly failures: number; readonly lease_until: number }

export const CLOSED: Breaker = { state: "closed", row: 0, slots: [] }

/**
 * `failure`: timeout, reset, server error, unreadable answer · `fatal`: 401 or 403, which no waiting mends ·
 * `ok`: it answered, a decline too · `neutral`: it says nothing about its health (409, 429).
 */
export type Result = "ok" | "failure" | "fatal" | "neutral"

export type Permit =
  | { readonly allowed: true; readonly breaker: Breaker; readonly half_opened: boolean }
  | { readonly allowed: false; readonly retry_at: number }

/** May a charge pass? The first one after the reset time is the probe; while it runs nobody else passes. */
export const allow = (breaker: Breaker, now: number, rules: BreakerRules): Permit => {
  switch (breaker.state) {
    case "closed":
      return { allowed: true, breaker, half_opened: false }
    case "open": {
      // One that an operator holds open has no end of its own: whoever waits looks again after a reset time.
      if (now < breaker.until) return { allowed: false, retry_at: Math.min(breaker.until, now + rules.reset_ms) }
      const { failures } = breaker
      return {
        allowed: true,
        breaker: { state: "half_open", failures, lease_until: now + rules.lease_ms },
        half_opened: true
      }
    }
    case "half_open":
      if (now < breaker.lease_until) return { allowed: false, retry_at: breaker.lease_until }
      return { allowed: true, breaker: { ...breaker, lease_until: now + rules.lease_ms }, half_opened: false }
  }
}

export interface Recorded {
  readonly breaker: Breaker
  readonly transition?: Transition
}

export const record = (
  breaker: Breaker,
  provider: Provider,
  result: Result,
  now: number,
  rules: BreakerRules
): Recorded => {
  const open = (failures: number, reason: string): Recorded => {
    const until = now + rules.reset_ms
    const transition = { to: "open", provider, failures, until, reason } as const
    return { breaker: { state: "open", failures, until }, transition }
  }
  switch (breaker.state) {
    // A call that began before it opened: its end changes nothing, or a slow wave of failures would keep it open for
    // ever.
    case "open":
      return { breaker }
    case "half_open":
      if (result === "ok") return { breaker: CLOSED, transition: { to: "closed", provider } }
      if (result === "neutral") return { breaker: { ...breaker, lease_until: now } }
      return open(breaker.failures + 1, "the probe failed")
    case "closed": {
      if (result === "neutral") return { breaker }
      const failed = result !== "ok"
      const row = failed ? breaker.row + 1 : 0
      const slots = counted(breaker.slots, failed, now, rules)
      if (result === "fatal") return open(row, "the provider refuses our credentials")
      if (row >= rules.consecutive) return open(row, `${row} failures in a row`)
      const { calls, failures } = sum(slots)
      if (failed && calls >= rules.calls_min && failures >= rules.rate * calls)
        return open(failures, `${failures} failures in ${calls} calls`)
      return { breaker: { state: "closed", row, slots } }
    }
  }
}

const counted = (
  slots: ReadonlyArray<Slot>,
  failed: boolean,
  now: number,
  rules: BreakerRules
): ReadonlyArray<Slot> => {
  const width = rules.window_ms / SLOTS
  const start = Math.floor(now / width) * width
  const recent = slots.filter((slot) => slot.start > now - rules.window_ms)
  const last = recent.at(-1)
  const failure = failed ? 1 : 0
  if (last?.start !== start) return [...recent, { start, calls: 1, failures: failure }]
  return [...recent.slice(0, -1), { start, calls: last.calls + 1, failures: last.failures + failure }]
}

const sum = (slots: ReadonlyArray<Slot>): { readonly calls: number; readonly failures: number } => {
  let [calls, failures] = [0, 0]
  for (const slot of slots) {
    calls += slot.calls
    failures += slot.failures
  }
  return { calls, failures }
}

/** Failures in a row, or those that opened it: what GatewayTimeoutOccurred tells. */
export const failuresOf = (breaker: Breaker): number => (breaker.state === "closed" ? breaker.row : breaker.failures)
