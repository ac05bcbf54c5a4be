/**
 * The refunds a reader of a payment's story knows of. What a refund brought to the wallet is found by the refund's own
 * command, so its id has to be known first; and the story is not over while a refund is pending.
 */
import { RefundStep } from "../../../shared/contract/refund.ts"
import type { EventRecord, RefundRecord } from "../records.ts"

interface Told {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

const ENDS: ReadonlySet<string> = new Set(["PaymentRefunded", "RefundFailed"])

export class KnownRefunds {
  private readonly over = new Map<string, boolean>()

  constructor(refunds: ReadonlyArray<Pick<RefundRecord, "id" | "status">> = []) {
    for (const { id, status } of refunds) this.over.set(id, status !== "pending")
  }

  get ids(): ReadonlyArray<string> {
    return [...this.over.keys()]
  }

  get pending(): number {
    return this.ids.length - this.ended
  }

  get ended(): number {
    return [...this.over.values()].filter((over) => over).length
  }

  /** True where one was asked for that was not known: what it led to was not among the events that were asked for. */
  learn(records: ReadonlyArray<EventRecord>): boolean {
    const before = this.over.size
    for (const { type, body } of records) {
      if (type !== "RefundRequested") continue
      const { data } = JSON.parse(body) as Pick<Told, "data">
      const id = String(data["refund_id"])
      if (!this.over.has(id)) this.over.set(id, false)
    }
    return this.over.size > before
  }

  /** True where the event ends a refund. */
  hear({ type, data }: Told): boolean {
    if (!ENDS.has(type)) return false
    this.over.set(String(data["refund_id"]), true)
    return true
  }
}

export const CREDIT = "CreditRefund"
/** The name of a refund's command, as its saga gives it. */
export const commandName = (refund: string, name: string): string => `refund:${refund}:${name}`

/** Which of the saga's events come before a refund's command (its own story says why), by the command's name. */
export const sendersOf = (refund: string): ReadonlyArray<readonly [string, (event: Told) => boolean]> => {
  const says =
    (...types: ReadonlyArray<string>) =>
    ({ type, data }: Told): boolean =>
      types.includes(type) && data["refund_id"] === refund
  const done =
    (step: string) =>
    (event: Told): boolean =>
      says("SagaRefundStepCompleted")(event) && event.data["step"] === step
  const steps = RefundStep.literals.map((step, i, all) => {
    const earlier = all[i - 1]
    return [step, earlier === undefined ? says("SagaRefundStarted") : done(earlier)] as const
  })
  const named = [
    ...steps,
    ["release", says("SagaRefundStepFailed")] as const,
    ["NotifyUser", says("SagaRefundCompleted", "SagaRefundFailed")] as const
  ]
  return named.map(([name, sends]) => [commandName(refund, name), sends])
}
