/**
 * The numbers of this process, in Prometheus' words. Every metric exists from the start, at 0; no id is ever a label.
 * Counters follow committed events, so a message that is delivered twice is counted once.
 */
import { Context, Metric } from "effect"
import type { Message, Service } from "../../shared/contract/envelope.ts"
import { type GatewayEvent, Outcome, Provider } from "../../shared/contract/gateway.ts"
import type { PaymentEvent } from "../../shared/contract/payment.ts"
import type { SagaEvent } from "../../shared/contract/saga.ts"
import { ERROR_CLASSES } from "../../shared/runtime/deadletter-classes.ts"
import type { Observer } from "../../shared/runtime/observer.ts"

const nowhere = Context.empty()
const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })
const gauge = (name: string, description: string) => Metric.gauge(name, { description })

/** A family by one label whose values are known beforehand, so that all of them are exported at 0. */
const family = <Label extends string>(
  metric: Metric.Metric<number, unknown>,
  label: string,
  values: ReadonlyArray<Label>
) => new Map(values.map((value) => [value as string, Metric.withAttributes(metric, { [label]: value })]))

const SERVICES: ReadonlyArray<Service> = ["payment", "wallet", "gateway", "saga", "notification", "audit"]
const seconds = (...boundaries: ReadonlyArray<number>) => ({ boundaries: [...boundaries] })

