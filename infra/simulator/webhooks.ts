/**
 * Sends the providers' call-backs, with real signatures, at least once and in no promised order; and, when told so,
 * badly (dropped, doubled, late, out of order). Off without a target. What is waiting here is lost with the process:
 * receivers must also ask, which is what these faults are for.
 */
import { now } from "./clock.ts"
import { BadControl, chance, fields, integer } from "./faults.ts"
import type { ProviderName } from "./provider.ts"
import type { Table, World } from "./world.ts"

const QUEUE_MAX = 100_000
const CONCURRENT_MAX = 16
const ATTEMPTS_MAX = 6
const BACKOFF_MS = 500
const REQUEST_TIMEOUT_MS = 10_000
/** An event that is to be overtaken waits this long, and the ones behind it do not. */
const REORDER_MS = 200

/** Adyen tries three times at once and then slower and slower, for 30 days; here a day is about a minute. */
const AT_ONCE_MAX = 3
const LINE_WAIT_MAX_MS = 60_000

type Waiting = { readonly delivery: Delivery; readonly attempt: number }

export type Delivery = { readonly provider: ProviderName; readonly body: string }

/** Signs at the moment of sending, as the providers do: a retry has a new timestamp. */
export type Signer = (body: string, at: number) => { readonly [header: string]: string }

export type Settings = {
  readonly id: "webhooks"
  readonly drop: number
  readonly duplicate: number
  readonly reorder: number
  readonly delay_ms: number
}

const OFF: Settings = { id: "webhooks", drop: 0, duplicate: 0, reorder: 0, delay_ms: 0 }

const share = (name: string, value: unknown): number => {
  if (typeof value === "boolean") return value ? 1 : 0
  try {
    return chance(name, value) ?? 0
  } catch {
    throw new BadControl(`${name}: true, false or a number from 0 to 1`)
  }
}

export const decodeSettings = (input: unknown): Settings => {
  const given = fields(input, ["drop", "duplicate", "delay_ms", "reorder"])
  return {
    id: "webhooks",
    drop: share("drop", given["drop"]),
    duplicate: share("duplicate", given["duplicate"]),
    reorder: share("reorder", given["reorder"]),
    delay_ms: integer("delay_ms", given["delay_ms"], 0, 3_600_000) ?? 0
  }
}

export class Webhooks {
  private readonly table: Table<Settings>
  private target: string | undefined
  private readonly signers: { [provider: string]: Signer } = {}
  private readonly queue: Array<Waiting> = []
  /** Adyen's: what is refused blocks everything behind it. */
  private readonly line: Array<Waiting> = []
  private lineMoves = false
  private readonly timers = new Set<ReturnType<typeof setTimeout>>()
  private running = 0

  constructor(world: World, target: string | undefined) {
    this.table = world.table<Settings>("webhooks")
    this.aim(target)
  }

  /** From now on, until the process ends. */
  aim(target: string | undefined): void {
    this.target = target?.replace(/\/$/, "")
  }

  get on(): boolean {
    return this.target !== undefined
  }

  get settings(): Settings {
    return this.table.get("webhooks") ?? OFF
  }

  set(settings: Settings): void {
    this.table.put(settings)
  }

  reset(): void {
    this.table.delete("webhooks")
  }

  signedBy(provider: ProviderName, signer: Signer): void {
    this.signers[provider] = signer
  }

  send(delivery: Delivery): void {
    if (!this.on) return
    const { drop, duplicate, reorder, delay_ms } = this.settings
    if (Math.random() < drop) return
    const late_ms = delay_ms + (Math.random() < reorder ? REORDER_MS : 0)
    this.enqueue(delivery, 0, late_ms)
    if (Math.random() < duplicate) this.enqueue(delivery, 0, late_ms)
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
    this.queue.length = 0
    this.line.length = 0
  }

  private enqueue(delivery: Delivery, attempt: number, wait_ms: number): void {
    if (wait_ms > 0) {
      this.after(wait_ms, () => this.enqueue(delivery, attempt, 0))
      return
    }
    const queue = delivery.provider === "adyen" ? this.line : this.queue
    if (queue.length >= QUEUE_MAX) return
    queue.push({ delivery, attempt })
    this.pump()
    this.move()
  }

  private after(wait_ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      then()
    }, wait_ms)
    this.timers.add(timer)
  }

  /** One after the other, and the same again until it is accepted. */
  private move(attempt = 1): void {
    const head = this.line[0]
    if (head === undefined || (this.lineMoves && attempt === 1)) return
    this.lineMoves = true
    void this.post(head.delivery).then((delivered) => {
      if (!delivered) {
        const slower = Math.min(BACKOFF_MS * 2 ** (attempt - AT_ONCE_MAX), LINE_WAIT_MAX_MS)
        this.after(attempt <= AT_ONCE_MAX ? 1 : slower, () => this.move(attempt + 1))
        return
      }
      this.lineMoves = false
      this.line.shift()
      this.move()
    })
  }

  private pump(): void {
    while (this.running < CONCURRENT_MAX) {
      const next = this.queue.shift()
      if (next === undefined) return
      this.running += 1
      void this.post(next.delivery).then((delivered) => {
        this.running -= 1
        const attempt = next.attempt + 1
        if (!delivered && attempt < ATTEMPTS_MAX) this.enqueue(next.delivery, attempt, BACKOFF_MS * 2 ** attempt)
        this.pump()
      })
    }
  }

  private async post({ provider, body }: Delivery): Promise<boolean> {
    try {
      const answer = await fetch(`${this.target}/${provider}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...this.signers[provider]?.(body, now()) },
        body,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS)
      })
      await answer.arrayBuffer()
      return answer.ok
    } catch {
      return false
    }
  }
}
