/**
 * The fault plane. At most one behaviour is armed per provider, and one per provider, amount and operation for payments
 * of that amount alone, which many can play side by side; arming replaces it. Whether a fault happens *before* or
 * *after* execution is the axis that finds double charges, so the two are different faults. Armed behaviours, their
 * remaining counts and the state of their random sequence live in the journal.
 */
import type { Plan, ProviderName } from "./provider.ts"
import type { Row, Table, World } from "./world.ts"

export const OPS = ["create", "charge", "read", "cancel", "refund", "oauth"] as const
export type Op = (typeof OPS)[number]

export const FAULTS = [
  "none",
  "decline",
  "reject-before",
  "5xx-before",
  "5xx-after",
  "hang-before",
  "hang-after",
  "reset-before",
  "reset-after",
  "cut-body-after",
  "empty-200-after",
  "html-502-after",
  "429",
  "409",
  "async",
  "late-reversal",
  "execute-late"
] as const
export type Fault = (typeof FAULTS)[number]

/** Faults that mean something only for some operations; the others mean something for all. */
const ONLY_FOR: { readonly [fault in Fault]?: ReadonlyArray<Op> } = {
  decline: ["create", "charge", "refund"],
  async: ["charge", "refund"],
  "late-reversal": ["charge"],
  "execute-late": ["create", "charge", "cancel", "refund"]
}

export const DEFAULT_AFTER_MS = 1000
const MAX_MS = 7 * 24 * 3600 * 1000
const MAX_COUNT = 1_000_000_000

export type Behaviour = {
  readonly id: string
  readonly fault: Fault
  readonly op: Op | "any" | undefined
  readonly latency_ms: number
  readonly after_ms: number
  readonly rate: number | undefined
  readonly count: number | undefined
  readonly code: string | undefined
  /** ISO minor units: only calls about a charge of this amount are meant. */
  readonly amount?: number | undefined
  readonly random: number
}

/** What a call has to suffer. */
export type Drawn = {
  readonly fault: Fault
  readonly latency_ms: number
  readonly after_ms: number
  readonly code: string | undefined
}

/** Mulberry32: one step of a small seeded generator; returns the next state and a number in [0, 1). */
const step = (state: number): readonly [number, number] => {
  const next = (state + 0x6d2b79f5) | 0
  let t = Math.imul(next ^ (next >>> 15), 1 | next)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return [next, ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296]
}

/** A payment whose calls are meant by behaviours for its amount. */
type Meant = Row & { readonly amount: number }

export class Faults {
  private readonly armed: Table<Behaviour>
  private readonly meant: Table<Meant>

  constructor(world: World) {
    this.armed = world.table<Behaviour>("behaviour")
    this.meant = world.table<Meant>("meant")
  }

  arm(behaviour: Behaviour): void {
    if (behaviour.fault === "none" && behaviour.latency_ms === 0) this.armed.delete(behaviour.id)
    else this.armed.put(behaviour)
  }

  get(provider: ProviderName): Behaviour | undefined {
    return this.armed.get(provider)
  }

  reset(): void {
    for (const id of [...this.armed.rows.keys()]) this.armed.delete(id)
    for (const id of [...this.meant.rows.keys()]) this.meant.delete(id)
  }

  /** Decides for one call, and remembers that it did: `count` counts decisions that hit. */
  draw(provider: ProviderName, plan: Drawing): Drawn | undefined {
    if (this.armed.rows.size === 0) return undefined
    const amount = this.amountOf(provider, plan)
    for (const op of amount === undefined ? [] : [...OPS, "any"]) {
      const armed = this.armed.get(idOf(provider, amount, op))
      const drawn = armed === undefined ? undefined : this.drawOf(armed, plan)
      if (drawn !== undefined) return drawn
    }
    const armed = this.armed.get(provider)
    return armed === undefined ? undefined : this.drawOf(armed, plan)
  }

  /** Only the first call of a payment names its amount; from then on the payment is remembered, if it is meant. */
  private amountOf(provider: ProviderName, { paymentId, amount }: Drawing): number | undefined {
    if (paymentId === undefined) return undefined
    const id = `${provider} ${paymentId}`
    const known = this.meant.get(id)?.amount
    if (known !== undefined) return known
    const told = amount()
    if (told === undefined || ![...this.armed.rows.values()].some((armed) => armed.amount === told)) return undefined
    return this.meant.put({ id, amount: told }).amount
  }

