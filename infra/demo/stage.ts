/** Where a scenario is played: the platform, its users' client, the providers' strings, and somebody who listens. */
import { type Answer, type Ask, type Client, clientAt, type Payment, type Problem, simulatorAt } from "./client.ts"
import { money } from "./narrator.ts"
import type { Platform } from "./platform.ts"
import type { Beat, Movement, Story } from "./story.ts"

export interface Scenario {
  readonly number: number
  readonly title: string
  readonly play: (stage: Stage) => Promise<void>
}

export interface Listener {
  readonly begins: (scenario: Scenario) => void
  readonly hears: (beat: Beat) => void
  /** Shown until the next beat. */
  readonly waits: (forWhat: string) => void
}

export interface Paying extends Ask {
  readonly who: string
}

/** A platform that runs somewhere, as its users reach it. */
export interface Place {
  readonly apiKey: string
  readonly url: () => string
  readonly simulatorUrl: () => string
}

export class Stage<P extends Place = Platform> {
  readonly platform: P
  readonly api: Client
  readonly simulator: ReturnType<typeof simulatorAt>
  private readonly listener: Pick<Listener, "hears" | "waits">
  private readonly beats: Array<Beat> = []

  constructor(platform: P, listener: Pick<Listener, "hears" | "waits">) {
    this.platform = platform
    this.listener = listener
    this.api = clientAt(platform.url, platform.apiKey)
    this.simulator = simulatorAt(platform.simulatorUrl)
  }

  tell(beat: Beat): void {
    this.beats.push(beat)
    this.listener.hears(beat)
  }

  says(text: string): void {
    this.tell({ kind: "says", text })
  }

  fact(says: string, holds: boolean, seen: string = holds ? "yes" : "no"): void {
    this.tell({ kind: "fact", says, holds, seen })
  }

  waits(forWhat: string): void {
    this.listener.waits(forWhat)
  }

  asks({ who, amount, merchant, key }: Paying, note = ""): void {
    const about = `${money(amount)} to ${merchant}, Idempotency-Key ${key}${note}`
    this.tell({ kind: "asks", who, request: "POST /api/v1/payments", about })
  }

  answers({ status, body, tookMs }: Answer, note = ""): void {
    const { status: state, provider } = body as Payment
    const { error } = body as Partial<Problem>
    const text = error === undefined ? `${state}, paid by ${provider}` : `${error.code}: ${error.message}`
    this.tell({ kind: "answers", status, text: text + note, tookMs })
  }

  /** One payment from the request to the answer. */
  async pays(paying: Paying, forWhat: string): Promise<{ readonly answer: Answer; readonly id: string }> {
    this.asks(paying)
    this.waits(forWhat)
    const answer = await this.api.pay(paying)
    this.answers(answer)
    return { answer, id: idOf(answer) }
  }

  async timeline(name: string, payment: string, usual = false) {
    const events = await this.api.timeline(payment)
    this.tell({ kind: "timeline", name, usual, events })
    return events
  }

  async balance(who: string, wallet: string, before: number): Promise<number> {
    const { balance, currency } = await this.api.wallet(wallet)
    this.tell({ kind: "balance", who, before, after: balance, currency })
    return balance
  }

  /** What the providers have written down about a payment. */
  async ledger(payment: string): Promise<ReadonlyArray<Movement>> {
    const movements = await this.simulator.ledger(payment)
    this.tell({ kind: "ledger", of: "ledger", movements })
    return movements
  }

  /** What the user was told, from the payment's last event. */
  async told(who: string, payment: string): Promise<string> {
    const events = await this.api.timeline(payment)
    const { title, message } = (events.find(({ type }) => type === "UserNotified")?.data ?? {}) as Record<
      string,
      string
    >
    this.tell({ kind: "told", who, title: title ?? "", message: message ?? "" })
    return message ?? ""
  }

  storyOf({ number, title }: Scenario): Story {
    return { number, title, beats: [...this.beats] }
  }
}

/** Of the payment that was made, or of the one that failed. */
export const idOf = ({ body }: Answer): string =>
  (body as Partial<Payment>).id ?? String((body as Partial<Problem>).error?.details["payment_id"] ?? "")

export const chargesIn = (movements: ReadonlyArray<Movement>): ReadonlyArray<Movement> =>
  movements.filter(({ kind }) => kind === "charge")
