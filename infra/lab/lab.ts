/** Where a case is played: a platform that runs already, seen over HTTP, and the simulator's book beside it. */
import { type Answer, type Provider, until } from "../demo/client.ts"
import { chargesIn, idOf, type Place, Stage } from "../demo/stage.ts"
import type { Happened } from "../demo/story.ts"

/** With a provider's timeout of 30 s and three tries, an outcome may take so long. */
const ENDS_WITHIN_MS = 150_000

export interface Refund {
  readonly id: string
  readonly status: string
}

export interface Hold {
  readonly id: string
  readonly status: string
}

export interface Spending {
  readonly key?: string
  readonly currency?: string
  readonly prefer?: string
  readonly merchant?: string
}

export class Lab extends Stage<Place> {
  /** The provider that is asked first. */
  readonly first: Provider
  /** Of this run alone: a platform remembers keys and users for long. */
  private readonly run: string
  private made = 0

  constructor(place: Place, listener: ConstructorParameters<typeof Stage>[1], first: Provider) {
    super(place, listener)
    this.first = first
    this.run = crypto.randomUUID().slice(0, 8)
  }

  unique(word: string): string {
    return `${word}-${this.run}-${++this.made}`
  }

  open(amount: number, currency = "USD") {
    return this.api.open(this.unique("lab"), amount, currency)
  }

  /** Told as a request and its answer. */
  async post(path: string, body: unknown, key: string | undefined, prefer = "wait=30"): Promise<Answer> {
    const shown = (typeof body === "string" ? body : JSON.stringify(body)).replaceAll(',"', ', "')
    const about = [shown, ...(key === undefined ? [] : [`Idempotency-Key ${key}`])].join(", ")
    const short = path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "…")
    this.tell({ kind: "asks", who: "client", request: `POST /api/v1${short}`, about: about.replaceAll(UUID, "…") })
    const answer = await this.quiet(path, body, key, prefer)
    this.tell({ kind: "answers", status: answer.status, text: said(answer), tookMs: answer.tookMs })
    return answer
  }

  /** The same without a word: one of many at once. */
  quiet(path: string, body: unknown, key: string | undefined, prefer = "wait=30"): Promise<Answer> {
    return this.api.send("POST", path, body, {
      prefer,
      ...(key === undefined ? {} : { "idempotency-key": key })
    })
  }

  payment(wallet: string, amount: number, { currency = "USD", merchant = "lab" }: Spending = {}) {
    return { wallet_id: wallet, amount, currency, merchant_id: merchant }
  }

  pay(wallet: string, amount: number, spending: Spending = {}): Promise<Answer> {
    const key = spending.key ?? this.unique("pay")
    return this.post("/payments", this.payment(wallet, amount, spending), key, spending.prefer)
  }

  /** The payment's end, and every state that was seen on the way. */
  async ended(id: string): Promise<{ readonly status: string; readonly seen: ReadonlyArray<string> }> {
    const seen: Array<string> = []
    this.waits(`payment ${id} is waited for`)
    const { status } = await until(
      `payment ${id} ends`,
      async () => {
        const payment = await this.api.payment(id)
        if (seen.at(-1) !== payment.status) seen.push(payment.status)
        return payment
      },
      ({ status }) => ENDS.has(status),
      ENDS_WITHIN_MS
    )
    return { status, seen }
  }

  refundOf(id: string, isSo: (refund: Refund) => boolean): Promise<Refund> {
    return until(`refund ${id}`, () => this.api.read<Refund>(`/refunds/${id}`), isSo, ENDS_WITHIN_MS)
  }

  async balanceOf(wallet: string): Promise<number> {
    return (await this.api.wallet(wallet)).balance
  }

  /** Amounts that the providers have charged for the payment. */
  async charged(payment: string): Promise<ReadonlyArray<number>> {
    return chargesIn(await this.simulator.ledger(payment)).map(({ amount }) => amount)
  }

  async refunded(payment: string): Promise<ReadonlyArray<number>> {
    return (await this.simulator.ledger(payment)).filter(({ kind }) => kind === "refund").map(({ amount }) => amount)
  }

  /** A wallet's events as a timeline, for what happens without a payment. */
  async walletStory(wallet: string): Promise<ReadonlyArray<Happened>> {
    const events = await this.api.walletEvents(wallet)
    this.tell({ kind: "timeline", name: "wallet", usual: false, events })
    return events
  }
}

const ENDS: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED", "PARTIALLY_REFUNDED", "REFUNDED"])
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g

/** "409 HOLD_CLOSED", or the status alone where the answer is no problem. */
export const codeOf = ({ status, body }: Answer): string => {
  const code = (body as { readonly error?: { readonly code: string } }).error?.code
  return code === undefined ? String(status) : `${status} ${code}`
}

export const isReplay = ({ headers }: Answer): boolean => headers.get("idempotent-replayed") === "true"

/** Each different answer and how often it came, in their order: "201 ×1, 409 HOLD_CLOSED ×9". */
export const tally = (answers: ReadonlyArray<string>): string => {
  const counts = new Map<string, number>()
  for (const answer of answers.toSorted()) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  return [...counts].map(([answer, n]) => `${answer} ×${n}`).join(", ")
}

export const count = (events: ReadonlyArray<Happened>, type: string): number =>
  events.filter((event) => event.type === type).length

export { idOf }

const said = (answer: Answer): string => {
  const { error, status, provider } = answer.body as {
    readonly status?: unknown
    readonly provider?: string | null
    readonly error?: { readonly code: string; readonly message: string }
  }
  const what = error === undefined ? String(status ?? "done") : `${error.code}: ${error.message}`
  const by = error === undefined && typeof provider === "string" ? `, by ${provider}` : ""
  return `${what}${by}${isReplay(answer) ? " (Idempotent-Replayed)" : ""}`
}
