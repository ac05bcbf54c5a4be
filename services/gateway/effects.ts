/**
 * What happens outside after the commit that recorded the intent: one wire operation, and its answer as a local
 * command. It never fails: every error is an outcome. What a crash takes with it is found by the decider's restart and
 * Verify.
 */
import { Cause, Clock, Effect, Random } from "effect"
import { reach } from "../../shared/runtime/crashpoint.ts"
import { failuresOf } from "./breaker.ts"
import { Breaker } from "./breakers.ts"
import {
  breakerStream,
  type Forcing,
  type GatewayEffect,
  type Local,
  type ProviderCall,
  paymentStream,
  type RefundCall,
  type Transition
} from "./calls.ts"
import { type ProviderPort, type Told, undecided, unknown } from "./provider/port.ts"
import { Providers } from "./provider/registry.ts"

/** A local command, and the stream and partition it belongs to (none: those of the payment's events). */
export interface Addressed {
  readonly subject: string
  readonly command: Local
  readonly partitionkey?: string
}

export interface Performing {
  /** A charge creates and then charges, so it may take twice that; anything else is done within it. */
  readonly timeout_ms: number
  /** One span a call. Without anywhere to send it, it would be a fifth of the call's CPU. */
  readonly tracing: boolean
}

type Performed = Effect.Effect<ReadonlyArray<Addressed>, never, Breaker | Providers>

export const performWith =
  ({ timeout_ms, tracing }: Performing) =>
  (effect: GatewayEffect): Performed => {
    if ("force" in effect) return forced(effect)
    const call = called(effect, timeout_ms)
    return tracing ? Effect.withSpan(call, "gateway.call", { attributes: labels(effect), kind: "client" }) : call
  }

const forced = ({ provider, force, until }: Forcing): Performed =>
  Effect.flatMap(Breaker, (breaker) => Effect.as(breaker.force(provider, force, until), []))

const called = (call: ProviderCall | RefundCall, timeout_ms: number): Performed =>
  Effect.gen(function* () {
    if (call.operation === "refund") return [yield* refunded(call, timeout_ms)]
    const port = (yield* Providers).get(call.provider)
    const jitter = yield* Random.next
    if (port === undefined) return [answered(call, { outcome: "not_sent", code: "no_adapter" }, 0, jitter)]
    if (call.operation !== "charge") {
      const { health: _, ...answer } = yield* within(call, port[call.operation](call), timeout_ms * 1.5, silent)
      return [answered(call, answer, 0, jitter)]
    }
    const breaker = yield* Breaker
    const permit = yield* breaker.allow(call.provider, yield* Clock.currentTimeMillis)
    if (!permit.allowed) {
      const { retry_at } = permit
      const failures = failuresOf(yield* breaker.look(call.provider))
      return [answered(call, { outcome: "not_sent", code: "breaker_open", retry_at }, failures, jitter)]
    }
    const { health, ...answer } = yield* within(call, charge(port, call), timeout_ms * 2.5, silent)
    const after = yield* breaker.record(call.provider, health, yield* Clock.currentTimeMillis)
    return [answered(call, answer, after.failures, jitter), ...changed(permit.transition), ...changed(after.transition)]
  })

const labels = (call: ProviderCall | RefundCall) => {
  const { payment_id, provider, operation, try: n } = call
  const which = call.operation === "refund" ? { refund_id: call.refund_id } : { attempt: call.attempt }
  return { payment_id, provider, operation, ...which, try: n }
}

/** A refund passes an open breaker, and goes to a provider that takes no new charges: it has the money. */
const refunded = (call: RefundCall, timeout_ms: number) =>
  Effect.gen(function* () {
    const port = (yield* Providers).get(call.provider)
    const jitter = yield* Random.next
    const asked = port === undefined ? Effect.succeed(undecided("no_adapter")) : port.refund(call)
    // It may look, ask, and look again.
    const { code, message, ...answer } = yield* within(call, asked, timeout_ms * 3.5, undecided)
    const { payment_id, refund_id, provider, try: n } = call
    const data = { ...answer, ...texts({ code, message }), payment_id, refund_id, provider, try: n, jitter }
    return { subject: paymentStream(payment_id), command: { type: "RecordRefundAnswer", data } } satisfies Addressed
  })

/** Our own defect says nothing about the provider's health. */
const silent = (reason: string): Told => unknown(reason, reason === "adapter_defect" ? "neutral" : "failure")

/** A port that hangs or dies has told nothing, and nobody may wait for it for ever. */
const within = <A>(
  { payment_id }: Pick<ProviderCall, "payment_id">,
  told: Effect.Effect<A>,
  timeout_ms: number,
  nothing: (reason: string) => A
): Effect.Effect<A> =>
  told.pipe(
    Effect.timeoutOrElse({ duration: timeout_ms, orElse: () => Effect.succeed(nothing("timeout")) }),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.failCause(cause)
        : Effect.as(Effect.logError("a provider's adapter is broken", cause), nothing("adapter_defect"))
    ),
    (answer) =>
      Effect.andThen(
        reach("gateway.before-call", () => [paymentStream(payment_id)]),
        answer
      ),
    Effect.tap(() => reach("gateway.after-call"))
  )

const THROTTLED_TRIES = 3
const THROTTLED_MS = 200

/**
 * The provider says that it executed nothing (429, a locked object): the same key may go again after a short wait. An
 * answer in between that leaves the charge in doubt ends this at once.
 */
const charge = (port: ProviderPort, call: ProviderCall, n = 1): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const told = yield* port.charge(call)
    // Without a handle it was the create that was throttled, and that has had its tries.
    if (told.outcome !== "not_executed" || told.handle === undefined || n >= THROTTLED_TRIES) return told
    yield* Effect.sleep(THROTTLED_MS * 2 ** (n - 1) * (0.5 + (yield* Random.next)))
    return yield* charge(port, { ...call, handle: told.handle }, n + 1)
  })

/** What a provider writes is kept for people to read, not for ever and not at any length. */
const MESSAGE_LENGTH_MAX = 300
const short = (text: string): string => text.slice(0, MESSAGE_LENGTH_MAX)

const texts = ({ code, message }: { readonly code?: string | undefined; readonly message?: string | undefined }) => ({
  ...(code !== undefined && { code: short(code) }),
  ...(message !== undefined && { message: short(message) })
})

const answered = (call: ProviderCall, answer: Omit<Told, "health">, breaker_failures: number, jitter: number) => {
  const { payment_id, provider, attempt, try: n, operation } = call
  const data = {
    ...answer,
    ...texts(answer),
    payment_id,
    provider,
    attempt,
    try: n,
    operation,
    breaker_failures,
    jitter
  }
  return { subject: paymentStream(payment_id), command: { type: "RecordAnswer", data } } satisfies Addressed
}

const changed = (transition: Transition | undefined): ReadonlyArray<Addressed> =>
  transition === undefined
    ? []
    : [
        {
          subject: breakerStream(transition.provider),
          command: { type: "RecordBreaker", data: transition },
          partitionkey: transition.provider
        }
      ]
