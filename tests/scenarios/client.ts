/** The platform as a client sees it, over real HTTP, and its provider simulator's control plane. */

export interface Wallet {
  readonly id: string
  readonly user_id: string
  readonly currency: string
  readonly balance: number
  readonly available: number
  readonly held: number
  readonly status: string
  readonly version: number
}

export interface Payment {
  readonly id: string
  readonly status: string
  readonly wallet_id: string
  readonly user_id: string
  readonly amount: number
  readonly currency: string
  readonly provider: string | null
  readonly provider_reference: string | null
  readonly failure: { readonly stage: string; readonly code: string; readonly details: Facts } | null
  readonly processing?: { readonly reason: string; readonly since: string; readonly deadline?: string }
  readonly refunded_amount: number
  readonly completed_at: string | null
}

export interface Refund {
  readonly id: string
  readonly payment_id: string
  readonly amount: number
  readonly currency: string
  readonly status: "pending" | "succeeded" | "failed"
  readonly provider: string | null
  readonly provider_reference: string | null
  readonly failure: { readonly code: string; readonly message: string } | null
  readonly completed_at: string | null
}

export interface Hold {
  readonly id: string
  readonly wallet_id: string
  readonly merchant_id: string
  readonly amount: number
  readonly currency: string
  readonly status: string
  readonly captured_amount: number
  readonly remaining_amount: number
  readonly released_amount: number
  readonly expires_at: string
  readonly version: number
}

type Facts = Readonly<Record<string, unknown>>

export interface Problem {
  readonly type: string
  readonly status: number
  readonly instance: string
  readonly trace_id: string
  readonly error: { readonly code: string; readonly message: string; readonly details: Facts }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly tookMs: number
}

