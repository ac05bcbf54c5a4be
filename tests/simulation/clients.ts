/** Who acts in a world: clients, operators, the power that fails, and at last somebody who waits for the end. */
import { Effect, Fiber } from "effect"
import type { Message } from "../../shared/contract/envelope.ts"
import { type Currency, minor } from "../../shared/contract/money.ts"
import type { Ids } from "../../shared/runtime/ids.ts"
import { Life } from "./life.ts"
import { operate } from "./operators.ts"
import { live, type Platform } from "./platform.ts"
import { settle } from "./rest.ts"
import type { World } from "./world.ts"

export const USD = "USD" as Currency
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const RESTART_MS = 3_000
const TRIES = 6
const RETRY_MS = 700
const TWIN_MS = 20_000
/** Of the time of a second instance, how long the first one stands still at most. */
const STILL_MS = 10_000

/** A process begins, and another one takes its place when it ends. */
const begin = (world: World, first: boolean): Effect.Effect<Life, never, Ids> =>
  Effect.gen(function* () {
    const life = new Life()
    life.onEnd = () => world.run(replace(world, life))
    const beginning = yield* Effect.forkIn(Effect.orDie(live(world, life, first)), life.scope)
    const exit = yield* Fiber.await(beginning)
    if (exit._tag === "Failure" || !life.alive) return life
    world.platforms = [...world.platforms, exit.value]
    // What others wrote while it began.
    yield* Effect.ignore(exit.value.bus.refresh)
    return life
  })

const leave = (world: World, life: Life): Effect.Effect<void> => {
  world.platforms = world.platforms.filter((platform) => platform.life !== life)
  return Effect.asVoid(Effect.forkDetach(life.bury))
}

const replace = (world: World, life: Life): Effect.Effect<void, never, Ids> =>
  Effect.gen(function* () {
    yield* leave(world, life)
    yield* world.time.sleep(Math.floor(world.random() * RESTART_MS))
    yield* begin(world, false)
  })

/** Somebody pulls the plug of everything. */
const crash = (world: World): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const { life } of world.platforms) {
      if (!life.alive) continue
      world.tally.add("crash at any moment")
      life.end()
    }
  })

/** A second instance works on the same store for a while; the first may stand still meanwhile, and wake as a zombie. */
const twin = (world: World): Effect.Effect<void, never, Ids> =>
  Effect.gen(function* () {
    world.tally.add("second instance")
    const [other] = world.platforms
    if (other !== undefined && world.random() < 0.6) {
      world.tally.add("process stands still")
      other.life.stillUntil = world.time.now + Math.floor(world.random() * STILL_MS)
    }
    const life = yield* begin(world, false)
    yield* world.time.sleep(1 + Math.floor(world.random() * TWIN_MS))
    if (!life.alive) return
    life.onEnd = undefined
    life.end()
    yield* leave(world, life)
  })

type Owner = "wallet" | "payment" | "saga" | "gateway"

/**
 * Whoever asks asks again under the same id until he has an answer. False: nobody ever answered, and what became of it
 * is not known to the asker.
 */
export const ask = (world: World, owner: Owner, message: Message, tries = TRIES): Effect.Effect<boolean> =>
  Effect.gen(function* () {
    for (let n = 0; n < tries; n++) {
      const platform = pick(world)
      if (platform !== undefined) {
        const fiber = yield* Effect.forkIn(platform[owner].submit({ message }), platform.life.scope)
        const exit = yield* Fiber.await(fiber)
        const heard = exit._tag === "Success" && platform.life.alive
        if (heard && !lost(world, platform)) return exit.value._tag !== "Refused"
        if (n > 0 || heard) world.reached.add("same request again")
      }
      yield* world.time.sleep(Math.floor(world.random() * RETRY_MS * (n + 1)))
    }
    return false
  })

const pick = ({ platforms, random }: World): Platform | undefined => {
  const alive = platforms.filter(({ life }) => life.alive)
  return alive[Math.floor(random() * alive.length)]
}

/** The process dies with the answer on its lips. */
const lost = (world: World, { life }: Platform): boolean => {
  if (world.quiet || world.random() >= world.plan.faults.crash) return false
  world.tally.add("crash at api.before-answer")
  life.end("api.before-answer")
  return true
}

export interface Customer {
  readonly wallet: string
  readonly user: string
  readonly key: string
}

const open = (world: World, n: number) =>
  Effect.gen(function* () {
    const wallet_id = world.ids.next(world.time.wall())
    const user = `user-${n}`
    const key = `acme/${user}`
    world.books.belongs(wallet_id, key)
    const to = (type: string, data: object) => world.local(`wallet-${wallet_id}`, wallet_id, type, data, key)
    yield* ask(world, "wallet", to("CreateWallet", { wallet_id, user_id: user, currency: USD }))
    const credit = {
      wallet_id,
      credit_id: `top-up of ${wallet_id}`,
      amount: minor(world.plan.funds),
      currency: USD,
      reference: "r"
    }
    yield* ask(world, "wallet", to("CreditWallet", credit))
    return { wallet: wallet_id, user, key } satisfies Customer
  })

const amountOf = ({ random, plan }: World): bigint => 1n + BigInt(Math.floor(random() * Number(plan.amountMax)))

