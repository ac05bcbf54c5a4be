/**
 * What operators say to the gateway. Their word about an unknown attempt takes the same way as a provider's answer: one
 * transition, whoever brings the truth (CASES P17). It ends the wait and not the looking: a charge that comes to light
 * after all is reversed, or adopted, like every late success.
 */
import type { GatewayCommand, GatewayEvent } from "../../shared/contract/gateway.ts"
import type { Decision } from "../../shared/runtime/decider.ts"
import type { Answered } from "./calls.ts"
import { charged, type Draft, resolved, respond } from "./choose.ts"
import type { State } from "./state.ts"

type Word<Type extends GatewayCommand["type"]> = Extract<GatewayCommand, { readonly type: Type }>["data"]

/** ResolveAttempt. Only what nobody knows can be resolved; at most one attempt of a payment is like this. */
export const resolve = (draft: Draft, word: Word<"ResolveAttempt">): Decision<GatewayEvent> => {
  const { attempts, payment } = draft.state
  const { payment_id, outcome, evidence, reason } = word
  const attempt = attempts.find(({ status }) => status === "UNKNOWN" || status === "REVIEW")
  if (attempt === undefined || payment === undefined) {
    const told = attempts.map(({ provider, n, status }) => `attempt ${n} at ${provider} is ${status}`).join(", ")
    return {
      refusal: { code: "NOTHING_UNKNOWN", reason: told || "no provider was asked", details: { payment_id } }
    }
  }
  const { provider, n } = attempt
  const call = { payment_id, provider, attempt: n, try: 0, operation: "read" } as const
  const answer = { ...call, evidence, message: reason, breaker_failures: 0, jitter: 0 }
  if (outcome === "charged") {
    const found: Answered = { ...answer, outcome: "succeeded", provider_reference: evidence }
    return { events: charged(draft, attempt, found, payment).events }
  }
  respond(draft, { ...answer, outcome: "fenced", code: "vouched" }, "fenced")
  return { events: resolved(draft, draft.again(attempt)).events }
}

/** RFC 3339's last second: a breaker forced open stays open until an operator closes it. */
export const FOREVER = Date.parse("9999-12-31T23:59:59.000Z")

/** ForceBreaker. Repeating it is no mistake and changes nothing. */
export const force = (
  { breaker }: State,
  { provider: gateway_provider, to, reason }: Word<"ForceBreaker">
): ReadonlyArray<GatewayEvent> => {
  if (to === "open") {
    if (breaker?.forced === true) return []
    const opened = { failure_count: breaker?.failures ?? 0, estimated_recovery_time: FOREVER, reason, forced: true }
    return [{ type: "CircuitBreakerOpened", data: { gateway_provider, ...opened } }]
  }
  if (breaker === undefined || breaker.state === "closed") return []
  return [{ type: "CircuitBreakerClosed", data: { gateway_provider, reason, forced: true } }]
}
