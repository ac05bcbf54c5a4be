/** What the routes work with; made once, when the app is. */
import type { AuditTrail } from "../../../shared/runtime/audit.ts"
import type { Commands } from "../../../shared/runtime/commands.ts"
import type { Consistency } from "../../../shared/runtime/consistency.ts"
import type { Ids } from "../../../shared/runtime/ids.ts"
import type { Webhooks } from "../../../shared/runtime/webhooks.ts"
import type { Idempotency } from "../idempotency.ts"
import type { Letters } from "../letters/records.ts"
import type { OpsStore } from "../ops/records.ts"
import type { Owners } from "../owners.ts"
import type { Readiness } from "../readiness.ts"
import type { RefundRecord, Store } from "../records.ts"
import type { Streams } from "../streams.ts"
import type { Turns } from "../turns.ts"
import type { Wait, Waits } from "../wait.ts"

export interface Parts {
  readonly commands: Commands["Service"]
  readonly store: Store["Service"]
  readonly ops: OpsStore["Service"]
  readonly letters: Letters["Service"]
  readonly consistency: Consistency["Service"]
  readonly trail: AuditTrail["Service"]
  readonly ids: Ids["Service"]
  readonly readiness: Readiness["Service"]
  readonly idempotency: Idempotency
  /** ms; no other process has served this store since then. 0: others may. */
  readonly aloneSince: number
  readonly owners: Owners
  readonly turns: Turns
  readonly wait: Wait
  readonly waitForRefund: Waits<RefundRecord>
  readonly streams: Streams
  readonly webhooks: Webhooks["Service"]
}
