/** The platform as one of its users sees it, over HTTP; and the control plane of the simulated providers. */
import type { Happened, Movement } from "./story.ts"

export interface Wallet {
  readonly id: string
  readonly user_id: string
  readonly currency: string
  readonly balance: number
  readonly available: number
  readonly held: number
  readonly created_at: string
}

export interface Payment {
  readonly id: string
  readonly status: string
  readonly provider: string | null
  readonly failure: { readonly code: string } | null
}

export interface Problem {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly details: Readonly<Record<string, unknown>>
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
  readonly tookMs: number
}

export interface Ask {
  readonly wallet: string
  readonly amount: number
  readonly merchant: string
  readonly key: string
}

export type Provider = "stripe" | "paypal" | "adyen"
export type Client = ReturnType<typeof clientAt>

const LOOK_EVERY_MS = 10

export const clientAt = (at: () => string, apiKey: string) => {
  /** `path` behind /api/v1; a text is sent as it is. */
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const began = performance.now()
    const answer = await fetch(`${at()}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
    const text = await answer.text()
    const tookMs = performance.now() - began
    return { status: answer.status, headers: answer.headers, body: JSON.parse(text || "{}"), tookMs } satisfies Answer
  }
  const read = async <A>(path: string): Promise<A> => {
    const { status, body } = await send("GET", path)
    if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${JSON.stringify(body)}`)
    return body as A
  }
  const list = async <A>(path: string) => (await read<{ readonly data: ReadonlyArray<A> }>(path)).data
  return {
    send,
    read,
    open: async (user: string, amount: number, currency = "USD"): Promise<Wallet> => {
      const opened = await send("POST", "/wallets", { user_id: user, currency })
      const { id } = opened.body as Wallet
      if (opened.status !== 201) throw new Error(`the wallet was not opened: ${JSON.stringify(opened.body)}`)
      const top = { amount, currency, reference: "top-up" }
      await send("POST", `/wallets/${id}/credits`, top, { "idempotency-key": `top-up-${id}` })
      return await read<Wallet>(`/wallets/${id}`)
    },
    /** Waits for the payment's end. */
    pay: ({ wallet, amount, merchant, key }: Ask): Promise<Answer> =>
      send(
        "POST",
        "/payments",
        { wallet_id: wallet, amount, currency: "USD", merchant_id: merchant },
        { "idempotency-key": key, prefer: "wait=30" }
      ),
    wallet: (id: string) => read<Wallet>(`/wallets/${id}`),
    walletEvents: (id: string) => list<Happened>(`/wallets/${id}/events?limit=200`),
    payment: (id: string) => read<Payment>(`/payments/${id}`),
    paymentsOf: (user: string) => list<Payment>(`/payments?user_id=${user}`),
    /** To its end: the user's message is the last thing that happens. */
    timeline: (id: string): Promise<ReadonlyArray<Happened>> =>
      until(
        `payment ${id} is told to its end`,
        () => list<Happened>(`/payments/${id}/timeline`),
        (events) => events.some(({ type }) => type === "UserNotified")
      )
  }
}

/** A request that a provider received. */
export interface Sent {
  readonly provider: Provider
  readonly op: string
  readonly idempotency_key: string | null
  readonly payment_id?: string
}

export type Simulator = ReturnType<typeof simulatorAt>

export const simulatorAt = (at: () => string) => {
  const post = async (path: string, body: object) => {
    const answer = await fetch(`${at()}/_sim/${path}`, { method: "POST", body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`simulator: ${await answer.text()}`)
  }
  const list = async <A extends { readonly payment_id?: string | null }>(path: string, payment?: string) => {
    const { data } = (await (await fetch(`${at()}/_sim/${path}`)).json()) as { readonly data: ReadonlyArray<A> }
    return payment === undefined ? data : data.filter(({ payment_id }) => payment_id === payment)
  }
  return {
    behave: (provider: Provider, behaviour: object) => post(`${provider}/behaviour`, behaviour),
    /** How call-backs are sent from now on; `{}`: well. */
    callBack: (settings: object) => post("webhooks", settings),
    reset: () => post("reset", {}),
    ledger: (payment?: string) => list<Movement>("ledger", payment),
    /** Requests the providers received for a payment. */
    wire: (payment: string) => list<Sent>("wire", payment)
  }
}

/** Waits for a fact, never for a time. */
export const until = async <A>(
  what: string,
  look: () => Promise<A>,
  isSo: (seen: A) => boolean,
  withinMs = 30_000
): Promise<A> => {
  const deadline = performance.now() + withinMs
  for (;;) {
    const seen = await look()
    if (isSo(seen)) return seen
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`)
    await Bun.sleep(LOOK_EVERY_MS)
  }
}
