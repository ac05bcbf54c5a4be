/** What operators see of a walk along the audit trail; the schema documents it, tests hold the answers against it. */
import { Schema } from "effect"
import { EXAMPLE } from "../../../shared/contract/catalogue.ts"
import { type AuditReport, FLAWS } from "../../../shared/runtime/audit.ts"
import { iso } from "../resources.ts"
import { Time } from "./resources.ts"

const Hash = Schema.String.annotate({ description: "SHA-256, hex" })

const Invalid = Schema.Struct({
  tenant: Schema.String,
  seq: Schema.NullOr(Schema.Int).annotate({ description: "of the entry in its chain" }),
  flaw: Schema.Literals(FLAWS),
  stream: Schema.NullOr(Schema.String).annotate({ description: "of the event it is about" }),
  version: Schema.NullOr(Schema.Int),
  type: Schema.NullOr(Schema.String),
  detail: Schema.String
}).annotate({ identifier: "InvalidAuditEntry" })

export const TrailReport = Schema.Struct({
  status: Schema.Literals(["valid", "invalid", "unverified", "running"]),
  valid: Schema.NullOr(Schema.Boolean).annotate({ description: "null: not known yet" }),
  entries: Schema.Int.annotate({ description: "looked at; up to the first invalid one" }),
  first_invalid: Schema.optionalKey(Invalid),
  chains: Schema.Array(
    Schema.Struct({
      tenant: Schema.String,
      first: Schema.Int.annotate({ description: "the first entry that is kept" }),
      last: Schema.Int,
      hash: Hash
    })
  ).annotate({ description: "the tenant's own, and the platform's" }),
  waiting: Schema.Int.annotate({ description: "events that are committed and not recorded yet" }),
  started_at: Schema.NullOr(Time),
  duration_ms: Schema.NullOr(Schema.Int)
}).annotate({ identifier: "AuditReport" })

/** Before there is any report. */
export const withoutReport = (status: "unverified" | "running"): typeof TrailReport.Type => ({
  status,
  valid: null,
  entries: 0,
  chains: [],
  waiting: 0,
  started_at: null,
  duration_ms: null
})

export const trailView = ({ valid, started_at, duration_ms, ...report }: AuditReport): typeof TrailReport.Type => ({
  status: valid ? "valid" : "invalid",
  valid,
  ...report,
  started_at: iso(started_at),
  duration_ms: Math.round(duration_ms)
})

const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
export const example: typeof TrailReport.Type = {
  status: "invalid",
  valid: false,
  entries: 41,
  first_invalid: {
    tenant: "default",
    seq: 42,
    flaw: "event_changed",
    stream: `wallet-${EXAMPLE.wallet}`,
    version: 7,
    type: "WalletCredited",
    detail: `event ${EXAMPLE.other} (version 7 of wallet-${EXAMPLE.wallet}) is not what was recorded`
  },
  chains: [{ tenant: "default", first: 1, last: 41, hash: HASH }],
  waiting: 0,
  started_at: EXAMPLE.time,
  duration_ms: 12
}
