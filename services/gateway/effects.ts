/**
 * What happens outside after the commit that recorded the intent: one wire operation, and its answer as a local
 * command. It never fails: every error is an outcome. What a crash takes with it is found by the decider's restart and
 * Verify.
 */
import { Cause, Clock, Effect, Random } from "effect"
import type { Message } from "../../shared/contract/envelope.ts"
import { reach } from "../../shared/runtime/crashpoint.ts"
import { failuresOf } from "./breaker.ts"
import { Breaker } from "./breakers.ts"
import { type Bulkhead, type Entered, makeBulkhead } from "./bulkhead.ts"
import {
  type Answer,
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
import { Waiting } from "./waiting.ts"

/** A local command, and the stream and partition it belongs to (none: those of the payment's events). */
export interface Addressed {
  readonly subject: string
  readonly command: Local
  readonly partitionkey?: string
  /** What it follows from, where that is another payment's message than the one that was performed for. */
  readonly cause?: Message
}

export interface Performing {
  /** A charge creates and then charges, so it may take twice that; anything else is done within it. */
  readonly timeout_ms: number
  /** Charges of one provider that may be under way. */
  readonly in_flight: number
  /** One span a call. Without anywhere to send it, it would be a fifth of the call's CPU. */
  readonly tracing: boolean
}

type Performed = Effect.Effect<ReadonlyArray<Addressed>, never, Breaker | Providers>

/** What the calls of this process share. */
interface Here {
  readonly timeout_ms: number
  readonly bulkhead: Bulkhead
  readonly waiting: Waiting
}

export const performWith = ({ timeout_ms, in_flight, tracing }: Performing) => {
  const bulkhead = makeBulkhead({ in_flight, wait_ms: timeout_ms })
  const here: Here = { timeout_ms, bulkhead, waiting: new Waiting() }
  return (effect: GatewayEffect, cause?: Message): Performed => {
    if ("force" in effect) return forced(effect, here)
    const call = called(effect, here, cause)
    return tracing ? Effect.withSpan(call, "gateway.call", { attributes: labels(effect), kind: "client" }) : call
  }
}

const forced = ({ provider, force, until }: Forcing, { waiting }: Here): Performed =>
  Effect.flatMap(Breaker, (breaker) =>
    Effect.map(breaker.force(provider, force, until), () => (force === "closed" ? woken(waiting) : []))
  )

/** Nothing of it left us: no outcome of the provider's, and nothing its breaker hears of. */
const NO_PLACE = "too_many_calls"

const called = (call: ProviderCall | RefundCall, here: Here, cause: Message | undefined): Performed =>
  Effect.gen(function* () {
    const { timeout_ms, bulkhead } = here
    const jitter = yield* Random.next
    if (call.operation === "refund") return [yield* refunded(call, here, jitter)]
    const port = (yield* Providers).get(call.provider)
    if (port === undefined) return [answered(call, { outcome: "not_sent", code: "no_adapter" }, 0, jitter)]
    if (call.operation === "charge") return yield* charged(port, call, here, cause, jitter)
    const asked = within(call, port[call.operation](call), timeout_ms * 1.5, silent)
    const none = Effect.succeed(unknown(NO_PLACE, "neutral"))
    const {
      health: _,
      retry_after_ms: __,
      ...answer
    } = yield* bulkhead.admit(call.provider, "other", () => asked, none)
    return [answered(call, answer, 0, jitter)]
  })

const charged = (port: ProviderPort, call: ProviderCall, here: Here, cause: Message | undefined, jitter: number) =>
  Effect.gen(function* () {
    const { bulkhead, waiting, timeout_ms } = here
    const { provider, payment_id } = call
    const breaker = yield* Breaker
    const refused = (retry_at: number) =>
      Effect.map(breaker.look(provider), (machine) => {
        waiting.refused(payment_id, cause)
        return [answered(call, { outcome: "not_sent", code: "breaker_open", retry_at }, failuresOf(machine), jitter)]
      })
    const permit = yield* breaker.allow(provider, yield* Clock.currentTimeMillis)
    if (!permit.allowed) return yield* refused(permit.retry_at)
    waiting.allowed(payment_id)
    const ended = (told: Told) =>
      Effect.gen(function* () {
        const { health, retry_after_ms: _, ...answer } = told
        const after = yield* breaker.record(provider, health, yield* Clock.currentTimeMillis)
        const closed = after.transition?.to === "closed" ? woken(waiting) : []
        const changes = [...changed(permit.transition), ...changed(after.transition), ...closed]
        return [answered(call, answer, after.failures, jitter), ...changes]
      })
    const inside = (entered: Entered) =>
      Effect.gen(function* () {
        yield* bulkhead.paced(provider)
        if (entered === "after_waiting" && permit.transition === undefined) {
          // Whoever was before us may have found out that the provider is down.
          const still = yield* breaker.allow(provider, yield* Clock.currentTimeMillis)
          if (!still.allowed) return yield* refused(still.retry_at)
        }
        const charging = charge(port, call, (until) => bulkhead.pause(provider, until), pauseMaxMs(timeout_ms))
        return yield* ended(yield* within(call, charging, timeout_ms * 2.5, silent))
      })
    const none = ended({ outcome: "not_sent", code: NO_PLACE, health: "neutral" })
    return yield* bulkhead.admit(provider, "charge", inside, none)
  })

/** A breaker has closed: whoever waits for one is asked for again now, not when its timer fires. */
const woken = (waiting: Waiting): ReadonlyArray<Addressed> =>
  waiting.drain().map(([payment_id, cause]) => ({
    subject: paymentStream(payment_id),
    command: { type: "ResumeQueued", data: { payment_id } },
    ...(cause !== undefined && { cause })
  }))

const labels = (call: ProviderCall | RefundCall) => {
  const { payment_id, provider, operation, try: n } = call
  const which = call.operation === "refund" ? { refund_id: call.refund_id } : { attempt: call.attempt }
  return { payment_id, provider, operation, ...which, try: n }
}

/** A refund passes an open breaker, and goes to a provider that takes no new charges: it has the money. */
const refunded = (call: RefundCall, { timeout_ms, bulkhead }: Here, jitter: number) =>
  Effect.gen(function* () {
    const port = (yield* Providers).get(call.provider)
    const asked = port === undefined ? Effect.succeed(undecided("no_adapter")) : port.refund(call)
    // It may look, ask, and look again.
    const asking = within(call, asked, timeout_ms * 3.5, undecided)
    const none = Effect.succeed(undecided(NO_PLACE))
    const { code, message, ...answer } = yield* bulkhead.admit(call.provider, "other", () => asking, none)
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
/** A longer pause than this is not waited for by a payment: another provider may take it. */
const RETRY_AFTER_MAX_MS = 5_000
/** All pauses and tries of a charge have to fit into its time. */
const pauseMaxMs = (timeout_ms: number): number => Math.min(RETRY_AFTER_MAX_MS, timeout_ms / 2)

/**
 * The provider says that it executed nothing (429, a locked object): the same key may go again after a short wait, or
 * the one the provider asks for, which all its charges observe. An answer in between that leaves the charge in doubt
 * ends this at once.
 */
const charge = (
  port: ProviderPort,
  call: ProviderCall,
  pause: (until: number) => void,
  most_ms: number,
  n = 1
): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const told = yield* port.charge(call)
    const asked_ms = told.retry_after_ms ?? 0
    if (asked_ms > 0) pause((yield* Clock.currentTimeMillis) + Math.min(asked_ms, most_ms))
    // Without a handle it was the create that was throttled, and that has had its tries.
    if (told.outcome !== "not_executed" || told.handle === undefined || n >= THROTTLED_TRIES) return told
    if (asked_ms > most_ms) return told
    yield* Effect.sleep(Math.max(asked_ms, THROTTLED_MS * 2 ** (n - 1) * (0.5 + (yield* Random.next))))
    return yield* charge(port, { ...call, handle: told.handle }, pause, most_ms, n + 1)
  })

/** What a provider writes is kept for people to read, not for ever and not at any length. */
const MESSAGE_LENGTH_MAX = 300
const short = (text: string): string => text.slice(0, MESSAGE_LENGTH_MAX)

const texts = ({ code, message }: { readonly code?: string | undefined; readonly message?: string | undefined }) => ({
  ...(code !== undefined && { code: short(code) }),
  ...(message !== undefined && { message: short(message) })
})

const answered = (call: ProviderCall, answer: Answer, breaker_failures: number, jitter: number) => {
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
