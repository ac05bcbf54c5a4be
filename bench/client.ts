/** The few single requests the bench sends itself: seeding, one payment at a time, the simulator's control plane. */
import type { Platform } from "./platform.ts"

const SEED_CONCURRENCY = 64

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export const post = async (platform: Platform, path: string, body: object, key?: string): Promise<Answer> => {
  const response = await fetch(`${platform.url}/api/v1/${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${platform.apiKey}`,
      "content-type": "application/json",
      prefer: "wait=30",
      ...(key === undefined ? {} : { "idempotency-key": key })
    },
    body: JSON.stringify(body)
  })
  return { status: response.status, body: (await response.json()) as Answer["body"] }
}

let paid = 0
export const pay = (platform: Platform, wallet_id: string, amount: number): Promise<Answer> =>
  post(platform, "payments", { wallet_id, amount, currency: "USD", merchant_id: "shop-1" }, `single-${++paid}`)

/** Opens a wallet and credits it, over HTTP like every client. */
export const openWallet = async (platform: Platform, user_id: string, amount: number): Promise<string> => {
  const wallet = await post(platform, "wallets", { user_id, currency: "USD" })
  if (wallet.status !== 201) throw new Error(`POST /wallets: ${wallet.status} ${JSON.stringify(wallet.body)}`)
  const id = String(wallet.body["id"])
  const credit = { amount, currency: "USD", reference: "bench" }
  const credited = await post(platform, `wallets/${id}/credits`, credit, `credit-${user_id}`)
  if (credited.status !== 201) throw new Error(`POST /credits: ${credited.status} ${JSON.stringify(credited.body)}`)
  return id
}

export const openWallets = async (platform: Platform, count: number, amount: number): Promise<Array<string>> => {
  const wallets: Array<string> = []
  let next = 0
  const worker = async () => {
    while (next < count) wallets.push(await openWallet(platform, `user-${next++}`, amount))
  }
  await Promise.all(Array.from({ length: SEED_CONCURRENCY }, worker))
  return wallets
}

/** The providers' own time for each call that moves money. */
export const setProviderLatency = async ({ simulatorUrl }: Platform, latency_ms: number): Promise<void> => {
  const behaviour = { fault: "none", ...(latency_ms > 0 ? { latency_ms } : {}) }
  const response = await fetch(`${simulatorUrl}/_sim/stripe/behaviour`, {
    method: "POST",
    body: JSON.stringify(behaviour)
  })
  if (!response.ok) throw new Error(`the simulator refuses ${JSON.stringify(behaviour)}: ${await response.text()}`)
}

interface Movement {
  readonly kind: "charge" | "refund" | "void"
  readonly amount: number
}

/** What the providers took and kept, in minor units. */
export const chargedAtProviders = async ({ simulatorUrl }: Platform): Promise<bigint> => {
  const ledger = (await (await fetch(`${simulatorUrl}/_sim/ledger`)).json()) as { data: ReadonlyArray<Movement> }
  let total = 0n
  for (const { kind, amount } of ledger.data) {
    if (kind === "charge") total += BigInt(amount)
    if (kind === "refund") total -= BigInt(amount)
  }
  return total
}
