/**
 * `npm run rebuild [-- --check]`: with the platform stopped, makes read models and snapshots anew from the events, or
 * only says what differs. Ends with 1 where something is wrong that it cannot mend, or that it was not to mend.
 */
import { mkdirSync } from "node:fs"
import { resolve } from "node:path"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { gateway } from "../../services/gateway/index.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { Sql } from "../../shared/runtime/postgres.ts"
import { runCommand } from "../command.ts"
import { type Configuration, configuration } from "../embedded/configuration.ts"
import { decidersOf } from "../embedded/deciders.ts"
import { startPostgres } from "../embedded/postgres.ts"
import { prepareDatabase } from "../embedded/schema.ts"
import { deskOf } from "./desk.ts"
import { type Rebuilt, rebuild } from "./rebuild.ts"
import { consistencySettings } from "./service.ts"
import { journals } from "./store.ts"

const PROGRESS_EVERY_MS = 1_000
const DAMAGE_SHOWN_MAX = 20

const [unknown] = process.argv.slice(2).filter((argument) => argument !== "--check")
const check = process.argv.includes("--check")

/** Whoever runs the platform from this folder is refused by its owner's mark; on a database of its own, by its work. */
const databaseOf = ({ databaseUrl, dataDir }: Configuration) =>
  Option.match(databaseUrl, {
    onSome: (url) => Effect.succeed(Redacted.value(url)),
    onNone: () => {
      const folder = resolve(dataDir)
      mkdirSync(folder, { recursive: true })
      return Effect.map(
        Effect.acquireRelease(
          Effect.promise(() => startPostgres({ dataDir: folder })),
          ({ stop }) => Effect.promise(() => stop())
        ),
        ({ url }) => url
      )
    }
  })

const progress = () => {
  let last = performance.now()
  return (events: number, streams: number) => {
    if (performance.now() - last < PROGRESS_EVERY_MS) return
    last = performance.now()
    console.log(`${events} events of ${streams} streams`)
  }
}

const program = Effect.gen(function* () {
  if (unknown !== undefined) return yield* Effect.die(new Error(`${unknown}: the only argument there is is --check`))
  const settings = yield* configuration
  const { batch } = yield* consistencySettings
  const rules = yield* gateway.settings(settings.providers === "live" ? undefined : "http://127.0.0.1")
  const url = yield* databaseOf(settings)
  const sql = yield* Layer.build(Sql.layerFrom({ url, max: 2, applicationName: "rebuild" }))
  const context = Context.merge(sql, yield* Layer.build(Ids.layer))
  return yield* Effect.gen(function* () {
    const [running] = yield* journals
    if (running !== undefined)
      return yield* Effect.die(new Error("the platform is running on this database: stop it, then run this again"))
    yield* prepareDatabase
    const desk = deskOf(decidersOf(settings, rules), () => undefined)
    const { snapshotEvery } = settings
    return yield* rebuild(desk, { batch, snapshotEvery, check, progress: progress() })
  }).pipe(Effect.provide(context))
})

const say = ({ streams, events, durationMs, changed, damage, damaged }: Rebuilt): number => {
  const rate = Math.round(events / Math.max(0.001, durationMs / 1000))
  console.log(`${streams} streams, ${events} events in ${(durationMs / 1000).toFixed(1)} s, ${rate} events/s`)
  const verb = check ? "differ" : "made anew"
  for (const [table, rows] of changed) console.log(`  ${table}: ${rows} ${verb}`)
  if (changed.size === 0) console.log("  rows and snapshots are what the events say")
  for (const { kind, stream, version, detail } of damage.slice(0, DAMAGE_SHOWN_MAX))
    console.error(`  ${kind} ${stream}${version === null ? "" : ` version ${version}`}: ${detail}`)
  if (damaged > 0) console.error(`${damaged} things are wrong that no replay can mend`)
  return damaged > 0 || (check && changed.size > 0) ? 1 : 0
}

runCommand(Effect.map(program, say))
