/**
 * `npm run audit -- verify [--anchors FILE]`: walks every chain of the audit trail and names the first invalid entry.
 * `npm run audit -- anchor`: prints where each chain ends, one JSON a line, to be kept where nobody of this machine can
 * write; `--anchors` is such a file. Ends with 1 where something is wrong. The platform may run or not.
 */
import { readFileSync } from "node:fs"
import { Effect, Schema } from "effect"
import { type Anchor, dayOf } from "../../services/audit/trail/entry.ts"
import { PAGE } from "../../services/audit/trail/service.ts"
import { CHAINS_MAX, endsOf } from "../../services/audit/trail/store.ts"
import { verifyTrail } from "../../services/audit/trail/verify.ts"
import type { AuditReport } from "../../shared/runtime/audit.ts"
import { runCommand } from "../command.ts"
import { configuration } from "../embedded/configuration.ts"
import { database } from "./database.ts"

const USAGE = "npm run audit -- verify [--anchors FILE], or npm run audit -- anchor"
const PROGRESS_EVERY_MS = 1_000

const Kept = Schema.Struct({
  tenant: Schema.String,
  day: Schema.String.check(Schema.isPattern(/^\d{4}-\d{2}-\d{2}$/u)),
  seq: Schema.Int.check(Schema.isGreaterThan(0)),
  hash: Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/u))
})

const keptIn = (file: string): ReadonlyArray<Anchor> =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => Schema.decodeUnknownSync(Kept)(JSON.parse(line)))

const rateOf = (entries: number, ms: number) => Math.round(entries / Math.max(0.001, ms / 1000))

const progress = () => {
  const began = performance.now()
  let last = began
  return (entries: number, all: number) => {
    const now = performance.now()
    if (now - last < PROGRESS_EVERY_MS) return
    last = now
    console.log(`${entries} of ${all} entries, ${rateOf(entries, now - began)}/s`)
  }
}

const verify = (kept: ReadonlyArray<Anchor>) =>
  Effect.map(verifyTrail(undefined, { page: PAGE, pauseShare: 0, progress: progress(), kept }), say)

const say = (report: AuditReport): number => {
  const { entries, chains, duration_ms, waiting, first_invalid } = report
  const rate = rateOf(entries, duration_ms)
  console.log(`${entries} entries of ${chains.length} chains in ${(duration_ms / 1000).toFixed(1)} s, ${rate}/s`)
  for (const { tenant, first, last, hash } of chains) console.log(`  ${tenant}: ${first} to ${last}, ${hash}`)
  if (waiting > 0) console.log(`${waiting} events are not recorded yet: the platform records them once it runs`)
  if (first_invalid === undefined) {
    console.log("valid")
    return 0
  }
  const { tenant, seq, flaw, detail } = first_invalid
  console.error(`not valid: ${flaw}, ${tenant}${seq === null ? "" : ` entry ${seq}`}: ${detail}`)
  return 1
}

const anchor = Effect.map(endsOf(undefined, CHAINS_MAX), (ends) => {
  for (const { tenant, seq, hash, at } of ends) console.log(JSON.stringify({ tenant, day: dayOf(at), seq, hash }))
  return 0
})

const program = Effect.gen(function* () {
  const [command, flag, file, ...more] = process.argv.slice(2)
  const known = more.length === 0 && (flag === undefined || (flag === "--anchors" && file !== undefined))
  if (!known || (command !== "verify" && (command !== "anchor" || flag !== undefined)))
    return yield* Effect.die(new Error(USAGE))
  const kept = file === undefined ? [] : keptIn(file)
  const sql = yield* database(yield* configuration)
  return yield* Effect.provide(command === "verify" ? verify(kept) : anchor, sql)
})

runCommand(program)