const payments = family(counter("payments_total", "Payments by how far they came"), "outcome", [
  "initiated",
  "completed",
  "failed",
  "cancelled"
])
const duration = Metric.histogram("payment_duration_seconds", {
  description: "From PaymentInitiated to the payment's end",
  ...seconds(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
})
const commits = Metric.histogram("journal_commit_duration_seconds", {
  description: "One commit of the journal, its retries included",
  ...seconds(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
})
const contention = Metric.histogram("wallet_lock_contention_duration_seconds", {
  description: "How long a wallet's batch took to commit: folding replaces the row lock others wait for",
  ...seconds(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
})
const messages = family(counter("messages_processed_total", "Messages taken and committed"), "service", SERVICES)
const refused = family(counter("messages_refused_total", "Commands a decider refused"), "service", SERVICES)
const dead = new Map(
  SERVICES.map((service) => [
    service as string,
    family(
      Metric.withAttributes(counter("dead_letters_total", "Messages that could not be applied"), { service }),
      "class",
      ERROR_CLASSES
    )
  ])
)
const letters = family(gauge("dead_letters_open", "Dead letters that wait for somebody"), "service", SERVICES)
const redriven = family(
  counter("redriven_total", "Messages handed over again after a dead letter"),
  "service",
  SERVICES
)
const redriveFailures = family(counter("redrives_failed_total", "Dead letters that failed again"), "service", SERVICES)
const discarded = family(counter("discarded_total", "Dead letters given up by an operator"), "service", SERVICES)
const stalls = family(counter("store_stalls_total", "Commits the store refused for now"), "service", SERVICES)
const outcomes = family(
  counter("gateway_responses_total", "Provider answers by what they say"),
  "outcome",
  Outcome.literals
)
const webhooks = new Map(
  Provider.literals.map((provider) => [
    provider as string,
    family(
      Metric.withAttributes(counter("webhooks_total", "Call-backs of providers by what became of them"), { provider }),
      "result",
      ["rejected", "duplicate", "ignored", "applied", "known", "parked", "failed"]
    )
  ])
)
const timeouts = counter("gateway_timeouts_total", "Provider calls whose outcome is unknown")
const fallbacks = counter("gateway_fallbacks_total", "Payments that went on to another provider")
const reversals = counter("late_success_refunds_total", "Charges nobody wanted any more, given back")
const refunds = family(counter("refunds_total", "Refunds by how far they came"), "outcome", [
  "requested",
  "succeeded",
  "failed"
])
const refundReversals = counter("refund_reversals_total", "Refunds that were done and failed afterwards")
const refundReviews = counter("refund_reviews_total", "Refunds of which a person must find out what became")
const opened = counter("circuit_breaker_opened_total", "Times a breaker opened")
const concurrent = counter("concurrent_payment_attempts_total", "Payments that met another one of the same wallet")
const lostFunds = counter(
  "insufficient_funds_due_to_concurrency_total",
  "Payments that lost their funds to another one"
)
const compensations = counter("saga_compensations_total", "Sagas that undid something")
const stuck = counter("sagas_stuck_total", "Sagas that waited for more than 300 s")
const parked = counter("sagas_parked_total", "Sagas and refunds that gave up: a person is called")
const uncompensated = counter("saga_compensation_failures_total", "Compensations that gave up, among the parked sagas")
const notified = counter("notifications_total", "Messages given to users")
const recovered = counter("sagas_recovered_total", "Open sagas that a new process went on with")
const replayed = counter("events_replayed_total", "Log records read again after a restart, events of repaired streams")
const resolved = counter(
  "pending_transactions_resolved_total",
  "Provider attempts of unknown outcome that asking, or sending again, has settled"
)
const found = counter("inconsistencies_detected_total", "Stored data that does not agree with itself, each once")
const resolvedInconsistencies = counter("inconsistencies_resolved_total", "Inconsistencies that are there no more")
const verifiedAt = gauge("consistency_last_verification_timestamp_seconds", "When the last verification ended")
const inconsistent = gauge("consistency_last_verification_inconsistencies", "What it found; 0 is well")
const recovery = gauge("system_recovery_duration_seconds", "How long the last start took to catch up")
const lag = family(gauge("consumer_lag_records", "Log records a service has not taken yet"), "service", SERVICES)

const add = (metric: Metric.Metric<number, unknown> | undefined, by = 1) => metric?.updateUnsafe(by, nowhere)

/** Touches everything once, so that it is exported at 0. */
export const declareMetrics = (): void => {
  const byLabel = [
    payments,
    refunds,
    messages,
    refused,
    stalls,
    outcomes,
    lag,
    letters,
    redriven,
    redriveFailures,
    discarded
  ]
  for (const each of [...byLabel, ...dead.values(), ...webhooks.values()])
    for (const metric of each.values()) add(metric, 0)
  const single = [
    timeouts,
    fallbacks,
    reversals,
    refundReversals,
    refundReviews,
    opened,
    concurrent,
    lostFunds,
    compensations,
    stuck,
    parked,
    uncompensated,
    notified,
    recovered,
    replayed,
    found,
    resolvedInconsistencies,
    resolved
  ]
  for (const metric of single) add(metric, 0)
  // Not set to 0: the start has measured it before there was a server that exports it.
  for (const measured of [recovery, verifiedAt, inconsistent]) measured.modifyUnsafe(0, nowhere)
}

const startedAt = new Map<string, number>()
/** Payments under way whose start is remembered for the duration; older ones are not measured. */
const OPEN_MAX = 100_000

const ended = (payment: string, at: number) => {
  const began = startedAt.get(payment)
  if (began === undefined) return
  startedAt.delete(payment)
  duration.updateUnsafe((at - began) / 1000, nowhere)
}

/** Counters by event type; what an event's data decides is in `count`. */
const byType: ReadonlyMap<string, Metric.Metric<number, unknown> | undefined> = new Map([
  ["PaymentInitiated", payments.get("initiated")],
  ["PaymentCompleted", payments.get("completed")],
  ["PaymentFailed", payments.get("failed")],
  ["PaymentCancelled", payments.get("cancelled")],
  ["ConcurrentPaymentDetected", concurrent],
  ["GatewayTimeoutOccurred", timeouts],
  ["GatewayFallbackTriggered", fallbacks],
  ["LateSuccessReversed", reversals],
  ["RefundRequested", refunds.get("requested")],
  ["PaymentRefunded", refunds.get("succeeded")],
  ["RefundFailed", refunds.get("failed")],
  ["GatewayRefundReversed", refundReversals],
  ["GatewayRefundReviewRequired", refundReviews],
  ["CircuitBreakerOpened", opened],
  ["CompensationStarted", compensations],
  ["SagaStuck", stuck],
  ["SagaParked", parked],
  ["SagaRefundParked", parked],
  ["UserNotified", notified]
])

/** The attempt's end is known: what asked for it, if not its first charge, has resolved an unknown. */
const SETTLED: ReadonlySet<string> = new Set(["succeeded", "late_success", "declined", "rejected", "fenced"])

const count = (event: Message): void => {
  add(byType.get(event.type))
  const { type, data, time } = event as Message & (PaymentEvent | GatewayEvent | SagaEvent)
  switch (type) {
    case "PaymentInitiated":
      if (startedAt.size < OPEN_MAX) startedAt.set(data.payment_id, time)
      break
    case "PaymentFailed":
      if (data.error_code === "INSUFFICIENT_FUNDS_CONCURRENT") add(lostFunds)
      ended(data.payment_id, time)
      break
    case "PaymentCompleted":
    case "PaymentCancelled":
      ended(data.payment_id, time)
      break
    case "GatewayResponseReceived":
      add(outcomes.get(data.outcome))
      if (SETTLED.has(data.outcome) && (data.operation !== "charge" || data.try > 1)) add(resolved)
      break
    case "SagaParked":
      if (data.compensating === true) add(uncompensated)
      break
    case "SagaRecoveryAttempted":
      if (data.reason === "restart") add(recovered)
  }
}

export const metricsObserver: Observer = {
  committed: ({ service, messages: taken, events, durationMs }) => {
    add(messages.get(service), taken)
    commits.updateUnsafe(durationMs / 1000, nowhere)
    if (service === "wallet") contention.updateUnsafe(durationMs / 1000, nowhere)
    for (const event of events) count(event)
  },
  refused: (service) => add(refused.get(service)),
  buried: (service, _unit, errorClass) => add(dead.get(service)?.get(errorClass)),
  redriven: (service, _unit, { taken, letter }) => {
    add(redriven.get(service), taken)
    if (letter === "failed") add(redriveFailures.get(service))
    if (letter === "discarded") add(discarded.get(service))
  },
  stalled: (service) => add(stalls.get(service))
}

export const measureLag = (service: Service, records: number): void => add(lag.get(service), records)

/** A call-back was refused, kept before, or looked at. */
export const measureWebhook = (provider: string, result: string): void => add(webhooks.get(provider)?.get(result))

export const measureDeadLetters = (service: Service, open: number): void => add(letters.get(service), open)

/** What a start had to catch up with, once it has (seconds, records). */
export const measureRecovery = (tookSeconds: number, records: number): void => {
  add(recovery, tookSeconds)
  add(replayed, records)
}

/** Newly found ones; what is found again is the same one. */
export const inconsistenciesFound = (count: number): void => add(found, count)
export const inconsistenciesResolved = (count: number): void => add(resolvedInconsistencies, count)
/** Events folded in order to repair what was made of them. */
export const measureReplay = (events: number): void => add(replayed, events)
/** `at`: ms since the epoch. */
export const measureVerification = (at: number, inconsistencies: number): void => {
  add(verifiedAt, at / 1000)
  add(inconsistent, inconsistencies)
}
