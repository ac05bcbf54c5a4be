/** The cells of the matrix: provider × fault × the operation it meets; before or after is in the fault's name. */
import { type Behaviour, type Provider, paymentOf, type WireEntry } from "./client.ts"
import { eventually } from "./eventually.ts"
import type { Platform } from "./platform.ts"
import { streamOf } from "./records.ts"

export const PROVIDERS = ["stripe", "paypal", "adyen"] as const
export const OPERATIONS = ["create", "charge", "read", "cancel", "refund"] as const
type Op = (typeof OPERATIONS)[number]

/** They mean something for every operation. */
const EVERYWHERE = [
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
  "409"
]
const MORE: Readonly<Record<string, ReadonlyArray<Op>>> = {
  decline: ["create", "charge", "refund"],
  async: ["charge", "refund"],
  "late-reversal": ["charge"],
  "execute-late": ["create", "charge", "cancel", "refund"]
}
export const FAULTS = [...EVERYWHERE, ...Object.keys(MORE)]

export interface Cell {
  readonly provider: Provider
  readonly op: Op
  readonly fault: string
  /** Minor units, every cell's own: by it the simulator tells whose call is met. */
  readonly amount: number
}

/** Adyen has no read of a payment. The issuer of Stripe and PayPal speaks when money moves, not when it is prepared. */
const applies = (provider: Provider, op: Op, fault: string): boolean => {
  if (provider === "adyen" && op === "read") return false
  if (fault === "decline" && op === "create") return provider === "adyen"
  return EVERYWHERE.includes(fault) || MORE[fault]?.includes(op) === true
}

const FIRST_AMOUNT = 20_001

export const CELLS: ReadonlyArray<Cell> = PROVIDERS.flatMap((provider) =>
  OPERATIONS.flatMap((op) =>
    FAULTS.filter((fault) => applies(provider, op, fault)).map((fault) => ({ provider, op, fault }))
  )
).map((cell, n) => ({ ...cell, amount: FIRST_AMOUNT + n }))

/** How long the provider waits with what it does later; and with what nobody may wait for in this test. */
const LATER_MS = { async: 300, "execute-late": 4_000, "late-reversal": 6 * 24 * 3600 * 1000 } as const

/** What brings a payment to the operation: another provider's turn, a charge that has to be asked about or fenced. */
const armed = ({ provider, op, fault, amount }: Cell): ReadonlyArray<readonly [Provider, Behaviour]> => {
  const passed = PROVIDERS.slice(0, PROVIDERS.indexOf(provider)).map((other) => [other, { fault: "decline" }] as const)
  const leads = { read: "reset-before", cancel: "5xx-before" }[op as string]
  const after_ms = LATER_MS[fault as keyof typeof LATER_MS]
  const all = [
    ...passed,
    ...(leads === undefined ? [] : [[provider, { fault: leads, op: "charge", count: 1 }] as const]),
    [provider, { fault, op, count: 1, ...(after_ms !== undefined && { after_ms }) }] as const
  ]
  return all.map(([at, behaviour]) => [at, { ...behaviour, amount }])
}

export interface Played {
  readonly cell: Cell
  readonly id: string
  readonly wallet: string
  readonly status: string
  readonly by: string | null
  readonly refund?: string
}

const ENDED = ["COMPLETED", "FAILED", "CANCELLED", "PARTIALLY_REFUNDED", "REFUNDED"]
const WITHIN_MS = 35_000

export const REFUNDED = 1_000

/** The provider remembers its own 5xx under the refund's key, for a day or longer, and nobody may decide before. */
export const staysUnknown = ({ provider, op, fault }: Cell): boolean =>
  op === "refund" && fault === "5xx-before" && provider !== "paypal"

const doubtsOf = async (platform: Platform, id: string) =>
  (await streamOf(platform, `gateway-${id}`)).filter(({ type }) => type === "GatewayRefundUnknown").length

/** A payment through its cell, to its end; a cell of refunds goes on to the end of one. */
export const play = async (platform: Platform, cell: Cell): Promise<Played> => {
  const { api, sim } = platform
  const { op, amount } = cell
  const name = `${cell.provider} ${op} ${cell.fault}`
  const wallet = await api.open(amount)
  for (const [provider, behaviour] of armed(cell)) await sim.behaviour(provider, behaviour)
  const answer = await api.pay(wallet.id, amount, { prefer: "wait=0" })
  const { id } = paymentOf(answer, 202)
  const ended = () =>
    eventually(
      `the payment of ${name} ends`,
      () => api.payment(id),
      ({ status }) => ENDED.includes(status),
      WITHIN_MS
    )
  const { status, provider: by } = await ended()
  const played = { cell, id, wallet: wallet.id, status, by }
  if (op !== "refund") return played
  const asked = await api.refund(id, { amount: REFUNDED }, { prefer: "wait=0" })
  if (asked.status !== 201 && asked.status !== 202) throw new Error(`${name}: ${asked.status} ${asked.text}`)
  const of = `/api/v1/refunds/${JSON.parse(asked.text).id}`
  if (staysUnknown(cell))
    await eventually(
      `${name} is asked again`,
      () => doubtsOf(platform, id),
      (doubts) => doubts > 2
    )
  const refund = await eventually(
    `the refund of ${name} ends`,
    async () => JSON.parse((await api.get(of)).text) as { readonly status: string },
    (seen) => seen.status !== "pending" || staysUnknown(cell),
    WITHIN_MS
  )
  return { ...played, refund: refund.status, status: (await api.payment(id)).status }
}

/** Whether the fault met a call of the cell's own kind. */
export const wasMet = ({ cell, id }: Played, wire: ReadonlyArray<WireEntry>): boolean =>
  wire.some(
    ({ provider, op, payment_id, fault }) =>
      payment_id === id &&
      provider === cell.provider &&
      fault === cell.fault &&
      // Adyen's issuer speaks at the authorisation, whatever a decline was armed for.
      (op === cell.op || fault === "decline")
  )

/** One table a provider: a row a fault, a column an operation. */
export const drawn = (told: ReadonlyMap<Cell, string>): string =>
  PROVIDERS.map((provider) => {
    const at = (fault: string, op: Op) =>
      [...told].find(([cell]) => cell.provider === provider && cell.fault === fault && cell.op === op)?.[1] ?? "–"
    const rows = [
      [provider, ...OPERATIONS],
      ...FAULTS.map((fault) => [fault, ...OPERATIONS.map((op) => at(fault, op))])
    ]
    const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
    return rows.map((row) => row.map((text, n) => text.padEnd(widths[n] ?? 0)).join("  ")).join("\n")
  }).join("\n\n")
