/**
 * The whole platform in memory under a seeded scheduler and virtual time: the real deciders, journal, bus, processors,
 * timers and provider calls; only the store and the providers are the world's. A crash ends every fiber and forgets
 * every state; the store and the providers, being outside, remember.
 */
import { Context, Effect, Scheduler } from "effect"
import type { ProviderCall, RefundCall } from "../../services/gateway/calls.ts"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Topic, topicPartitions } from "../../shared/contract/topics.ts"
import type { CrashPoint } from "../../shared/runtime/crashpoint.ts"
import { Ids } from "../../shared/runtime/ids.ts"
import { Memory } from "../../shared/runtime/journal/memory.ts"
import type { StoreFailure, Write } from "../../shared/runtime/journal/store.ts"
import type { Notice } from "./adyen.ts"
import { Books } from "./books.ts"
import { ask, play } from "./clients.ts"
import type { Life } from "./life.ts"
import { CALM, type Faults, type Plan } from "./plan.ts"
import { type Composition, composition, type Platform, surroundings } from "./platform.ts"
import { Poison } from "./poison.ts"
import { Providers } from "./provider.ts"
import { HASH_BEGIN, hashOf, prng, type Random, SeededScheduler } from "./seeded.ts"
import { Tally } from "./tally.ts"
import { VirtualTime } from "./time.ts"

export type Invariant = `I${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12}`
export interface Violation {
  readonly invariant: Invariant
  readonly told: string
  readonly payment?: string | undefined
}

/** Operations between two places to yield, on average: enough to mix, not so much that nothing gets done. */
const YIELDS_APART = 60
const DEADLOCK = "nothing is left that could happen, and the world is not done"
const TICK_MS = 100
/** No world needs as many: a loop that never rests is a violation, not a hanging test. */
const STEPS_MAX = 150_000

export class World {
  readonly plan: Plan
  readonly random: Random
  readonly memory: Memory
  readonly time = new VirtualTime()
  readonly tally = new Tally()
  readonly reached = new Tally()
  readonly providers: Providers
  readonly composition: Composition
  readonly ids: Ids["Service"]
  readonly poison: Poison
  readonly violations: Array<Violation> = []
  readonly books: Books
  /** Everything that was written, in the order of its commits. */
  readonly history: Array<Message> = []
  /** Payments whose asker was told that they are accepted. */
  readonly acknowledged = new Set<string>()
  platforms: ReadonlyArray<Platform> = []
  /** The faults are over: from here on everything must finish. */
  quiet: boolean
  /** The first violation is enough. */
  private readonly impatient: boolean
  hash = HASH_BEGIN
  private readonly calm: Faults
  private readonly outage: Faults
  private ticked = -1

  constructor(plan: Plan, random: Random, change: Mutate) {
    this.plan = plan
    this.random = random
    this.memory = new Memory({ encoded: plan.encoded })
    this.providers = new Providers(this)
    this.ids = Ids.seededBy(random)
    this.books = new Books(this)
    this.quiet = plan.faults === CALM
    this.calm = { ...CALM, latencyMs: plan.faults.latencyMs }
    this.outage = { ...plan.faults, silence: 1 }
    this.poison = new Poison(plan.faults.poison, () => this.tally.add("poison"))
    this.impatient = change !== unchanged
    this.composition = change(this.poison.inAll(composition(plan.providers)), this)
  }

  faults(): Faults {
    if (this.quiet) return this.calm
    return this.time.now < this.plan.outageMs ? this.outage : this.plan.faults
  }

  violate(invariant: Invariant, told: string, payment?: string): void {
    if (this.violations.length < 20) this.violations.push({ invariant, told, payment })
  }

  /** A write was done: everything that can be checked at once is. */
  written(write: Write, life: Life): void {
    for (const { message } of write.events) this.note(message)
    for (const { message } of write.commands) this.note(message)
    this.books.check(write)
    for (const platform of this.platforms) if (platform.life !== life && platform.life.alive) this.relay(platform)
  }

  /** Another instance hears of it a little later. */
  private relay({ life, bus }: Platform): void {
    if (life.hears) return
    life.hears = true
    this.time.after(Math.floor(this.random() * TICK_MS), () => {
      life.hears = false
      if (life.alive) this.run(Effect.ignore(bus.refresh))
    })
  }

  private note(message: Message): void {
    this.history.push(message)
    this.hash = hashOf(message.id, hashOf(message.type, this.hash))
  }

  refused(failure: StoreFailure): void {
    this.reached.add(failure._tag === "Conflict" ? `conflict of ${failure.kind}` : `${failure._tag} refused`)
  }

