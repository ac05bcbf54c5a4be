/** The platform's part of the environment. Each service decodes its own; a bad value stops the start with one line. */
import { Config, Option, Schema } from "effect"
import { defaultHoldSettings } from "../../services/wallet/holds.ts"
import { MAX_MINOR } from "../../shared/contract/money.ts"
import { defaultRedriveSettings } from "../../shared/runtime/deadletter-classes.ts"

/** A whole number of at least 1: milliseconds, counts, sizes. */
const Positive = Schema.NumberFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(1))
const positive = (name: string, fallback: number) => Config.schema(Positive, name).pipe(Config.withDefault(fallback))
/** As `positive`, and no more than that. */
const upTo = (name: string, fallback: number, maximum: number) =>
  Config.schema(Positive.check(Schema.isLessThanOrEqualTo(maximum)), name).pipe(Config.withDefault(fallback))
const TEN_YEARS_MS = 315_360_000_000
/** All of a wallet's holds may lapse in one decision: 1,000 take 26 ms, so many 170 (measured). */
const OPEN_HOLDS_LIMIT = 5_000
const Count = Schema.NumberFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(0))
/** 0 takes any free port, as it does for HTTP_PORT: the welcome says which. */
const PortOrAny = Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 65_535 }))
const AmountText = Schema.BigIntFromString.check(Schema.isBetweenBigInt({ minimum: 1n, maximum: MAX_MINOR }))

export const configuration = Config.all({
  dataDir: Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault("data")),
  databaseUrl: Config.option(Config.Redacted("DATABASE_URL")),
  databasePool: positive("DATABASE_POOL", 8),
  apiKey: Config.option(Config.NonEmptyString("API_KEY")),
  providers: Config.Literals(["simulator", "live"], "PROVIDERS").pipe(Config.withDefault("simulator" as const)),
  simulatorPort: Config.schema(PortOrAny, "SIMULATOR_PORT").pipe(Config.withDefault(8090)),
  /** Whether the simulator calls the platform back; off, outcomes are found by asking, as when call-backs are lost. */
  simulatorWebhooks: Config.Literals(["on", "off"], "SIMULATOR_WEBHOOKS").pipe(Config.withDefault("on" as const)),
  // The broker's bus comes with the scaled-out services; a process that was asked for it must not start without.
  bus: Config.Literals(["embedded"], "BUS").pipe(Config.withDefault("embedded" as const)),
  concurrentPaymentWindowMs: positive("CONCURRENT_PAYMENT_WINDOW_MS", 1_000),
  sagaTimeoutMs: positive("SAGA_TIMEOUT_MS", 300_000),
  stepTimeoutMs: positive("SAGA_STEP_TIMEOUT_MS", 60_000),
  /** Absent: SAGA_TIMEOUT_MS, because what is open beyond its own time is stuck. */
  stuckAfterMs: Config.option(Config.schema(Positive, "SAGA_STUCK_AFTER_MS")),
  recoveryIntervalMs: positive("RECOVERY_INTERVAL_MS", 60_000),
  snapshotEvery: positive("SNAPSHOT_EVERY", 100),
  maxPaymentAmount: Config.schema(AmountText, "MAX_PAYMENT_AMOUNT").pipe(Config.withDefault(MAX_MINOR as bigint)),
  holdExpiryMs: upTo("HOLD_EXPIRY_MS", defaultHoldSettings.expiryMs, TEN_YEARS_MS),
  holdExpiryMaxMs: upTo("HOLD_EXPIRY_MAX_MS", defaultHoldSettings.expiryMaxMs, TEN_YEARS_MS),
  maxOpenHoldsPerWallet: upTo("MAX_OPEN_HOLDS_PER_WALLET", defaultHoldSettings.openMax, OPEN_HOLDS_LIMIT),
  drainMs: positive("DRAIN_MS", 5_000),
  maxRefundsPerPayment: positive("MAX_REFUNDS_PER_PAYMENT", 100),
  batchMax: positive("BATCH_MAX", 128),
  /** How often a dead letter is tried again by itself, and before the first of these tries; 0 of them is none. */
  deadLetterRedrivesMax: Config.schema(Count, "DEAD_LETTER_REDRIVES_MAX").pipe(
    Config.withDefault(defaultRedriveSettings.redrivesMax)
  ),
  deadLetterBackoffMs: positive("DEAD_LETTER_BACKOFF_MS", defaultRedriveSettings.backoffMs),
  crashAt: Config.String("CRASH_AT").pipe(Config.withDefault("")),
  /** Without anywhere to send them, spans would only cost. */
  tracing: Config.option(Config.NonEmptyString("OTEL_EXPORTER_OTLP_ENDPOINT")).pipe(Config.map(Option.isSome)),
  logLevel: Config.LogLevel("LOG_LEVEL").pipe(Config.withDefault("Info" as const))
})
export type Configuration = Config.Success<typeof configuration>
