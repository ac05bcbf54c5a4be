/** Operators at work in between: they resume, compensate, resolve what they have looked up, and force breakers. */
import { Effect } from "effect"
import type { Provider } from "../../shared/contract/gateway.ts"
import { ask } from "./clients.ts"
import type { World } from "./world.ts"

const LATER_MS = 10 * 60_000
const reason = "simulated"

/** Dies before or after the operator's word takes effect. */
const dies = (world: World, label: "operate.before-effect" | "operate.after-effect"): boolean => {
  const [platform] = world.platforms
  if (world.quiet || platform === undefined || world.random() >= world.plan.faults.crash * 4) return false
  world.tally.add(`crash at ${label}`)
  platform.life.end(label)
  return true
}

const say = (world: World, owner: "saga" | "gateway", subject: string, payment: string, type: string, data: object) =>
  Effect.suspend(() => {
    if (dies(world, "operate.before-effect")) return Effect.succeed(false)
    const said = ask(world, owner, world.local(subject, payment, type, data))
    return Effect.tap(said, () => Effect.sync(() => dies(world, "operate.after-effect")))
  })

/** An operator says what he has seen at the provider, which may be overtaken the next moment. */
const resolve = (world: World, payment_id: string) =>
  Effect.suspend(() => {
    const row = world.memory
      .rows("gateway.attempts")
      .find(({ payment_id: of, status }) => of === payment_id && (status === "UNKNOWN" || status === "REVIEW"))
    if (row === undefined) return Effect.void
    const name = `${payment_id}:${row["provider"]}:${row["attempt"]}`
    const charged = world.providers.charges.get(name)?.status === "charged"
    const evidence = charged ? world.providers.referenceOf(name, row["provider"] as Provider) : "not in the dashboard"
    const data = { payment_id, outcome: charged ? "charged" : "not_charged", evidence, reason }
    const resolved = say(world, "gateway", `gateway-${payment_id}`, payment_id, "ResolveAttempt", data)
    return Effect.map(resolved, (done) => {
      if (done) world.reached.add(`operator resolved as ${data.outcome}`)
    })
  })

const force = (world: World, payment_id: string) =>
  Effect.gen(function* () {
    const provider = world.plan.providers[Math.floor(world.random() * world.plan.providers.length)] as Provider
    const to = (what: "open" | "closed") => {
      const told = world.local(
        `breaker-${provider}`,
        payment_id,
        "ForceBreaker",
        { provider, to: what, reason },
        provider
      )
      return ask(world, "gateway", told)
    }
    yield* to("open")
    yield* world.time.sleep(Math.floor(world.random() * LATER_MS))
    yield* to("closed")
  })

export const operate = (world: World, payment_id: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* world.time.sleep(Math.floor(world.random() ** 3 * LATER_MS))
    const saga = (type: string) => say(world, "saga", `saga-${payment_id}`, payment_id, type, { payment_id, reason })
    const drawn = world.random()
    world.tally.add("operator")
    if (drawn < 0.3) yield* saga("ResumeSaga")
    else if (drawn < 0.55) yield* saga("CompensateSaga")
    else if (drawn < 0.85) yield* resolve(world, payment_id)
    else yield* force(world, payment_id)
  })

/** At the end an operator resumes what gave up while nothing worked. */
export const resumeAll = (world: World): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const table of ["saga.sagas", "saga.refunds"]) {
      for (const row of world.memory.rows(table)) {
        if (row["parked"] !== true) continue
        const payment_id = String(row["payment_id"])
        world.reached.add("saga resumed by an operator")
        const data = { payment_id, reason }
        yield* ask(world, "saga", world.local(`saga-${payment_id}`, payment_id, "ResumeSaga", data))
      }
    }
  })