  /** A labelled point: a life may end here, and hears of nothing after it. */
  reaches(life: Life, label: CrashPoint): Effect.Effect<void> {
    if (this.quiet) return Effect.void
    return Effect.suspend(() => {
      if (!life.alive) return Effect.never
      if (this.random() >= this.plan.faults.crash) return Effect.void
      this.tally.add(`crash at ${label}`)
      life.end(label)
      return Effect.never
    })
  }

  /** A provider tells by itself, some time later, to whoever is alive then; or again and again until it is heard. */
  notify({ payment_id, provider }: ProviderCall, { attempt, operation, answer }: Notice, insists = false): void {
    const data = { payment_id, provider, attempt, try: 0, operation, breaker_failures: 0, jitter: 0, ...answer }
    this.time.after(Math.floor(this.random() * 5_000), () => this.hear(payment_id, "RecordAnswer", data, insists))
  }

  /** A refund that was done is undone: the provider says so until it is heard. */
  takeBack({ payment_id, refund_id, provider }: RefundCall, reference: string): void {
    const data = { payment_id, refund_id, provider, try: 0, jitter: 0, outcome: "failed", reference, code: "undone" }
    this.hear(payment_id, "RecordRefundAnswer", data, true)
  }

  private hear(payment_id: string, type: string, data: object, insists: boolean): void {
    const platform = this.platforms[0]
    if (!this.quiet && platform !== undefined && this.random() < this.plan.faults.crash) {
      // It is in the store by then, and taken up again.
      this.tally.add("crash at webhooks.before-submit")
      platform.life.end("webhooks.before-submit")
    }
    const told = () =>
      ask(this, "gateway", this.local(`gateway-${payment_id}`, payment_id, type, data), insists ? 6 : 3)
    const again = Effect.suspend(told)
    const heard = insists ? Effect.repeat(again, { until: (answered) => answered }) : again
    this.run(heard)
  }

  local(subject: string, correlationid: string, type: string, data: object, partitionkey?: string): Message {
    const time = this.time.wall()
    const id = this.ids.next(time)
    const key = partitionkey ?? this.books.keyOf(correlationid)
    const about = { subject, correlationid, causationid: id, partitionkey: key, tenant: "acme", actor: "key:simulated" }
    return { id, type, time, schema: 1, ...about, data }
  }

  /** Goes on until `done`; virtual time moves only when nobody can go on. */
  until(done: () => boolean, scheduler: SeededScheduler): void {
    for (let step = 0; !done(); step++) {
      const rests = scheduler.drain()
      if (this.impatient && this.violations.length > 0) return
      if (done()) return
      if (rests && this.tick()) continue
      const stuck = !rests || step > STEPS_MAX ? `it never rests` : this.time.next() ? undefined : DEADLOCK
      if (stuck === undefined) continue
      this.violate(stuck === DEADLOCK ? "I5" : "I11", stuck)
      return
    }
  }

  /** Timers fire at full ticks after they are due, if nothing comes before; true: somebody was told. */
  private tick(): boolean {
    let due = Number.POSITIVE_INFINITY
    for (const { due_at } of this.memory.timers.values()) if (due_at < due) due = due_at
    if (due === Number.POSITIVE_INFINITY || !this.platforms.some(({ life }) => life.alive)) return false
    const at = Math.max(this.time.now, Math.ceil(this.time.whenWall(due) / TICK_MS) * TICK_MS)
    const soonest = this.time.soonest()
    if (this.ticked === at || (soonest !== undefined && soonest <= at)) return false
    this.ticked = at
    this.time.now = at
    for (const { life, tick } of this.platforms) if (life.alive) tick()
    return true
  }

  /** Partitions of a topic that anything was ever written to. */
  partitionsOf(topic: Topic): ReadonlyArray<number> {
    return topicPartitions(topic).filter((tp) => this.memory.log.has(tp))
  }

  run: (effect: Effect.Effect<unknown, never, Ids>) => void = () => undefined
}

export type Mutate = (parts: Composition, world: World) => Composition
const unchanged: Mutate = (parts) => parts

/** Plays one world to its end. Everything in it is decided by the seed; nothing in it waits. */
export const simulate = (seed: number, plan: Plan, mutate: Mutate = unchanged): World => {
  const world = new World(plan, prng(seed), mutate)
  const scheduler = new SeededScheduler(prng(seed ^ 0x9e3779b9), YIELDS_APART)
  const context = Context.add(Context.add(surroundings(world), Ids, world.ids), Scheduler.Scheduler, scheduler as never)
  world.run = (effect) => void Effect.runForkWith(context)(effect)
  let ended = false
  const main = Effect.runForkWith(context)(play(world))
  main.addObserver((exit) => {
    ended = true
    if (exit._tag === "Failure") world.violate("I5", `the world broke: ${String(exit.cause)}`)
  })
  world.until(() => ended, scheduler)
  return world
}
