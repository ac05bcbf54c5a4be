/** What operators see of a verification and a repair; the schemas document it, tests hold the answers against them. */
import { Schema } from "effect"
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import {
  type Inconsistency,
  KINDS,
  type Repaired,
  type Report,
  STREAMS_MAX
} from "../../../shared/runtime/consistency.ts"
import { Reason } from "../requests.ts"
import { iso } from "../resources.ts"
import { Time } from "./resources.ts"

const Finding = Schema.Struct({
  kind: Schema.Literals(KINDS),
  stream: Schema.String.annotate({ description: "the stream it is about; an account where there is none" }),
  version: Schema.NullOr(Schema.Int).annotate({ description: "the first wrong version of the stream" }),
  table: Schema.NullOr(Schema.String),
  key: Schema.NullOr(Schema.String),
  expected: Schema.NullOr(Schema.String).annotate({ description: "by the events; JSON of what differs" }),
  found: Schema.NullOr(Schema.String),
  repairable: Schema.Boolean.annotate({ description: "false: a person has to look, no replay can mend it" }),
  detail: Schema.String
}).annotate({ identifier: "Inconsistency" })

const Count = Schema.Int
export const ConsistencyReport = Schema.Struct({
  status: Schema.Literals(["ok", "inconsistent", "unverified", "running"]),
  scope: Schema.NullOr(Schema.Literals(["full", "recent", "streams"])),
  started_at: Schema.NullOr(Time),
  duration_ms: Schema.NullOr(Schema.Int),
  checked: Schema.Struct({
    wallets: Count,
    payments: Count,
    sagas: Count,
    postings: Count,
    streams: Count,
    events: Count,
    rows: Count
  }),
  inconsistencies: Schema.Array(Finding),
  not_listed: Schema.Int.annotate({ description: "further inconsistencies" })
}).annotate({ identifier: "ConsistencyReport" })

const Corrected = Schema.Struct({
  stream: Schema.String,
  table: Schema.String,
  key: Schema.String,
  before: Schema.NullOr(Schema.String),
  after: Schema.NullOr(Schema.String)
})

export const ConsistencyRepair = Schema.Struct({
  corrected: Schema.Array(Corrected),
  corrected_total: Schema.Int,
  refused: Schema.Array(Finding),
  report: ConsistencyReport,
  action_id: Schema.String
}).annotate({ identifier: "ConsistencyRepair" })

const Streams = Schema.Array(
  Schema.String.check(
    Schema.isPattern(/^[a-z_]{1,20}-[A-Za-z0-9_.-]{1,64}$/u, { message: "must be a stream such as wallet-{id}" })
  )
).check(Schema.isMaxLength(STREAMS_MAX, { message: `must name at most ${STREAMS_MAX} streams` }))

export const VerifyRequest = Schema.Struct({
  scope: Schema.optionalKey(
    Schema.Literals(["full", "recent"]).annotate({
      description: "full (default): everything; recent: what was touched lately, and a slice of the rest"
    })
  ),
  streams: Schema.optionalKey(Streams.annotate({ description: "only these, and what belongs to the same payments" }))
}).annotate({ identifier: "VerifyRequest" })

export const RepairRequest = Schema.Struct({
  reason: Reason,
  streams: Schema.optionalKey(Streams.annotate({ description: "default: wherever something is known to be wrong" }))
}).annotate({ identifier: "RepairRequest" })

const NOTHING_CHECKED = { wallets: 0, payments: 0, sagas: 0, postings: 0, streams: 0, events: 0, rows: 0 }

/** Before there is any report. */
export const withoutReport = (status: "unverified" | "running"): typeof ConsistencyReport.Type => ({
  status,
  scope: null,
  started_at: null,
  duration_ms: null,
  checked: NOTHING_CHECKED,
  inconsistencies: [],
  not_listed: 0
})

export const reportView = (report: Report): typeof ConsistencyReport.Type => ({
  status: report.total === 0 ? "ok" : "inconsistent",
  scope: report.scope,
  started_at: iso(report.started_at),
  duration_ms: Math.round(report.duration_ms),
  checked: report.checked,
  inconsistencies: report.inconsistencies,
  not_listed: report.total - report.inconsistencies.length
})

const LISTED_MAX = 100
export const repairView = ({
  corrected,
  refused,
  report
}: Repaired): Omit<typeof ConsistencyRepair.Type, "action_id"> => ({
  corrected: corrected.slice(0, LISTED_MAX),
  corrected_total: corrected.length,
  refused,
  report: reportView(report)
})

const finding: Inconsistency = {
  kind: "row_differs",
  stream: `wallet-${EXAMPLE.wallet}`,
  version: 7,
  table: "wallet.wallets",
  key: EXAMPLE.wallet,
  expected: '{"balance":"100000","available":"100000"}',
  found: '{"balance":"100001","available":"100001"}',
  repairable: true,
  detail: "wallet.wallets does not show what the events say"
}
const checked = { wallets: 12, payments: 340, sagas: 340, postings: 1_376, streams: 1_372, events: 6_480, rows: 1_704 }
const { kind: _, version: __, expected: after, found: before, repairable: ___, detail: ____, ...place } = finding

export const examples = {
  verify: { scope: "full" },
  repair: { reason: "found by the nightly verification", streams: [finding.stream] },
  report: {
    status: "inconsistent",
    scope: "full",
    started_at: EXAMPLE.time,
    duration_ms: 212,
    checked,
    inconsistencies: [finding],
    not_listed: 0
  },
  repaired: {
    corrected: [{ ...place, before, after }],
    corrected_total: 1,
    refused: [],
    report: {
      status: "ok",
      scope: "streams",
      started_at: EXAMPLE.time,
      duration_ms: 4,
      checked: { wallets: 1, payments: 0, sagas: 0, postings: 3, streams: 1, events: 7, rows: 2 },
      inconsistencies: [],
      not_listed: 0
    },
    action_id: EXAMPLE.other
  }
} as const