const pay = (world: World, { wallet, user, key }: Customer) =>
  Effect.gen(function* () {
    const { plan, random, time } = world
    yield* time.sleep(Math.floor(random() * plan.overMs))
    const payment_id = world.ids.next(time.wall())
    world.books.belongs(payment_id, key)
    const order = { payment_id, wallet_id: wallet, user_id: user, merchant_id: "m", amount: minor(amountOf(world)) }
    const data = { ...order, currency: USD, initiated_at: time.wall() }
    const asked = world.local(`payment-${payment_id}`, payment_id, "InitiatePayment", data)
    world.poison.litter(world, asked)
    if (random() < plan.cancels) world.run(cancel(world, payment_id))
    if (yield* ask(world, "payment", asked)) world.acknowledged.add(payment_id)
    if (random() < plan.operators) yield* operate(world, payment_id)
    if (random() < plan.refunds) yield* refund(world, payment_id)
  })

const cancel = (world: World, payment_id: string) =>
  Effect.gen(function* () {
    yield* world.time.sleep(world.random() < 0.5 ? 0 : Math.floor(world.random() ** 2 * 3_000))
    const data = { payment_id, reason: "simulated" }
    yield* ask(world, "payment", world.local(`payment-${payment_id}`, payment_id, "RequestPaymentCancel", data))
  })

/** Soon or days later; one or two at once, which together may be too much. */
const refund = (world: World, payment_id: string) =>
  Effect.gen(function* () {
    const { random, plan, time } = world
    const most = Math.max(10 * MINUTE_MS, plan.days * DAY_MS)
    yield* time.sleep(Math.floor(MINUTE_MS * (most / MINUTE_MS) ** random()))
    const twice = random() < 0.4
    for (let n = 0; n < (twice ? 2 : 1); n++) {
      const amount = random() < 0.4 ? {} : { amount: minor(amountOf(world)) }
      const data = { payment_id, refund_id: world.ids.next(time.wall()), ...amount }
      const asked = world.local(`payment-${payment_id}`, payment_id, "RequestRefund", data)
      yield* ask(world, "payment", asked)
    }
  })

const hold = (world: World, { wallet, key }: Customer) =>
  Effect.gen(function* () {
    const { random, plan, time } = world
    yield* time.sleep(Math.floor(random() * plan.overMs))
    const hold_id = world.ids.next(time.wall())
    const to = (type: string, data: object) =>
      ask(world, "wallet", world.local(`wallet-${wallet}`, wallet, type, { wallet_id: wallet, hold_id, ...data }, key))
    const longMs = Math.max(10 * MINUTE_MS, plan.days * DAY_MS * 0.9)
    const expires_at = time.wall() + 2 * MINUTE_MS + Math.floor(random() * longMs)
    const large = random() < 0.2
    const amount = minor(large ? 1n + BigInt(Math.floor(random() * Number(plan.funds))) : amountOf(world))
    if (!(yield* to("HoldFunds", { merchant_id: "m", amount, currency: USD, expires_at }))) return
    yield* time.sleep(Math.floor(random() * longMs * 1.2))
    const part = random() < 0.5 ? {} : { amount: minor(1n + BigInt(Math.floor(random() * Number(amount)))) }
    const end = random()
    const final = random() < 0.6
    const closes = end < 0.4 ? final : end < 0.7
    const capture = { capture_id: world.ids.next(time.wall()), final, ...part }
    if (end >= 0.7) return
    const accepted = yield* end < 0.4 ? to("CaptureHold", capture) : to("VoidHold", {})
    const left = world.memory.rows("wallet.holds").find(({ id }) => id === hold_id)?.["remaining_amount"]
    if (accepted && closes && left !== 0n) world.violate("I4", `hold ${hold_id} was to be closed, and ${left} is held`)
  })

const sometime = (world: World, what: (world: World) => Effect.Effect<unknown, never, Ids>) =>
  Effect.andThen(world.time.sleep(Math.floor(world.random() * (world.plan.overMs + 30_000))), what(world))

const repeat = <A>(times: number, what: (n: number) => A): ReadonlyArray<A> =>
  Array.from({ length: times }, (_, n) => what(n))

export const play = (world: World): Effect.Effect<void, never, Ids> =>
  Effect.gen(function* () {
    const { plan, random, time } = world
    const quiet = world.quiet
    world.quiet = true
    yield* begin(world, true)
    const customers: Array<Customer> = []
    for (let n = 0; n < plan.users; n++) customers.push(yield* open(world, n))
    world.quiet = quiet
    const anyone = () => customers[Math.floor(random() * customers.length)] as Customer
    const acts = [
      ...repeat(plan.payments, () => pay(world, anyone())),
      ...repeat(Math.round(plan.payments * plan.holds), () => hold(world, anyone())),
      ...repeat(plan.crashes, () => sometime(world, crash)),
      ...repeat(plan.twins, () => sometime(world, twin)),
      ...plan.jumps.map((ms) =>
        sometime(world, () =>
          Effect.sync(() => {
            world.tally.add("clock set")
            time.jump(ms)
          })
        )
      )
    ]
    const fibers: Array<Fiber.Fiber<unknown>> = []
    for (const act of acts) fibers.push(yield* Effect.forkChild(act))
    for (const fiber of fibers) yield* Fiber.join(fiber)
    yield* time.sleep(Math.max(plan.outageMs, Math.floor(random() * 5 * MINUTE_MS)))
    world.quiet = true
    world.poison.mend()
    yield* settle(world)
  })
