/**
 * What a world is like. Each seed draws its own: which kinds of trouble there are and how much of each (a world with
 * everything at once hides what needs quiet), how many payments, over how long.
 */
import type { Provider } from "../../shared/contract/gateway.ts"
import { prng, type Random } from "./seeded.ts"

/** Chances per call, write or notice, unless it says otherwise. */
export interface Faults {
  /** A call gets no usable answer. */
  readonly silence: number
  /** A silent charge is executed all the same: at once … */
  readonly executed: number
  /** … or after its caller has given up. */
  readonly late: number
  /** A call is refused before it leaves, or turned away unexecuted. */
  readonly refused: number
  readonly decline: number
  /** Takes longer than its caller waits. */
  readonly hang: number
  /** A provider that fenced an attempt charges it all the same, and tells so later. */
  readonly broken: number
  /** A refund that was done fails days later. */
  readonly undone: number
  /** A notice of a provider does not come, or comes twice. */
  readonly lost: number
  readonly repeated: number
  /** Longest usual time of a call (ms). */
  readonly latencyMs: number
  /** A write is refused by a store that cannot work. */
  readonly unavailable: number
  /** A write's answer is lost, before or after it was done. */
  readonly unanswered: number
  /** A write takes this long at most (ms). */
  readonly writeMs: number
  /** The process dies at a labelled point. */
  readonly crash: number
  /** A message breaks its decider, or a record cannot be read, until it is mended at the end. */
  readonly poison: number
}

export const CALM: Faults = {
  silence: 0,
  executed: 0,
  late: 0,
  refused: 0,
  decline: 0,
  hang: 0,
  broken: 0,
  undone: 0,
  lost: 0,
  repeated: 0,
  latencyMs: 50,
  unavailable: 0,
  unanswered: 0,
  writeMs: 0,
  crash: 0,
  poison: 0
}

export interface Plan {
  readonly payments: number
  readonly users: number
  /** Each user's, in minor units. */
  readonly funds: bigint
  readonly amountMax: bigint
  /** Payments are asked for within this time (ms). */
  readonly overMs: number
  /** Refunds, captures and what providers take back come within this many days. */
  readonly days: number
  /** In the order in which they are asked. */
  readonly providers: ReadonlyArray<Provider>
  readonly faults: Faults
  /** Ends of the whole platform at moments of nobody's choice. */
  readonly crashes: number
  /** For so long (ms) no provider answers anything that is asked; 0: there is always one that may. */
  readonly outageMs: number
  /** Times at which a second instance works on the same store for a while. */
  readonly twins: number
  /** Settings of the wall clock back or forth (ms). */
  readonly jumps: ReadonlyArray<number>
  /** Chance per payment of each: a cancel, a refund, an operator's hand; holds per payment. */
  readonly cancels: number
  readonly refunds: number
  readonly operators: number
  readonly holds: number
  /** Everything written is encoded and read back as from the database: slow, so only some worlds do. */
  readonly encoded: boolean
}

/** Most worlds are small, for many small worlds differ more than a few large ones. */
const PAYMENTS_MAX = 20
const ORDER: ReadonlyArray<Provider> = ["stripe", "paypal", "adyen"]
const HOUR_MS = 3_600_000
/** Share of worlds whose providers are silent for more than a day: long, for everything asks every minute. */
const OUTAGE = 0.003
/** One world in so many encodes what it writes. */
const ENCODED_EVERY = 16

const calm: Plan = {
  payments: 5,
  users: 1,
  funds: 1_000n,
  amountMax: 100n,
  overMs: 2_000,
  days: 0,
  providers: ORDER,
  faults: CALM,
  crashes: 0,
  outageMs: 0,
  twins: 0,
  jumps: [],
  cancels: 0,
  refunds: 0,
  operators: 0,
  holds: 0,
  encoded: true
}
export const calmPlan = (of: Partial<Plan> = {}): Plan => ({ ...calm, ...of })

const drawFaults = (some: (chance: number, least: number, most: number) => number): Faults => ({
  silence: some(0.8, 0.05, 0.5),
  executed: some(0.9, 0.2, 0.9),
  late: some(0.5, 0.1, 0.5),
  refused: some(0.4, 0.02, 0.3),
  decline: some(0.6, 0.02, 0.3),
  hang: some(0.3, 0.01, 0.1),
  broken: some(0.3, 0.3, 1),
  undone: some(0.4, 0.1, 0.5),
  lost: some(0.5, 0.1, 0.6),
  repeated: some(0.5, 0.1, 0.6),
  latencyMs: some(1, 50, 4_000),
  unavailable: some(0.3, 0.005, 0.05),
  unanswered: some(0.4, 0.005, 0.05),
  writeMs: some(0.4, 1, 300),
  crash: some(0.5, 0.0005, 0.006),
  poison: some(0.15, 0.001, 0.006)
})

const rotated = (random: Random): ReadonlyArray<Provider> => {
  const first = random() < 0.5 ? 0 : Math.floor(random() * ORDER.length)
  return [...ORDER.slice(first), ...ORDER.slice(0, first)]
}

/** The world of a seed. `days`: the longest that any world goes on. */
export const planOf = (seed: number, days: number): Plan => {
  const random = prng(seed ^ 0x51ed270b)
  const some = (chance: number, least: number, most: number) => {
    const value = least + random() * (most - least)
    return random() < chance ? value : 0
  }
  const whole = (chance: number, most: number) => Math.floor(some(chance, 1, most + 1))
  const outage = random() < OUTAGE
  const jump = () => Math.floor((random() * 2 - 1) * HOUR_MS)
  return {
    payments: outage ? 2 : 2 + Math.floor(random() ** 2 * (PAYMENTS_MAX - 1)),
    users: 1 + Math.floor(random() * 3),
    funds: BigInt(400 + Math.floor(random() * 1_200)),
    amountMax: BigInt(20 + Math.floor(random() * 160)),
    overMs: 500 + Math.floor(random() ** 3 * 120_000),
    days: random() < 0.5 ? days : random() * days,
    providers: rotated(random),
    faults: drawFaults(some),
    crashes: whole(0.5, 3),
    outageMs: outage ? (24.5 + random() * 4) * HOUR_MS : 0,
    twins: whole(0.4, 2),
    jumps: Array.from({ length: whole(0.2, 2) }, jump),
    cancels: some(0.6, 0.05, 0.4),
    refunds: some(0.7, 0.1, 0.5),
    operators: some(0.6, 0.05, 0.3),
    holds: some(0.6, 0.05, 0.4),
    encoded: seed % ENCODED_EVERY === 0
  }
}