/** The body, once the status is the expected one; otherwise what came instead. */
const bodyOf = <A>(answer: Answer, status: number): A => {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${answer.text}`)
  return JSON.parse(answer.text) as A
}
export const paymentOf = (answer: Answer, status = 201): Payment => bodyOf<Payment>(answer, status)
export const refundOf = (answer: Answer, status = 201): Refund => bodyOf<Refund>(answer, status)
export const walletOf = (answer: Answer, status = 200): Wallet => bodyOf<Wallet>(answer, status)
export const holdOf = (answer: Answer, status = 200): Hold => bodyOf<Hold>(answer, status)
export const problemOf = (answer: Answer, status: number): Problem => {
  const problem = bodyOf<Problem>(answer, status)
  const type = answer.headers.get("content-type")
  if (type !== "application/problem+json" || problem.status !== status) throw new Error(`no problem: ${answer.text}`)
  return problem
}
/** "409 WALLET_EXISTS", or the status alone where the answer is no problem. */
export const codeOf = (answer: Answer): string => {
  const code = (JSON.parse(answer.text || "{}") as Partial<Problem>).error?.code
  return code === undefined ? String(answer.status) : `${answer.status} ${code}`
}

export interface Asking {
  readonly key?: string
  readonly prefer?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Paying extends Asking {
  readonly currency?: string
  readonly merchant?: string
}

export interface Holding extends Paying {
  readonly expiresAt?: string
}

let made = 0
/** Unique in every process that shares the provider's world. */
export const unique = (word: string): string => `${word}-${process.pid}-${++made}`

export type Api = ReturnType<typeof apiAt>

export const apiAt = (at: () => string, apiKey: string) => {
  const send = async (method: string, path: string, body?: unknown, asking: Asking = {}): Promise<Answer> => {
    const began = performance.now()
    const raw = typeof body === "string" || body instanceof Uint8Array
    const answer = await fetch(at() + path, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(asking.key === undefined ? {} : { "idempotency-key": asking.key }),
        ...(asking.prefer === undefined ? {} : { prefer: asking.prefer }),
        ...asking.headers
      },
      ...(body === undefined ? {} : { body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) })
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, text, tookMs: performance.now() - began }
  }
  const get = (path: string, asking?: Asking) => send("GET", path, undefined, asking)
  const post = (path: string, body?: unknown, asking?: Asking) => send("POST", path, body, asking)
  const credit = (wallet: string, amount: number, asking: Paying = {}) =>
    post(
      `/api/v1/wallets/${wallet}/credits`,
      { amount, currency: asking.currency ?? "USD", reference: "top-up" },
      { key: unique("credit"), ...asking }
    )
  const open = async (balance = 0, currency = "USD", user = unique("user")): Promise<Wallet> => {
    const wallet = walletOf(await post("/api/v1/wallets", { user_id: user, currency }), 201)
    if (balance > 0) bodyOf(await credit(wallet.id, balance, { currency }), 201)
    return wallet
  }
  const pay = (wallet: string, amount: number, asking: Paying = {}) =>
    post(
      "/api/v1/payments",
      { wallet_id: wallet, amount, currency: asking.currency ?? "USD", merchant_id: asking.merchant ?? "book-shop" },
      { key: unique("pay"), prefer: "wait=20", ...asking }
    )
  const hold = (wallet: string, amount: number, asking: Holding = {}) =>
    post(
      `/api/v1/wallets/${wallet}/holds`,
      {
        amount,
        currency: asking.currency ?? "USD",
        merchant_id: asking.merchant ?? "grand-hotel",
        ...(asking.expiresAt === undefined ? {} : { expires_at: asking.expiresAt })
      },
      { key: unique("hold"), ...asking }
    )
  const capture = (hold: string, body: object = {}, asking: Asking = {}) =>
    post(`/api/v1/holds/${hold}/capture`, body, { key: unique("capture"), ...asking })
  const voidHold = (hold: string, asking: Asking = {}) => post(`/api/v1/holds/${hold}/void`, undefined, asking)
  const holdNow = async (id: string) => holdOf(await get(`/api/v1/holds/${id}`))
  const refund = (payment: string, body: unknown = {}, asking: Asking = {}) =>
    post(`/api/v1/payments/${payment}/refunds`, body, { key: unique("refund"), prefer: "wait=20", ...asking })
  const wallet = async (id: string) => walletOf(await get(`/api/v1/wallets/${id}`))
  const payment = async (id: string) => paymentOf(await get(`/api/v1/payments/${id}`), 200)
  return { get, post, credit, open, pay, refund, hold, capture, voidHold, holdNow, ...moving(post), wallet, payment }
}

type Post = (path: string, body: unknown, asking: Asking) => Promise<Answer>

/** From wallet to wallet, and out. */
const moving = (post: Post) => ({
  transfer: (source: string, destination: string, amount: number, asking: Paying = {}) => {
    const between = { source_wallet_id: source, destination_wallet_id: destination }
    const body = { ...between, amount, currency: asking.currency ?? "USD" }
    return post("/api/v1/transfers", body, { key: unique("transfer"), ...asking })
  },
  withdraw: (wallet: string, amount: number, asking: Paying = {}) => {
    const body = { amount, currency: asking.currency ?? "USD", reference: "to my bank account" }
    return post(`/api/v1/wallets/${wallet}/withdrawals`, body, { key: unique("withdraw"), ...asking })
  }
})

export type Provider = "stripe" | "paypal" | "adyen"

export interface Movement {
  readonly provider: Provider
  readonly kind: "charge" | "refund" | "void"
  readonly reference: string
  readonly payment_id: string | null
  readonly amount: number
  readonly currency: string
}

export interface WireEntry {
  readonly at: string
  readonly provider: Provider
  readonly op: string
  readonly path: string
  readonly idempotency_key: string | null
  readonly body_hash: string
  readonly payment_id?: string
  readonly status: number
  readonly fault?: string
}

export interface Behaviour {
  readonly fault: string
  readonly op?: string
  readonly count?: number
  readonly code?: string
  readonly latency_ms?: number
  readonly after_ms?: number
  /** Only for payments of this amount; to be armed before they begin. */
  readonly amount?: number
}

export interface Webhooks {
  readonly drop?: boolean
  readonly duplicate?: boolean
  readonly reorder?: boolean | number
  readonly delay_ms?: number
}

export type Sim = ReturnType<typeof simAt>

export const simAt = (at: () => string) => {
  const post = async (path: string, body: unknown): Promise<void> => {
    const answer = await fetch(`${at()}/_sim/${path}`, { method: "POST", body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`simulator: ${await answer.text()}`)
  }
  const list = async <A extends { readonly payment_id?: string | null }>(path: string, payment?: string) => {
    const { data } = (await (await fetch(`${at()}/_sim/${path}`)).json()) as { readonly data: ReadonlyArray<A> }
    return payment === undefined ? data : data.filter(({ payment_id }) => payment_id === payment)
  }
  return {
    behaviour: (provider: Provider, behaviour: Behaviour) => post(`${provider}/behaviour`, behaviour),
    ledger: (payment?: string) => list<Movement>("ledger", payment),
    wire: (payment?: string) => list<WireEntry>("wire", payment),
    /** How the call-backs are sent from now on: dropped, doubled, late, out of order. */
    webhooks: (settings: Webhooks) => post("webhooks", settings),
    advance: (ms: number) => post("clock", { advance_ms: ms }),
    reset: () => post("reset", {}),
    /** False once nobody answers there. */
    alive: () =>
      fetch(`${at()}/_sim/health`).then(
        ({ ok }) => ok,
        () => false
      )
  }
}
