/**
 * Our book of provider charges against the provider's own ledger, payment by payment. What is under way may be news to
 * one of the two, so a difference counts only where the payment is at rest and a second look finds it again.
 */
import { Context, Effect, Option, Schema } from "effect"
import { damage, type Found } from "./finding.ts"
import { chunks } from "./inspection.ts"
import { chargedAfter, chargedFor, underWay } from "./ledger.ts"
import type { Asked } from "./store.ts"

export interface Movement {
  readonly provider: string
  readonly kind: "charge" | "refund" | "void"
  readonly payment_id: string | null
  readonly amount: bigint
  readonly currency: string
}

/** The outside world's own ledger, where it can be asked: the simulator's. Live providers have none that is whole. */
export class ProviderLedger extends Context.Service<
  ProviderLedger,
  { readonly movements: Effect.Effect<ReadonlyArray<Movement>, LedgerUnreadable> }
>()("infra/ProviderLedger") {}

export class LedgerUnreadable extends Schema.TaggedError<LedgerUnreadable>()("LedgerUnreadable", {
  detail: Schema.String
}) {}

const PAGE = 1_000
/** Between two looks; the second one decides. */
const SECOND_LOOK_MS = 500

/** "provider currency" → what is charged and not given back. */
type Sums = Map<string, bigint>

const sumsOf = (movements: ReadonlyArray<Movement>): Map<string, Sums> => {
  const byPayment = new Map<string, Sums>()
  for (const { kind, payment_id, provider, currency, amount } of movements)
    if (kind !== "void")
      add(byPayment, payment_id ?? "", `${provider} ${currency}`, kind === "charge" ? amount : -amount)
  return byPayment
}
const add = (byPayment: Map<string, Sums>, payment: string, account: string, amount: bigint): void => {
  const sums = byPayment.get(payment) ?? new Map()
  byPayment.set(payment, sums.set(account, (sums.get(account) ?? 0n) + amount))
}

export const provider: Effect.Effect<
  ReadonlyArray<Found>,
  Effect.Error<Asked<void>> | LedgerUnreadable,
  Effect.Services<Asked<void>>
> = Effect.gen(function* () {
  const port = yield* Effect.serviceOption(ProviderLedger)
  if (Option.isNone(port)) return []
  const first = yield* differences(port.value)
  if (first.length === 0) return []
  yield* Effect.sleep(SECOND_LOOK_MS)
  const again = yield* differences(port.value)
  const before = new Set(first.map(({ payment, account }) => `${payment} ${account}`))
  return again.filter(({ payment, account }) => before.has(`${payment} ${account}`)).map(told)
})

interface Difference {
  readonly payment: string
  readonly account: string
  readonly ours: bigint
  readonly theirs: bigint
}

/** Theirs is read first: what they had by then, our book has by now, unless the payment is under way. */
const differences = (port: ProviderLedger["Service"]) =>
  Effect.gen(function* () {
    const theirs = sumsOf(yield* port.movements)
    const payments = new Set(theirs.keys())
    for (let after = ""; ; ) {
      const page = yield* chargedAfter(after, PAGE)
      for (const { payment_id } of page) payments.add(payment_id)
      after = page.at(-1)?.payment_id ?? ""
      if (page.length < PAGE) break
    }
    const found: Array<Difference> = []
    for (const part of chunks([...payments])) {
      const ours = new Map<string, Sums>()
      for (const { payment_id, provider, currency, amount } of yield* chargedFor(part))
        add(ours, payment_id, `${provider} ${currency}`, BigInt(amount))
      for (const payment of part) found.push(...differencesOf(payment, ours.get(payment), theirs.get(payment)))
    }
    if (found.length === 0) return []
    const moving = new Set((yield* underWay(found.map(({ payment }) => payment))).map(({ payment_id }) => payment_id))
    return found.filter(({ payment }) => !moving.has(payment))
  })

const differencesOf = (payment: string, ours: Sums = new Map(), theirs: Sums = new Map()): ReadonlyArray<Difference> =>
  [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((account) => {
    const difference = { payment, account, ours: ours.get(account) ?? 0n, theirs: theirs.get(account) ?? 0n }
    return difference.ours === difference.theirs ? [] : [difference]
  })

const told = ({ payment, account, ours, theirs }: Difference): Found => {
  const [provider = "", currency = ""] = account.split(" ")
  const what = payment === "" ? "charges that name no payment" : `payment ${payment}`
  const detail =
    `${provider} has ${theirs} ${currency} of ${what}, provider:${provider}:charged has ${ours}; ` +
    "look the charge up at the provider, then resolve the payment or give the charge back there"
  const about = { stream: `gateway-${payment}`, expected: String(theirs), found: String(ours), detail }
  return { ...damage("provider", "provider_differs", about), key: account }
}

type Line = Omit<Movement, "amount"> & { readonly amount: number }

/** The bundled simulator's: `GET /_sim/ledger`, whole. */
export const simulatorLedger = (url: string): ProviderLedger["Service"] => ({
  movements: Effect.tryPromise({
    try: async (signal) => {
      const { data } = (await (await fetch(`${url}/_sim/ledger`, { signal })).json()) as { data: ReadonlyArray<Line> }
      return data.map((line) => ({ ...line, amount: BigInt(line.amount) }))
    },
    catch: (error) => new LedgerUnreadable({ detail: String(error) })
  })
})
