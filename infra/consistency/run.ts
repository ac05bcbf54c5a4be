/** What one verification gathers, and the moment of the database in which it looks. */
import type { Effect } from "effect"
import { type Sql, transaction } from "../../shared/runtime/postgres.ts"
import { type Found, identityOf } from "./finding.ts"
import { type Counts, noCounts } from "./inspection.ts"
import type { provider } from "./provider.ts"
import type { Page } from "./tour.ts"

/** Findings one run remembers; what is beyond that is only counted. */
const FOUND_MAX = 10_000

/** One moment of the database: a live system gives no false alarm, and no snapshot is held for longer than a batch. */
export const atOneMoment = <A, E, R>(look: Effect.Effect<A, E, R>) =>
  transaction(look, "isolation level repeatable read read only")

export class Verification {
  readonly findings = new Map<string, Found>()
  readonly unsettled = new Set<string>()
  readonly counts = noCounts()
  beyond = 0

  add({ findings, counts, unsettled }: Pick<Page, "findings" | "counts" | "unsettled">): void {
    for (const found of findings) this.note(found)
    for (const { stream } of unsettled) this.unsettled.add(stream)
    for (const name of Object.keys(counts) as Array<keyof Counts>) this.counts[name] += counts[name]
  }

  note(found: Found): void {
    if (this.findings.size < FOUND_MAX) this.findings.set(identityOf(found), found)
    else this.beyond++
  }
}

export type Looked = Effect.Effect<void, Effect.Error<typeof provider>, Sql>
