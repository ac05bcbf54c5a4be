/** The trail as a running platform has it: recorded all the time, walked when somebody asks. */
import { Config, Deferred, Effect, Layer, Schema, Semaphore } from "effect"
import { type AuditReport, AuditTrail, NotWalked } from "../../../shared/runtime/audit.ts"
import { Sql } from "../../../shared/runtime/postgres.ts"
import { PLATFORM } from "./entry.ts"
import { verifyTrail } from "./verify.ts"
import { recording } from "./writer.ts"

const Whole = Schema.NumberFromString.check(Schema.isInt(), Schema.isGreaterThanOrEqualTo(1))

export const auditSettings = Config.all({
  /** Between two batches of the writer at least (ms). */
  intervalMs: Config.schema(Whole, "AUDIT_INTERVAL_MS").pipe(Config.withDefault(250)),
  /** Events of one batch of the writer at most. */
  batch: Config.schema(Whole, "AUDIT_BATCH").pipe(Config.withDefault(1_000))
})

/** Entries of one page of a walk. */
export const PAGE = 1_000
/** Payments go on while somebody walks. */
const PAUSE_SHARE = 1
/** One for the writer, one for the walks. */
const CONNECTIONS = 2
/** Walks that run or wait. */
const WALKS_MAX = 8
/** Tenants whose last report is remembered. */
const REPORTS_MAX = 1_000

type Walking = Deferred.Deferred<AuditReport, NotWalked>

const makeTrail = Effect.fnUntraced(function* (sql: Sql["Service"]) {
  const turn = yield* Semaphore.make(1)
  const reports = new Map<string, AuditReport>()
  const walking = new Map<string, Walking>()

  const remember = (tenant: string, report: AuditReport) => {
    if (reports.size >= REPORTS_MAX) reports.clear()
    reports.set(tenant, report)
  }
  const walk = (tenant: string) =>
    verifyTrail([tenant, PLATFORM], { page: PAGE, pauseShare: PAUSE_SHARE, progress: () => {} }).pipe(
      Effect.tap((report) =>
        report.valid ? Effect.void : Effect.logError(`the audit trail is not valid: ${said(report)}`)
      ),
      Effect.tap((report) => Effect.sync(() => remember(tenant, report))),
      Effect.mapError(({ message }) => new NotWalked({ detail: message })),
      Effect.provideService(Sql, sql),
      turn.withPermit
    )
  return AuditTrail.of({
    last: (tenant) => reports.get(tenant),
    verify: Effect.fnUntraced(function* (tenant) {
      const joined = walking.get(tenant)
      if (joined !== undefined) return yield* Deferred.await(joined)
      if (walking.size >= WALKS_MAX) return yield* new NotWalked({ detail: `${WALKS_MAX} walks are under way` })
      const answer: Walking = yield* Deferred.make<AuditReport, NotWalked>()
      walking.set(tenant, answer)
      return yield* Effect.onExit(walk(tenant), (exit) =>
        Effect.andThen(
          Effect.sync(() => walking.delete(tenant)),
          Deferred.done(answer, exit)
        )
      )
    })
  })
})

const said = ({ first_invalid }: AuditReport): string =>
  first_invalid === undefined ? "" : `${first_invalid.flaw}, ${first_invalid.tenant}: ${first_invalid.detail}`

export const auditTrailLayer = (databaseUrl: string) =>
  Layer.effect(
    AuditTrail,
    Effect.gen(function* () {
      const settings = yield* auditSettings
      const connections = yield* Layer.build(
        Sql.layerFrom({ url: databaseUrl, max: CONNECTIONS, applicationName: "audit" })
      )
      yield* Effect.forkScoped(Effect.provide(recording(settings), connections))
      return yield* Effect.flatMap(Effect.provide(Sql, connections), makeTrail)
    })
  )