  private drawOf(armed: Behaviour, plan: Drawing): Drawn | undefined {
    const ops = armed.fault === "decline" ? (plan.declines ?? plan.ops) : plan.ops
    const wanted = armed.op ?? "charge"
    if (wanted !== "any" && !ops.includes(wanted)) return undefined
    const only = ONLY_FOR[armed.fault]
    if (only !== undefined && !ops.some((op) => only.includes(op))) return undefined
    const [random, chance] = armed.rate === undefined ? [armed.random, 0] : step(armed.random)
    const hit = armed.rate === undefined || chance < armed.rate
    const count = hit && armed.count !== undefined ? armed.count - 1 : armed.count
    if (count === 0) this.armed.delete(armed.id)
    else if (count !== armed.count || random !== armed.random) this.armed.put({ ...armed, count, random })
    const { latency_ms, after_ms, code } = armed
    if (hit) return { fault: armed.fault, latency_ms, after_ms, code }
    // `rate` makes the fault random; the latency of the provider is there all the same.
    return armed.fault === "none" ? undefined : { fault: "none", latency_ms, after_ms, code: undefined }
  }
}

export class BadControl extends Error {}

type Drawing = Pick<Plan, "ops" | "declines" | "paymentId" | "amount">

const idOf = (provider: ProviderName, amount: number | undefined, op: string | undefined): string =>
  amount === undefined ? provider : `${provider} ${amount} ${op ?? "charge"}`

const KNOWN = ["fault", "op", "latency_ms", "after_ms", "rate", "count", "seed", "code", "amount"]

export const fields = (input: unknown, known: ReadonlyArray<string>): Record<string, unknown> => {
  if (typeof input !== "object" || input === null || Array.isArray(input)) throw new BadControl("body: a JSON object")
  for (const name of Object.keys(input)) {
    if (!known.includes(name)) throw new BadControl(`${name}: unknown field; known are ${known.join(", ")}`)
  }
  return input as Record<string, unknown>
}

const oneOf = <T extends string>(name: string, value: unknown, options: ReadonlyArray<T>): T => {
  const found = options.find((option) => option === value)
  if (found === undefined) throw new BadControl(`${name}: one of ${options.join(", ")}`)
  return found
}

export const integer = (name: string, value: unknown, least: number, most: number): number | undefined => {
  if (value === undefined || value === null) return undefined
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value
  throw new BadControl(`${name}: an integer from ${least} to ${most}`)
}

export const chance = (name: string, value: unknown): number | undefined => {
  if (value === undefined || value === null) return undefined
  if (typeof value === "number" && value >= 0 && value <= 1) return value
  throw new BadControl(`${name}: a number from 0 to 1`)
}

export const decodeBehaviour = (provider: ProviderName, input: unknown): Behaviour => {
  const given = fields(input, KNOWN)
  const fault = oneOf("fault", given["fault"], FAULTS)
  const op = given["op"] == null ? undefined : oneOf("op", given["op"], [...OPS, "any"] as const)
  const only = ONLY_FOR[fault]
  if (op !== undefined && op !== "any" && only !== undefined && !only.includes(op))
    throw new BadControl(`op: ${fault} means something only for ${only.join(", ")}`)
  const code = given["code"]
  if (code != null && (typeof code !== "string" || !/^[A-Za-z0-9_]{1,64}$/.test(code)))
    throw new BadControl("code: up to 64 letters, digits and underscores")
  const amount = integer("amount", given["amount"], 1, Number.MAX_SAFE_INTEGER)
  return {
    id: idOf(provider, amount, op),
    fault,
    op,
    latency_ms: integer("latency_ms", given["latency_ms"], 0, MAX_MS) ?? 0,
    after_ms: integer("after_ms", given["after_ms"], 0, MAX_MS) ?? DEFAULT_AFTER_MS,
    rate: chance("rate", given["rate"]),
    count: integer("count", given["count"], 1, MAX_COUNT),
    code: typeof code === "string" ? code : undefined,
    amount,
    random: integer("seed", given["seed"], 0, Number.MAX_SAFE_INTEGER) ?? 1
  }
}
